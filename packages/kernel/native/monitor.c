/*
 * The process that stays with a container: starts it, keeps its output, knows how it ended. Nobody else
 * has to be there for it.
 *
 *   fd 3  the plan               fd 5  socket that clients connect to
 *   fd 4  whoever starts it      fd 6  the container's directory: log.json, exit
 *
 *   arguments: namespace flags, fd of a cgroup or -1, terminal (0, 1), stdin (0, 1), log limit in bytes,
 *   then the command to become once the container has ended, if any
 */
#include "monitor.h"
#include "clone.h"
#include "message.h"

#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/poll.h>
#include <linux/time.h>

enum { PLAN = 3, STARTER = 4, LISTENER = 5, DIRECTORY = 6 };
enum { CONSOLE = 5 }; /* in the container's first process: where the terminal's master is sent */

struct options {
	u64 namespaces;
	s64 cgroup;
	bool terminal;
	bool input;
	u64 log_limit;
	char **after;
};

struct container {
	long pid;
	int pidfd;
	int input;      /* what is written here it reads */
	int streams[2]; /* standard output and error; a terminal has the first alone, and `input` is the same fd */
	int console;    /* the terminal's master arrives here */
};

static s64 number(const char *text)
{
	s64 value = 0;
	bool negative = *text == '-';

	for (text += negative; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return negative ? -value : value;
}

static bool read_options(char **arguments, struct options *options)
{
	for (int i = 0; i < 5; i++)
		if (arguments[i] == NULL)
			return false;
	*options = (struct options){
		.namespaces = (u64)number(arguments[0]),
		.cgroup = number(arguments[1]),
		.terminal = number(arguments[2]) != 0,
		.input = number(arguments[3]) != 0,
		.log_limit = (u64)number(arguments[4]),
		.after = arguments + 5,
	};
	return true;
}

static void place(int fd, int at)
{
	if (fd != at)
		sys3(__NR_dup3, fd, at, 0);
}

/* In the container's first process: only stdio, the plan, the starter and the console socket are left. */
__attribute__((noreturn)) static void become_container(const struct options *options, int stdio[3], int console)
{
	u64 none = 0;
	int nothing = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
	for (int fd = 0; fd <= 2; fd++)
		place(stdio[fd] >= 0 ? stdio[fd] : nothing, fd);
	if (options->terminal)
		place(console, CONSOLE);
	if (options->terminal)
		sys3(__NR_fcntl, CONSOLE, F_SETFD, FD_CLOEXEC);
	sys3(__NR_close_range, options->terminal ? CONSOLE + 1 : CONSOLE, ~0U, 0);
	sys1(__NR_exit_group, walk_plan_of(PLAN, STARTER));
	__builtin_unreachable();
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			sys_close(pair[i]);
}

/* Is what `ps` shows of a container's init: its name, and not what its monitor was told. */
static void hide_arguments(char **arguments)
{
	for (; *arguments != NULL; arguments++)
		zero(*arguments, text_length(*arguments));
}

static long start_container(const struct options *options, struct container *container, char **arguments)
{
	int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1}, console[2] = {-1, -1};
	struct clone_args args = {
		.flags = options->namespaces | CLONE_PIDFD | (options->cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (u64)(uintptr_t)&container->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (u64)options->cgroup,
	};
	long error = 0;

	*container = (struct container){-1, -1, -1, {-1, -1}, -1};
	if (options->terminal) {
		error = sys4(__NR_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC, 0, console);
	} else {
		error = sys2(__NR_pipe2, output, O_CLOEXEC);
		if (error == 0)
			error = sys2(__NR_pipe2, errors, O_CLOEXEC);
		if (error == 0 && options->input)
			error = sys2(__NR_pipe2, input, O_CLOEXEC);
	}
	if (error == 0)
		error = clone_process(&args);
	if (error == 0) {
		hide_arguments(arguments - 1);
		become_container(options, (int[3]){input[0], output[1], errors[1]}, console[1]);
	}
	if (input[1] >= 0)
		sys3(__NR_fcntl, input[1], F_SETFL, O_WRONLY | O_NONBLOCK);
	if (error > 0) {
		*container = (struct container){error, container->pidfd, input[1], {output[0], errors[0]}, console[0]};
		input[1] = output[0] = errors[0] = console[0] = -1;
	}
	close_pair(input);
	close_pair(output);
	close_pair(errors);
	close_pair(console);
	return error;
}

static void close_stream(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

struct session {
	struct container container;
	int deaths; /* a signalfd of SIGCHLD */
	int status;    /* of wait(2), of the container's first process or what replaced it */
	bool replaced;
	struct clients clients;
	struct log log;
	struct line lines[2];
	bool terminal;
	/* Typed, and not taken by the program yet. Nobody is asked for more meanwhile: a program that does not read must not stop its own output. */
	u8 typed[4096];
	size_t typed_at, typed_size;
};

/* Moves one piece of output. False at its end. */
static bool move_output(struct session *session, int index)
{
	u8 data[65536];
	int *stream = &session->container.streams[index];
	long size = sys_read(*stream, data, sizeof data);

	if (size == -EAGAIN)
		return true;
	if (size <= 0) { /* a terminal whose other end is closed says EIO */
		if (session->container.input == *stream)
			session->container.input = -1;
		close_stream(stream);
		return false;
	}
	show_output(&session->clients, index == 1, data, (size_t)size);
	log_output(&session->log, &session->lines[index], data, (size_t)size);
	return true;
}

static void give_typed(struct session *session)
{
	while (session->typed_at < session->typed_size) {
		long done = session->container.input < 0 ? -EPIPE
							 : sys_write(session->container.input, session->typed + session->typed_at,
								     session->typed_size - session->typed_at);

		if (done == -EAGAIN)
			return;
		if (done < 0) { /* nobody will read it any more */
			session->typed_at = session->typed_size;
			if (!session->terminal)
				close_stream(&session->container.input);
			return;
		}
		session->typed_at += (size_t)done;
	}
}

static void take_typed(struct session *session, struct client *client)
{
	long size = sys_read(client->input, session->typed, sizeof session->typed);

	if (size == -EAGAIN)
		return;
	if (size > 0) {
		session->typed_at = 0;
		session->typed_size = (size_t)size;
		give_typed(session);
		return;
	}
	close_stream(&client->input);
	if (!session->terminal) /* the program sees the end of its input, as after `echo hi |` */
		close_stream(&session->container.input);
}

static void take_terminal(struct session *session)
{
	struct message message;
	int master;

	if (receive_message(session->container.console, &message, &master, 0) == 1 && master >= 0) {
		sys3(__NR_fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
		session->container.streams[0] = master;
		session->container.input = master;
	}
	close_stream(&session->container.console);
}

enum { DEATHS_AT, CONSOLE_AT, FIRST_STREAM, SECOND_STREAM, LISTENER_AT, INPUT_AT, FIXED_FDS };

static u64 list_fds(struct session *session, struct pollfd *fds)
{
	u64 count = FIXED_FDS;
	bool pending = session->typed_at < session->typed_size;

	fds[INPUT_AT] = (struct pollfd){pending ? session->container.input : -1, POLLOUT, 0};
	fds[DEATHS_AT] = (struct pollfd){session->deaths, POLLIN, 0};
	fds[CONSOLE_AT] = (struct pollfd){session->container.console, POLLIN, 0};
	fds[FIRST_STREAM] = (struct pollfd){session->container.streams[0], POLLIN, 0};
	fds[SECOND_STREAM] = (struct pollfd){session->container.streams[1], POLLIN, 0};
	fds[LISTENER_AT] = (struct pollfd){session->clients.listener, POLLIN, 0};
	for (u64 i = 0; i < session->clients.count; i++) {
		fds[count++] = (struct pollfd){session->clients.all[i].socket, POLLIN, 0};
		fds[count++] = (struct pollfd){pending ? -1 : session->clients.all[i].input, POLLIN, 0};
	}
	return count;
}

/* Whatever the container wrote before it ended is still in its pipes. Others may hold them open: do not wait. */
static void drain(struct session *session)
{
	for (int i = 0; i < 2; i++) {
		while (session->container.streams[i] >= 0) {
			struct pollfd readable = {session->container.streams[i], POLLIN, 0};
			struct __kernel_timespec no_time = {0, 0};

			if (sys5(__NR_ppoll, &readable, 1, &no_time, NULL, 0) <= 0 || !move_output(session, i))
				break;
		}
		log_end(&session->log, &session->lines[i]);
	}
}

/*
 * Reaps. A `fork` step replaces the container's first process by a child of ours (CLONE_PARENT): the
 * container has ended when no child is left.
 */
static bool all_have_ended(struct session *session)
{
	u8 information[128]; /* struct signalfd_siginfo; signals merge, so what it says is not asked */
	int status;
	long pid;

	sys_read(session->deaths, information, sizeof information);
	while ((pid = sys4(__NR_wait4, -1, &status, 1 /* WNOHANG */, 0)) > 0) {
		if (pid == session->container.pid && session->replaced)
			continue;
		session->status = status;
		session->replaced = pid != session->container.pid;
	}
	return pid == -ECHILD;
}

static void stay(struct session *session)
{
	struct pollfd fds[FIXED_FDS + 2 * CLIENTS];

	for (;;) {
		u64 count = list_fds(session, fds), clients = session->clients.count;
		struct client before[CLIENTS];

		copy(before, session->clients.all, sizeof before);
		if (sys5(__NR_ppoll, fds, count, NULL, NULL, 0) < 0)
			continue;
		if (fds[CONSOLE_AT].revents != 0)
			take_terminal(session);
		/* Clients first: who was there before the container wrote sees all that it writes. */
		serve_clients(&session->clients, session->terminal ? session->container.streams[0] : -1);
		for (int i = 0; i < 2; i++)
			if (fds[FIRST_STREAM + i].revents != 0 && session->container.streams[i] >= 0)
				move_output(session, i);
		if (fds[INPUT_AT].revents != 0)
			give_typed(session);
		for (u64 i = 0; i < clients; i++)
			for (u64 j = 0; j < session->clients.count; j++)
				if (fds[FIXED_FDS + 2 * i + 1].revents != 0 && session->typed_at == session->typed_size &&
				    session->clients.all[j].input == before[i].input)
					take_typed(session, &session->clients.all[j]);
		if (fds[DEATHS_AT].revents != 0 && all_have_ended(session))
			return;
	}
}

static char *append(char *to, const char *text)
{
	return to + copy_text(to, 128, text);
}

/* {"status":<of wait(2)>,"time":"…"}, complete or not there at all. */
static void write_exit(int status)
{
	char text[128], digits[21], time[31], *at = text;
	int fd = sys_openat(DIRECTORY, "exit.new", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	number_text(digits, (u64)(u32)status);
	time_text(time);
	at = append(append(append(append(append(at, "{\"status\":"), digits), ",\"time\":\""), time), "\"}\n");
	if (fd < 0)
		return;
	write_all(fd, text, (size_t)(at - text));
	sys_close(fd);
	sys5(__NR_renameat2, DIRECTORY, "exit.new", DIRECTORY, "exit", 0);
}

int monitor(char **arguments)
{
	static struct session session;
	struct options options;
	struct message started = {.kind = MESSAGE_STARTED};
	u64 all = ~0ULL;
	u64 death = 1ULL << (SIGCHLD - 1);
	long pid;

	if (!read_options(arguments, &options))
		return 2;
	sys0(__NR_setsid);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	session.deaths = (int)sys4(__NR_signalfd4, -1, &death, sizeof death, O_CLOEXEC | O_NONBLOCK);
	pid = session.deaths < 0 ? session.deaths : start_container(&options, &session.container, arguments);
	if (pid < 0) {
		started.kind = MESSAGE_FAILED;
		started.error = (s32)-pid;
		copy_text(started.call, sizeof started.call, "clone3");
		send_message(STARTER, &started, -1);
		return 1;
	}
	started.number = (u32)pid;
	send_message(STARTER, &started, session.container.pidfd);
	sys_close(STARTER); /* its end is how the starter knows that the program runs */
	sys_close(PLAN);
	if (options.cgroup >= 0)
		sys_close((int)options.cgroup);
	session.terminal = options.terminal;
	session.clients.listener = LISTENER;
	session.log = (struct log){.directory = DIRECTORY, .file = -1, .limit = options.log_limit};
	session.lines[0].stream = "stdout";
	session.lines[1].stream = "stderr";
	stay(&session);
	drain(&session);
	write_exit(session.status);
	tell_exit(&session.clients, session.status);
	if (options.after[0] != NULL) {
		static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

		sys4(__NR_rt_sigprocmask, SIG_SETMASK, &(u64){0}, NULL, sizeof all);
		sys3(__NR_close_range, 3, ~0U, 0);
		sys3(__NR_execve, options.after[0], options.after, environment);
	}
	return 0;
}
