/*
 * ctr-init: a static program without a libc that walks plans outside of Node.
 *
 *   ctr-init start     fd 3: the plan   fd 4: the parent                  walks and becomes the program
 *   ctr-init monitor   see monitor.c                                      starts a container and stays with it
 */
#include "walk.h"
#include "monitor.h"

#include <linux/mman.h>
#include <asm/signal.h>
#include <linux/memfd.h>
#include <linux/prctl.h>

void *memcpy(void *to, const void *from, size_t size)
{
	u8 *out = to;
	const u8 *in = from;

	for (; size >= 8; size -= 8, in += 8, out += 8) {
		u64 eight;

		__builtin_memcpy(&eight, in, 8);
		__builtin_memcpy(out, &eight, 8);
	}
	while (size-- > 0)
		*out++ = *in++;
	return to;
}

void *memset(void *memory, int value, size_t size)
{
	u8 *at = memory;

	while (size-- > 0)
		*at++ = (u8)value;
	return memory;
}

/* Signals as a program expects to find them: nothing blocked, nothing ignored. Node ignores SIGPIPE. */
static void reset_signals(void)
{
	struct {
		void *handler;
		u64 flags;
		void *restorer;
		u64 mask;
	} standard = {0};
	u64 none = 0;

	for (int signal = 1; signal <= 64; signal++)
		sys4(__NR_rt_sigaction, signal, &standard, NULL, sizeof none);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

u8 *map_plan(int fd, u64 *size, u64 **stamps)
{
	struct statx status;
	u64 header[3];
	long memory;

	if (sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &status) < 0)
		return NULL;
	memory = sys6(__NR_mmap, 0, (long)status.stx_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory < 0 && memory > -4096)
		return NULL;
	*size = status.stx_size;
	*stamps = NULL;
	if (*size < sizeof header)
		return (u8 *)memory;
	copy(header, (void *)memory, sizeof header);
	/* Room behind the steps means that somebody wants to know the times. */
	if (header[2] <= *size && header[2] % 8 == 0 && *size - header[2] >= (header[1] + 1) * 8 && *size - header[2] > 0)
		*stamps = (u64 *)(void *)((u8 *)memory + header[2]);
	return (u8 *)memory;
}

int walk_plan_of(int plan, int channel)
{
	struct walker walker = {.channel = channel, .rootfs = NO_FD, .proc = NO_FD};
	u64 size;
	u8 *bytes;

	/* Whoever shares a PID namespace with us must not trace us or read our fds before the program runs (CVE-2016-9962). */
	sys2(__NR_prctl, PR_SET_DUMPABLE, 0);
	sys1(__NR_umask, 0);
	/* The parent learns from the end of the channel that the program runs. */
	sys3(__NR_fcntl, plan, F_SETFD, FD_CLOEXEC);
	sys3(__NR_fcntl, channel, F_SETFD, FD_CLOEXEC);
	bytes = map_plan(plan, &size, &walker.stamps);
	if (bytes == NULL)
		failed(&walker, "mmap", "the plan", -ENOMEM);
	else if (walk(&walker, bytes, size) == 0)
		return 0;
	report_failure(&walker);
	return 127;
}

__attribute__((noreturn, used)) void start(long *stack)
{
	long count = stack[0];
	char **arguments = (char **)(stack + 1);
	int code = 2;

	reset_signals();
	if (count >= 2 && text_equal(arguments[1], "start"))
		code = walk_plan_of(3, 4);
	else if (count >= 2 && text_equal(arguments[1], "monitor"))
		code = monitor(arguments + 2);
	sys1(__NR_exit_group, code);
	__builtin_unreachable();
}
