/* Steps about the process itself: namespaces, session, limits, waiting for the parent. */
#include "walk.h"
#include "clone.h"
#include "message.h"

#include <linux/keyctl.h>
#include <linux/resource.h>

int do_write(struct walker *walker, const struct step_write *step)
{
	size_t size = text_length(step->text);
	int fd = sys_openat(AT_FDCWD, step->path, O_WRONLY, 0);
	long done;

	if (fd < 0)
		return failed(walker, "open", step->path, fd);
	done = sys_write(fd, step->text, size); /* one call: the files of /proc and cgroupfs take a whole value */
	sys_close(fd);
	if (done >= 0 && (size_t)done != size)
		done = -EIO;
	return done < 0 ? failed(walker, "write", step->path, done) : 0;
}

int do_join_namespace(struct walker *walker, const struct step_join_namespace *step)
{
	int fd = sys_openat(AT_FDCWD, step->path, O_RDONLY, 0);
	long error;

	if (fd < 0)
		return failed(walker, "open", step->path, fd);
	error = sys2(__NR_setns, fd, step->type);
	sys_close(fd);
	return error < 0 ? failed(walker, "setns", step->path, error) : 0;
}

int do_join_process(struct walker *walker, const struct step_join_process *step)
{
	long error = sys2(__NR_setns, step->pidfd, step->types);

	return error < 0 ? failed(walker, "setns", "pidfd", error) : 0;
}

int do_unshare(struct walker *walker, const struct step_unshare *step)
{
	long error = sys1(__NR_unshare, step->types);

	return error < 0 ? failed(walker, "unshare", NULL, error) : 0;
}

int do_barrier(struct walker *walker, const struct step_barrier *step)
{
	struct message message = {.kind = MESSAGE_BARRIER, .step = (u32)walker->step};
	char answer;
	long size;

	copy_text(message.text, sizeof message.text, step->name);
	size = send_message(walker->channel, &message, NO_FD);
	if (size < 0)
		return failed(walker, "sendmsg", step->name, size);
	size = sys_read(walker->channel, &answer, 1);
	if (size == 1)
		return 0;
	return failed(walker, "read", step->name, size < 0 ? size : -EPIPE); /* the parent is gone */
}

int do_fork(struct walker *walker)
{
	int pidfd = NO_FD;
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (u64)(uintptr_t)&pidfd,
	};
	struct message message = {.kind = MESSAGE_FORKED, .step = (u32)walker->step};
	long pid;

	if (walker->channel < 0)
		return failed(walker, "clone3", "a plan in this process cannot fork", -EINVAL);
	pid = clone_process(&args);
	if (pid < 0)
		return failed(walker, "clone3", NULL, pid);
	if (pid == 0)
		return 0;
	message.number = (u32)pid;
	send_message(walker->channel, &message, pidfd);
	sys1(__NR_exit_group, 0);
	__builtin_unreachable();
}

int do_new_session(struct walker *walker)
{
	long error = sys0(__NR_setsid);

	return error < 0 ? failed(walker, "setsid", NULL, error) : 0;
}

int do_new_keyring(struct walker *walker, const struct step_new_keyring *step)
{
	long error = sys2(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, step->name);

	/* No keyrings in this kernel: there is nothing to hide. */
	return error < 0 && error != -ENOSYS ? failed(walker, "keyctl", step->name, error) : 0;
}

int do_set_hostname(struct walker *walker, const struct step_set_hostname *step)
{
	long error = sys2(__NR_sethostname, step->name, text_length(step->name));

	return error < 0 ? failed(walker, "sethostname", step->name, error) : 0;
}

int do_set_domainname(struct walker *walker, const struct step_set_domainname *step)
{
	long error = sys2(__NR_setdomainname, step->name, text_length(step->name));

	return error < 0 ? failed(walker, "setdomainname", step->name, error) : 0;
}

int do_set_limit(struct walker *walker, const struct step_set_limit *step)
{
	struct rlimit64 limit = {(u64)step->soft, (u64)step->hard};
	long error = sys4(__NR_prlimit64, 0, step->type, &limit, 0);

	return error < 0 ? failed(walker, "prlimit64", NULL, error) : 0;
}

int do_set_umask(struct walker *walker, const struct step_set_umask *step)
{
	(void)walker;
	sys1(__NR_umask, step->mask);
	return 0;
}
