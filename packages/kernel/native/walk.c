/*
 *   plan:  magic | steps | length | step | step | …            (cursor.h, packages/plan/src/encode.ts)
 *                                    number | size | fields
 */
#include "walk.h"
#include "message.h"

#include <linux/time.h>

int failed(struct walker *walker, const char *call, const char *path, long result)
{
	walker->failure.error = (int)-result;
	walker->failure.call = call;
	copy_text(walker->failure.path, sizeof walker->failure.path, path == NULL ? "" : path);
	return (int)result;
}

void report_failure(const struct walker *walker)
{
	struct message message = {.kind = MESSAGE_FAILED};

	message.step = (u32)walker->step;
	message.error = walker->failure.error;
	copy_text(message.call, sizeof message.call, walker->failure.call == NULL ? "" : walker->failure.call);
	copy_text(message.text, sizeof message.text, walker->failure.path);
	copy_text(message.detail, sizeof message.detail, walker->failure.detail);
	send_message(walker->channel, &message, NO_FD);
}

static u64 now(void)
{
	struct __kernel_timespec time = {0, 0};

	sys2(__NR_clock_gettime, CLOCK_MONOTONIC, &time);
	return (u64)time.tv_sec * 1000000000u + (u64)time.tv_nsec;
}

#define WITH(name)                                                                                                     \
	{                                                                                                              \
		struct step_##name step;                                                                               \
		return take_##name(at, &step) ? do_##name(walker, &step) : -EBADMSG;                                   \
	}

static int perform(struct walker *walker, u64 number, struct cursor *at)
{
	switch (number) {
	case STEP_WRITE: WITH(write)
	case STEP_JOIN_NAMESPACE: WITH(join_namespace)
	case STEP_JOIN_PROCESS: WITH(join_process)
	case STEP_UNSHARE: WITH(unshare)
	case STEP_BARRIER: WITH(barrier)
	case STEP_FORK: return do_fork(walker);
	case STEP_NEW_SESSION: return do_new_session(walker);
	case STEP_NEW_KEYRING: WITH(new_keyring)
	case STEP_SET_HOSTNAME: WITH(set_hostname)
	case STEP_SET_DOMAINNAME: WITH(set_domainname)
	case STEP_SET_LIMIT: WITH(set_limit)
	case STEP_SET_UMASK: WITH(set_umask)
	case STEP_SEND_NETLINK: WITH(send_netlink)
	case STEP_MOUNT: WITH(mount)
	case STEP_BIND: WITH(bind)
	case STEP_ATTACH: WITH(attach)
	case STEP_SET_MOUNT: WITH(set_mount)
	case STEP_UNMOUNT: WITH(unmount)
	case STEP_MASK: WITH(mask)
	case STEP_MAKE_READ_ONLY: WITH(make_read_only)
	case STEP_ENTER_ROOTFS: WITH(enter_rootfs)
	case STEP_PIVOT_ROOT: return do_pivot_root(walker);
	case STEP_MAKE_DIRECTORY: WITH(make_directory)
	case STEP_MAKE_FILE: WITH(make_file)
	case STEP_EXTEND_FILE: WITH(extend_file)
	case STEP_MAKE_SYMLINK: WITH(make_symlink)
	case STEP_MAKE_HARDLINK: WITH(make_hardlink)
	case STEP_MAKE_NODE: WITH(make_node)
	case STEP_SET_XATTR: WITH(set_xattr)
	case STEP_SET_TIME: WITH(set_time)
	case STEP_REMOVE: WITH(remove)
	case STEP_EMPTY: WITH(empty)
	case STEP_SET_SYSCTL: WITH(set_sysctl)
	case STEP_OPEN_TERMINAL: WITH(open_terminal)
	case STEP_LIMIT_CAPABILITIES: WITH(limit_capabilities)
	case STEP_SET_USER: WITH(set_user)
	case STEP_SET_CAPABILITIES: WITH(set_capabilities)
	case STEP_SET_NO_NEW_PRIVILEGES: return do_set_no_new_privileges(walker);
	case STEP_LOAD_SECCOMP: WITH(load_seccomp)
	case STEP_CHANGE_DIRECTORY: WITH(change_directory)
	case STEP_CLOSE_OTHERS: WITH(close_others)
	case STEP_EXEC: WITH(exec)
	case STEP_BECOME_INIT: return do_become_init(walker);
	default: return -EBADMSG;
	}
}

int walk(struct walker *walker, u8 *plan, size_t size)
{
	struct cursor at = {plan, plan + size};
	u64 magic, count, length;

	walker->step = 0;
	if (!take_number(&at, &magic) || magic != PLAN_MAGIC || !take_number(&at, &count) ||
	    !take_number(&at, &length) || length > size || length < (u64)(at.next - plan))
		return failed(walker, "plan", "not a plan of this version", -EBADMSG);
	at.end = plan + length;
	for (; walker->step < count; walker->step++) {
		struct cursor fields;
		u64 number, field_size;
		int error;

		if (!take_number(&at, &number) || !take_number(&at, &field_size) || field_size > room(&at) ||
		    field_size % sizeof(u64) != 0)
			return failed(walker, "plan", "cut short", -EBADMSG);
		fields = (struct cursor){at.next, at.next + field_size};
		at.next += field_size;
		if (walker->stamps != NULL)
			walker->stamps[walker->step] = now();
		walker->failure.call = NULL;
		if (number < STEP_MAKE_DIRECTORY || number > STEP_EMPTY) /* any other step may change what paths mean */
			close_parent(walker);
		error = perform(walker, number, &fields);
		if (error < 0 && walker->failure.call == NULL)
			failed(walker, "plan", "a step that this version does not know", error);
		if (error < 0) {
			close_parent(walker);
			return error;
		}
	}
	close_parent(walker);
	if (walker->stamps != NULL)
		walker->stamps[count] = now();
	return 0;
}
