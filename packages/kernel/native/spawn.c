/*
 * A child of this process that never runs a line of it: clone3(2) with CLONE_VM and CLONE_VFORK, so
 * nothing is copied and this thread sleeps until the child's exec, microseconds later.
 *
 * The child borrows this thread's stack below the current frame. That is sound because the only call
 * after the clone is into a function that never returns, and because every signal is blocked meanwhile:
 * no handler of Node can run in the child.
 */
#include "spawn.h"
#include "clone.h"

#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/prctl.h>

#define ABOVE 512 /* where fds are kept while the low numbers are given out */

/*
 * In a new user namespace nobody has an id yet, and an exec by nobody drops all capabilities, with which
 * the plan goes on: ambient ones are kept. @see capabilities(7), "Transformation of capabilities during execve()"
 */
static void keep_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (sys2(__NR_capget, &header, data) < 0)
		return;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = data[i].permitted;
	sys2(__NR_capset, &header, data);
	for (int capability = 0; capability < 64; capability++) /* beyond the kernel's last: EINVAL */
		sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

__attribute__((noinline, noreturn)) static void become_init(struct spawn *spawn)
{
	static char *const environment[] = {NULL};
	int kept[SPAWN_FDS];
	long program = sys3(__NR_fcntl, spawn->program, F_DUPFD_CLOEXEC, ABOVE);

	for (u32 i = 0; i < spawn->count && program >= 0; i++) {
		kept[i] = (int)sys3(__NR_fcntl, spawn->from[i], F_DUPFD_CLOEXEC, ABOVE);
		if (kept[i] < 0)
			program = kept[i];
	}
	for (u32 i = 0; i < spawn->count && program >= 0; i++) {
		long error = sys3(__NR_dup3, kept[i], spawn->at[i], 0);

		if (error < 0)
			program = error;
	}
	if (program >= 0) {
		/* Without CLONE_FILES the table is the child's own. What was not asked for is not inherited. */
		int highest = 2;

		for (u32 i = 0; i < spawn->count; i++)
			highest = spawn->at[i] > highest ? spawn->at[i] : highest;
		sys3(__NR_close_range, highest + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
		if (spawn->namespaces & CLONE_NEWUSER)
			keep_capabilities();
		program = sys5(__NR_execveat, program, "", spawn->arguments, environment, AT_EMPTY_PATH);
	}
	spawn->error = (int)program;
	sys1(__NR_exit_group, 127);
	__builtin_unreachable();
}

long spawn(struct spawn *spawn)
{
	struct clone_args args = {
		.flags = spawn->namespaces | CLONE_VM | CLONE_VFORK | CLONE_PIDFD |
			 (spawn->cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (u64)(uintptr_t)&spawn->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = spawn->cgroup >= 0 ? (u64)spawn->cgroup : 0,
	};
	u64 all = ~0ULL, before;
	long pid;

	spawn->pidfd = -1;
	spawn->error = 0;
	sys4(__NR_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
	pid = clone_process(&args);
	if (pid == 0)
		become_init(spawn);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	return pid;
}
