/* System calls that Node has no words for. */
#include "addon.h"
#include "netlink_socket.h"
#include "values.h"
#include "walk.h"

#include <stdlib.h>

struct ended { /* siginfo_t of SIGCHLD, as far as it is read */
	s32 signal, error, code, pad;
	s32 pid;
	u32 uid;
	s32 status;
	s32 rest[25];
};

/* reap(pidfd): {code, status} of a child that has ended, 0 while it runs, or minus errno */
napi_value reap(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct ended ended = {0};
	napi_value result;
	long error = sys5(__NR_waitid, 3 /* P_PIDFD */, number_at(&call, 0), &ended, 4 | 1 /* WEXITED | WNOHANG */, NULL);

	if (error < 0 || ended.pid == 0)
		return number(env, error);
	napi_create_object(env, &result);
	set_number(env, result, "code", ended.code);
	set_number(env, result, "status", ended.status);
	return result;
}

napi_value pidfd_open(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys2(__NR_pidfd_open, number_at(&call, 0), 0));
}

napi_value pidfd_signal(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys4(__NR_pidfd_send_signal, number_at(&call, 0), number_at(&call, 1), NULL, 0));
}

/* openIn(root, path, flags): an fd for a path that cannot leave `root`, or minus errno */
napi_value open_in_root(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct walker walker = {.rootfs = (int)number_at(&call, 0)};
	char path[PATH_ROOM];
	const char *text = text_at(&call, 1, path);

	if (text == NULL)
		return number(env, -ENAMETOOLONG);
	return number(env, open_in(&walker, TREE_ROOTFS, text, (int)number_at(&call, 2), 0));
}

static long enter_network(const char *path, int *home)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	long error;

	if (fd < 0)
		return fd;
	*home = sys_openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0);
	error = *home < 0 ? *home : sys2(__NR_setns, fd, CLONE_NEWNET);
	sys_close(fd);
	return error;
}

/* netlinkRequest(protocol, messages, namespace path or ""): the answers, or minus errno */
napi_value netlink_request(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];
	const char *name = text_at(&call, 2, path);
	size_t size, used = 0, space = 1 << 16;
	const u8 *request = bytes_at(&call, 1, &size);
	u64 expected = count_acknowledged(request, size);
	int home = NO_FD, fd;
	long error = name != NULL && *name != '\0' ? enter_network(name, &home) : 0;
	u8 *answer;
	napi_value result;

	if (error < 0)
		return number(env, error);
	fd = open_netlink((int)number_at(&call, 0)); /* a socket belongs to the namespace that it was made in */
	if (home >= 0) {
		sys2(__NR_setns, home, CLONE_NEWNET);
		sys_close(home);
	}
	if (fd < 0)
		return number(env, fd);
	answer = malloc(space);
	error = sys6(__NR_sendto, fd, SYS_ARG(request), SYS_ARG(size), 0, 0, 0);
	while (error >= 0 && expected > 0) {
		if (space - used < 1 << 16)
			answer = realloc(answer, space *= 2);
		error = sys6(__NR_recvfrom, fd, SYS_ARG(answer + used), SYS_ARG(space - used), 0, 0, 0);
		if (error > 0) {
			size_t from = used;

			used += (size_t)error;
			first_error(answer + from, used - from, &expected);
			/* A batch of nf_tables that fails answers with its errors alone: nothing else will come. */
			if (number_at(&call, 0) == NETLINK_NETFILTER && first_error(answer + from, used - from, &(u64){0}) < 0)
				break;
		}
	}
	sys_close(fd);
	result = error < 0 ? number(env, error) : bytes(env, answer, used);
	free(answer);
	return result;
}

struct window { /* struct winsize of <asm/termios.h> */
	u16 rows, columns, x, y;
};

/* setTerminalSize(fd, rows, columns): 0 or minus errno. @see ioctl_tty(2) */
napi_value set_terminal_size(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct window size = {(u16)number_at(&call, 1), (u16)number_at(&call, 2), 0, 0};

	return number(env, sys3(__NR_ioctl, number_at(&call, 0), 0x5414 /* TIOCSWINSZ */, &size));
}

struct bpf_load { /* union bpf_attr, BPF_PROG_LOAD */
	u32 type, count;
	u64 instructions, license;
	u32 log_level, log_size;
	u64 log;
	u32 kernel_version, flags;
	char name[16];
	u32 interface, attach_type;
};

/* attachDeviceProgram(cgroup, program): 0 or minus errno. @see bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE */
napi_value attach_device_program(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	size_t size;
	const u8 *program = bytes_at(&call, 1, &size);
	struct bpf_load load = {
		.type = 15, /* BPF_PROG_TYPE_CGROUP_DEVICE */
		.count = (u32)(size / 8),
		.instructions = (u64)(uintptr_t)program,
		.license = (u64)(uintptr_t)"Apache-2.0",
		.name = "ctr_devices",
	};
	struct {
		u32 target, program, type, flags;
	} attach = {(u32)number_at(&call, 0), 0, 6 /* BPF_CGROUP_DEVICE */, 2 /* BPF_F_ALLOW_MULTI */};
	long fd = sys3(__NR_bpf, 5 /* BPF_PROG_LOAD */, &load, sizeof load);
	long error;

	if (fd < 0)
		return number(env, fd);
	attach.program = (u32)fd;
	error = sys3(__NR_bpf, 8 /* BPF_PROG_ATTACH */, &attach, sizeof attach);
	sys_close((int)fd);
	return number(env, error);
}

/* listXattrs(path): [name, value, name, value …] in bytes, of the name itself, or minus errno */
napi_value list_xattrs(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	static char names[65536], value[65536]; /* XATTR_LIST_MAX, XATTR_SIZE_MAX */
	char path[PATH_ROOM];
	const char *text = text_at(&call, 0, path);
	long size = text == NULL ? -ENAMETOOLONG : sys3(__NR_llistxattr, text, names, sizeof names);
	napi_value result;
	u32 count = 0;

	if (size < 0)
		return number(env, size);
	napi_create_array(env, &result);
	for (const char *name = names; name < names + size; name += text_length(name) + 1) {
		long length = sys4(__NR_lgetxattr, text, name, value, sizeof value);

		if (length == -ENODATA)
			continue;
		if (length < 0)
			return number(env, length);
		napi_set_element(env, result, count++, bytes(env, name, text_length(name)));
		napi_set_element(env, result, count++, bytes(env, value, (size_t)length));
	}
	return result;
}
