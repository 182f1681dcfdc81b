/* What a child and its parent say to each other: one packet each over a SOCK_SEQPACKET pair. */
#ifndef CTR_MESSAGE_H
#define CTR_MESSAGE_H

#include "sys.h"

enum message_kind {
	MESSAGE_BARRIER = 1,  /* text: its name. The answer is one byte */
	MESSAGE_FAILED = 2,   /* step, error, call, text: the path, detail */
	MESSAGE_TERMINAL = 3, /* with the master's fd */
	MESSAGE_FORKED = 4,   /* number: pid; with its pidfd */
	MESSAGE_STARTED = 5,  /* number: pid, as the monitor sees it; with its pidfd */
	MESSAGE_EXITED = 6,   /* number: wait status, from the monitor */
};

struct message {
	u32 kind;
	u32 step;
	s32 error;
	u32 number;
	char call[24];
	char text[256];
	char detail[128];
};

/* Sends `message`, with `fd` when it is not negative. 0 or minus errno. */
int send_message(int channel, const struct message *message, int fd);

/* Receives one message and the fd that came with it, or -1 in `fd`. 1, 0 at the end, or minus errno. */
int receive_message(int channel, struct message *message, int *fd, int flags);

#endif
