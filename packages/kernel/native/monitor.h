#ifndef CTR_MONITOR_H
#define CTR_MONITOR_H

#include "sys.h"

/* init.c */
int walk_plan_of(int plan, int channel);

/* monitor.c: the exit code of `ctr-init monitor`. `arguments` follow that word. */
int monitor(char **arguments);

/* clock.c: "2026-11-24T23:33:00.123456789Z" and a NUL; `text` has room for 31 bytes. */
void time_text(char text[31]);

/* log.c: one stream of a container's output on its way into the log. */
#define LINE_ROOM 16384

struct log {
	int directory; /* where log.json is made and turned over */
	int file;
	u64 size;  /* bytes in the file */
	u64 limit; /* bytes after which the file becomes log.json.1; 0: no log is kept */
};

struct line {
	const char *stream;
	size_t used;
	u8 bytes[LINE_ROOM];
};

/* Adds output to the log, a JSON object for each line. */
void log_output(struct log *log, struct line *line, const u8 *data, size_t size);

/* Writes what is left of a line that was never ended. */
void log_end(struct log *log, struct line *line);

/* attach.c: people who watch, type and wait. */
#define CLIENTS 16

enum attach_kind {
	ATTACH_INPUT = 20,  /* with an fd: read it and give it to the container */
	ATTACH_OUTPUT = 21, /* with an fd: standard output goes there too */
	ATTACH_ERRORS = 22, /* with an fd: standard error goes there too */
	ATTACH_RESIZE = 23, /* step: rows, number: columns */
};

struct client {
	int socket;
	int input;
	int output;
	int errors;
};

struct clients {
	int listener;
	u64 count;
	struct client all[CLIENTS];
};

/* Takes new clients and all that they have sent; `terminal` is resized when it is not negative. */
void serve_clients(struct clients *clients, int terminal);

/* Hands a piece of output to every client that asked for the stream. */
void show_output(struct clients *clients, bool errors, const u8 *data, size_t size);

/* Tells every client how the container ended. */
void tell_exit(struct clients *clients, int status);

#endif
