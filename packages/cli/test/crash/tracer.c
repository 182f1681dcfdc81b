/*
 * tracer REPORT ROOT count                    -- PROGRAM ARG...
 * tracer REPORT ROOT kill NUMBER              -- PROGRAM ARG...
 * tracer REPORT ROOT fail NUMBER ERRNO        -- PROGRAM ARG...
 *
 * Run a program and number the system calls that it, its threads and its children make to change
 * something below the directory ROOT: 1, 2, 3 ... in the order in which they are about to happen.
 *
 *   count   let all of them happen
 *   kill    SIGKILL for every process of the tree instead of call NUMBER
 *   fail    call NUMBER does not happen and returns ERRNO; all others happen
 *
 * To fail, opening a file below ROOT counts too, whatever it is opened for: a process may be out of
 * file descriptors there. REPORT gets a line for each call that was counted (in count mode) or met (in
 * the others) and, last, "end CALLS STATUS": how many there were and how the program ended, as
 * waitpid(2) says. The tracer is over when the whole tree is.
 *
 * A seccomp filter stops the tree at candidates only, so everything else runs at full speed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "only the registers of x86-64 are known here"
#endif

#define FICLONE 0x40049409 /* ioctl_ficlone(2) */
#define SYS_fchmodat2_ 452

/* Where a call says what it changes: `fd`, `directory` and `path` are numbers of arguments, -1 is none. */
struct call {
	int number;
	const char *name;
	int fd, directory, path;
};

static const struct call calls[] = {
	{ SYS_open, "open", -1, -1, 0 },
	{ SYS_creat, "creat", -1, -1, 0 },
	{ SYS_openat, "openat", -1, 0, 1 },
	{ SYS_openat2, "openat2", -1, 0, 1 },
	{ SYS_write, "write", 0, -1, -1 },
	{ SYS_pwrite64, "pwrite64", 0, -1, -1 },
	{ SYS_writev, "writev", 0, -1, -1 },
	{ SYS_pwritev, "pwritev", 0, -1, -1 },
	{ SYS_pwritev2, "pwritev2", 0, -1, -1 },
	{ SYS_sendfile, "sendfile", 0, -1, -1 },
	{ SYS_splice, "splice", 2, -1, -1 },
	{ SYS_copy_file_range, "copy_file_range", 2, -1, -1 },
	{ SYS_ioctl, "ioctl", 0, -1, -1 },
	{ SYS_truncate, "truncate", -1, -1, 0 },
	{ SYS_ftruncate, "ftruncate", 0, -1, -1 },
	{ SYS_fallocate, "fallocate", 0, -1, -1 },
	{ SYS_fsync, "fsync", 0, -1, -1 },
	{ SYS_fdatasync, "fdatasync", 0, -1, -1 },
	{ SYS_sync_file_range, "sync_file_range", 0, -1, -1 },
	{ SYS_syncfs, "syncfs", 0, -1, -1 },
	{ SYS_rename, "rename", -1, -1, 1 },
	{ SYS_renameat, "renameat", -1, 2, 3 },
	{ SYS_renameat2, "renameat2", -1, 2, 3 },
	{ SYS_unlink, "unlink", -1, -1, 0 },
	{ SYS_unlinkat, "unlinkat", -1, 0, 1 },
	{ SYS_rmdir, "rmdir", -1, -1, 0 },
	{ SYS_mkdir, "mkdir", -1, -1, 0 },
	{ SYS_mkdirat, "mkdirat", -1, 0, 1 },
	{ SYS_mknod, "mknod", -1, -1, 0 },
	{ SYS_mknodat, "mknodat", -1, 0, 1 },
	{ SYS_symlink, "symlink", -1, -1, 1 },
	{ SYS_symlinkat, "symlinkat", -1, 1, 2 },
	{ SYS_link, "link", -1, -1, 1 },
	{ SYS_linkat, "linkat", -1, 2, 3 },
	{ SYS_chmod, "chmod", -1, -1, 0 },
	{ SYS_fchmod, "fchmod", 0, -1, -1 },
	{ SYS_fchmodat, "fchmodat", -1, 0, 1 },
	{ SYS_fchmodat2_, "fchmodat2", -1, 0, 1 },
	{ SYS_chown, "chown", -1, -1, 0 },
	{ SYS_lchown, "lchown", -1, -1, 0 },
	{ SYS_fchown, "fchown", 0, -1, -1 },
	{ SYS_fchownat, "fchownat", -1, 0, 1 },
	{ SYS_setxattr, "setxattr", -1, -1, 0 },
	{ SYS_lsetxattr, "lsetxattr", -1, -1, 0 },
	{ SYS_fsetxattr, "fsetxattr", 0, -1, -1 },
	{ SYS_removexattr, "removexattr", -1, -1, 0 },
	{ SYS_lremovexattr, "lremovexattr", -1, -1, 0 },
	{ SYS_fremovexattr, "fremovexattr", 0, -1, -1 },
	{ SYS_utime, "utime", -1, -1, 0 },
	{ SYS_utimes, "utimes", -1, -1, 0 },
	{ SYS_utimensat, "utimensat", -1, 0, 1 },
	{ SYS_mount, "mount", -1, -1, 1 },
	{ SYS_move_mount, "move_mount", -1, 2, 3 },
	{ SYS_umount2, "umount2", -1, -1, 0 },
};

#define CALLS (sizeof calls / sizeof calls[0])

enum mode { COUNT, KILL, FAIL };

static enum mode mode;
static unsigned long number; /* of the call that is killed or fails */
static int error;
static const char *root;
static FILE *report;

static unsigned long counted;
static bool killing;

static void die(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(2); /* PTRACE_O_EXITKILL takes the tree along */
}

/* Stop at every call of the table, in this process and all that come from it. @see seccomp(2) */
static void install_filter(void)
{
	struct sock_filter filter[2 * CALLS + 2];
	size_t at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++) {
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
		filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	}
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

	struct sock_fprog program = { .len = at, .filter = filter };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		die("seccomp");
}

/* Read from a stopped thread; the number of bytes that could be. */
static size_t peek(pid_t thread, uint64_t from, void *to, size_t size)
{
	struct iovec here = { to, size }, there = { (void *)(uintptr_t)from, size };
	ssize_t got = process_vm_readv(thread, &here, 1, &there, 1, 0);

	return got < 0 ? 0 : (size_t)got;
}

/* A path may end just before a page that is not there, so read no further than each page's end. */
static void peek_path(pid_t thread, uint64_t from, char *to, size_t size)
{
	size_t length = 0;

	while (length + 1 < size) {
		size_t room = 4096 - ((from + length) & 4095);
		size_t got;

		if (room > size - 1 - length)
			room = size - 1 - length;
		got = peek(thread, from + length, to + length, room);
		if (memchr(to + length, 0, got) != NULL)
			return;
		length += got;
		if (got < room)
			break;
	}
	to[length] = 0;
}

/* What a link of /proc says, "" when there is none. */
static void read_proc_link(pid_t thread, const char *kind, int fd, char *to, size_t size)
{
	char name[64];
	ssize_t length;

	if (fd < 0)
		snprintf(name, sizeof name, "/proc/%d/%s", thread, kind);
	else
		snprintf(name, sizeof name, "/proc/%d/%s/%d", thread, kind, fd);
	length = readlink(name, to, size - 1);
	to[length < 0 ? 0 : length] = 0;
}

/* The path that a call is about. */
static void subject(pid_t thread, const struct call *call, const uint64_t *args, char *to, size_t size)
{
	char path[4096];
	size_t length;

	if (call->fd >= 0) {
		read_proc_link(thread, "fd", (int)args[call->fd], to, size);
		return;
	}
	peek_path(thread, args[call->path], path, sizeof path);
	if (path[0] == '/') {
		snprintf(to, size, "%s", path);
		return;
	}
	if (call->directory >= 0 && (int)args[call->directory] != AT_FDCWD)
		read_proc_link(thread, "fd", (int)args[call->directory], to, size);
	else
		read_proc_link(thread, "cwd", -1, to, size);
	length = strlen(to);
	if (path[0] != 0)
		snprintf(to + length, size - length, "/%s", path);
}

static bool is_below_root(const char *path)
{
	size_t length = strlen(root);

	return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0 || path[length] == ' ');
}

/* Opening to read changes nothing, and of ioctls only cloning does. */
static bool is_wanted(pid_t thread, const struct call *call, const uint64_t *args)
{
	uint64_t flags = 0;

	switch (call->number) {
	case SYS_ioctl:
		return args[1] == FICLONE;
	case SYS_open:
		flags = args[1];
		break;
	case SYS_openat:
		flags = args[2];
		break;
	case SYS_openat2: {
		struct open_how how = { 0 };

		if (peek(thread, args[2], &how, sizeof how) < sizeof how.flags)
			return false;
		flags = how.flags;
		break;
	}
	default:
		return true;
	}
	return mode == FAIL || (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/* The call does not happen and returns the error. @see ptrace(2), seccomp(2): a negative number skips it */
static void fail_call(pid_t thread)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, thread, 0, &registers) != 0)
		return; /* killed meanwhile */
	registers.orig_rax = (unsigned long long)-1;
	registers.rax = (unsigned long long)-(long long)error;
	ptrace(PTRACE_SETREGS, thread, 0, &registers);
}

/* A thread is about to make a call of the table. */
static void meet(pid_t thread)
{
	struct __ptrace_syscall_info info;
	const struct call *call = NULL;
	char path[8192];

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0)
		return; /* killed meanwhile */
	for (size_t i = 0; i < CALLS && call == NULL; i++)
		if ((__u64)calls[i].number == info.seccomp.nr)
			call = &calls[i];
	if (call == NULL || !is_wanted(thread, call, info.seccomp.args))
		return;
	subject(thread, call, info.seccomp.args, path, sizeof path);
	if (!is_below_root(path))
		return;
	counted++;
	if (mode == COUNT || counted == number)
		fprintf(report, "%s %s\n", call->name, path + strlen(root));
	if (counted != number)
		return;
	if (mode == KILL)
		killing = true;
	if (mode == FAIL)
		fail_call(thread);
}

static const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			    PTRACE_O_EXITKILL;

/* Every thread that there may be. */
static pid_t *threads;
static size_t thread_count;

static void remember(pid_t thread)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i] == thread)
			return;
	if ((thread_count & (thread_count - 1)) == 0) {
		threads = realloc(threads, (thread_count == 0 ? 1 : 2 * thread_count) * sizeof *threads);
		if (threads == NULL)
			die("realloc");
	}
	threads[thread_count++] = thread;
}

static void forget(pid_t thread)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i] == thread)
			threads[i--] = threads[--thread_count];
}

/* kill(2) takes the number of any thread. Those that nobody has told of yet die when they report. */
static void kill_all(void)
{
	for (size_t i = 0; i < thread_count; i++)
		kill(threads[i], SIGKILL);
}

static void go_on(pid_t thread, int status)
{
	int event = status >> 16, sent = WSTOPSIG(status);

	if (event == PTRACE_EVENT_SECCOMP) {
		meet(thread);
		if (killing) {
			kill_all();
			return;
		}
	}
	if (event == PTRACE_EVENT_STOP && (sent == SIGSTOP || sent == SIGTSTP || sent == SIGTTIN || sent == SIGTTOU))
		ptrace(PTRACE_LISTEN, thread, 0, 0);
	else
		ptrace(PTRACE_CONT, thread, 0, event == 0 ? sent : 0);
}

/* Returns how the program ended, once it and all that came from it have. */
static int follow(pid_t program)
{
	int end = 0;

	for (;;) {
		int status;
		pid_t thread = waitpid(-1, &status, __WALL);

		if (thread < 0 && errno == EINTR)
			continue;
		if (thread < 0)
			return end; /* ECHILD: none is left */
		if (!WIFSTOPPED(status)) {
			forget(thread);
			if (thread == program)
				end = status;
			continue;
		}
		remember(thread);
		if (killing)
			kill_all();
		else
			go_on(thread, status);
	}
}

static void read_arguments(char **argv)
{
	if (strcmp(argv[3], "kill") == 0)
		mode = KILL;
	if (strcmp(argv[3], "fail") == 0)
		mode = FAIL;
	root = argv[2];
	if (mode != COUNT)
		number = strtoul(argv[4], NULL, 10);
	if (mode == FAIL)
		error = atoi(argv[5]);
	report = fopen(argv[1], "we");
	if (report == NULL)
		die(argv[1]);
}

int main(int argc, char **argv)
{
	int ready[2], at = 4;
	char byte = 0;
	pid_t program;

	while (at < argc && strcmp(argv[at], "--") != 0)
		at++;
	if (at + 1 >= argc) {
		fprintf(stderr, "usage: tracer REPORT ROOT count|kill|fail [NUMBER [ERRNO]] -- PROGRAM ARG...\n");
		return 2;
	}
	read_arguments(argv);
	if (pipe2(ready, O_CLOEXEC) != 0)
		die("pipe");
	program = fork();
	if (program < 0)
		die("fork");
	if (program == 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			_exit(2);
		install_filter();
		execvp(argv[at + 1], argv + at + 1);
		die(argv[at + 1]);
	}
	if (ptrace(PTRACE_SEIZE, program, 0, options) != 0)
		die("ptrace");
	remember(program);
	if (write(ready[1], &byte, 1) != 1)
		die("write");
	int end = follow(program);

	fprintf(report, "end %lu %d\n", counted, end);
	return fclose(report) == 0 ? 0 : 2;
}
