#ifndef CTR_CLONE_H
#define CTR_CLONE_H

#include "sys.h"

/*
 * clone3(2), or clone(2) where a seccomp filter or an old kernel has no clone3: what a container manager
 * finds when it runs inside of another one. A v2 cgroup to be born in needs clone3.
 *
 * It is a macro's worth of code and always inlined: with CLONE_VM the child comes back on the same stack.
 */
static inline __attribute__((always_inline)) long clone_process(struct clone_args *args)
{
	long pid = sys2(__NR_clone3, args, sizeof *args);

	if (pid != -ENOSYS || args->flags & CLONE_INTO_CGROUP)
		return pid;
	/* flags and signal, stack, where the pidfd goes; the rest differs between machines and is not used */
	return sys5(__NR_clone, args->flags | args->exit_signal, 0, args->pidfd, 0, 0);
}

#endif
