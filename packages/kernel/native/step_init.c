/*
 * PID 1 for programs that were not written to be it (`--init`).
 *
 *   PID 1: this loop ── waits for signals ─┬─ SIGCHLD: reap everybody's orphans; end as the program ended
 *     └─ the program                       └─ any other: hand it to the program
 */
#include "walk.h"

#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/prctl.h>

#define WAIT_NO_HANG 1

static int exit_code(int status)
{
	return (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f); /* wait(2) */
}

/*
 * Collect every child that has ended. Says whether `main_pid` was among them and stores its status.
 *
 * PID 1 inherits everybody's orphans and pending SIGCHLDs merge into one (signal(7)), so one wake-up
 * may stand for many deaths: ask until there is nothing left.
 */
static bool reap(long main_pid, int *main_status)
{
	bool main_ended = false;

	for (;;) {
		int status;
		long pid = sys4(__NR_wait4, -1, &status, WAIT_NO_HANG, 0);

		if (pid == -EINTR)
			continue;
		if (pid <= 0) /* 0: others still run; ECHILD: none is left */
			return main_ended;
		if (pid == main_pid) {
			*main_status = status;
			main_ended = true;
		}
	}
}

__attribute__((noreturn)) static void be_init(long main_pid)
{
	u64 all = ~0ULL;
	int status = 0;

	sys3(__NR_close_range, 0, ~0U, 0); /* the program's pipes must end with the program */
	for (;;) {
		long signal = sys4(__NR_rt_sigtimedwait, &all, NULL, NULL, sizeof all);

		if (signal == SIGCHLD) {
			if (reap(main_pid, &status))
				sys1(__NR_exit_group, exit_code(status));
		} else if (signal > 0) {
			sys2(__NR_kill, main_pid, signal);
		}
	}
}

/* A group of its own in the foreground of the terminal, so that Ctrl-C reaches the program and not PID 1. */
static void take_foreground(void)
{
	s32 group = (s32)sys0(__NR_getpid);

	sys2(__NR_setpgid, 0, 0);
	sys3(__NR_ioctl, 0, TIOCSPGRP, &group); /* ENOTTY without a terminal; SIGTTOU is blocked here */
}

int do_become_init(struct walker *walker)
{
	u64 all = ~0ULL, none = 0;
	long pid;

	sys2(__NR_prctl, PR_SET_NAME, "ctr-init"); /* before the program can look; its exec names it anew */
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all); /* they wait for be_init() */
	pid = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return failed(walker, "clone", NULL, pid);
	if (pid > 0)
		be_init(pid);
	take_foreground();
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
	return 0;
}
