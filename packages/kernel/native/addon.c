/*
 * What JavaScript cannot do by itself, one function a call. Nothing here throws: a number below zero is
 * minus errno, and the TypeScript side makes the error.
 */
#include "walk.h"
#include "message.h"
#include "netlink_socket.h"
#include "spawn.h"
#include "watch.h"

#include <linux/memfd.h>
#include <node_api.h>
#include <stdlib.h>

#define MOST_ARGUMENTS 8
#define PATH_ROOM 4096

struct call {
	napi_env env;
	size_t count;
	napi_value arguments[MOST_ARGUMENTS];
};

static struct call begin(napi_env env, napi_callback_info info)
{
	struct call call = {.env = env, .count = MOST_ARGUMENTS};

	napi_get_cb_info(env, info, &call.count, call.arguments, NULL, NULL);
	return call;
}

static s64 number_at(struct call *call, size_t index)
{
	int64_t value = -1;

	if (index < call->count)
		napi_get_value_int64(call->env, call->arguments[index], &value);
	return value;
}

/* A path, or NULL when it does not fit or holds a NUL byte. */
static const char *text_at(struct call *call, size_t index, char buffer[PATH_ROOM])
{
	size_t length = 0;

	if (index >= call->count || napi_get_value_string_utf8(call->env, call->arguments[index], NULL, 0, &length) != napi_ok ||
	    length >= PATH_ROOM)
		return NULL;
	napi_get_value_string_utf8(call->env, call->arguments[index], buffer, PATH_ROOM, &length);
	return text_length(buffer) == length ? buffer : NULL;
}

static u8 *bytes_at(struct call *call, size_t index, size_t *size)
{
	void *data = NULL;

	*size = 0;
	if (index >= call->count ||
	    napi_get_typedarray_info(call->env, call->arguments[index], NULL, size, &data, NULL, NULL) != napi_ok)
		return NULL;
	return data;
}

static napi_value number(napi_env env, s64 value)
{
	napi_value result;

	napi_create_int64(env, value, &result);
	return result;
}

static void set_number(napi_env env, napi_value object, const char *name, s64 value)
{
	napi_set_named_property(env, object, name, number(env, value));
}

static void set_text(napi_env env, napi_value object, const char *name, const char *value)
{
	napi_value text;

	napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text);
	napi_set_named_property(env, object, name, text);
}

static napi_value bytes(napi_env env, const void *data, size_t size)
{
	napi_value buffer, array;
	void *to;

	napi_create_arraybuffer(env, size, &to, &buffer);
	if (size > 0)
		copy(to, data, size);
	napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array);
	return array;
}

static napi_value failure_object(napi_env env, s64 step, s64 error, const char *call, const char *path, const char *detail)
{
	napi_value object;

	napi_create_object(env, &object);
	set_number(env, object, "step", step);
	set_number(env, object, "errno", error);
	set_text(env, object, "syscall", call);
	set_text(env, object, "path", path);
	set_text(env, object, "detail", detail);
	return object;
}

/* perform(plan, rootfs): undefined, or what failed. The process's umask is 0 meanwhile; its root and cwd stay. */
static napi_value perform(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct walker walker = {.channel = NO_FD, .proc = NO_FD, .rootfs = (int)number_at(&call, 1)};
	int given = walker.rootfs;
	size_t size;
	u8 *plan = bytes_at(&call, 0, &size);
	napi_value result;
	long mask;
	int error;

	mask = sys1(__NR_umask, 0);
	error = walk(&walker, plan, size);
	sys1(__NR_umask, mask);
	if (walker.rootfs >= 0 && walker.rootfs != given)
		sys_close(walker.rootfs);
	if (walker.proc >= 0)
		sys_close(walker.proc);
	napi_get_undefined(env, &result);
	if (error < 0)
		result = failure_object(env, (s64)walker.step, walker.failure.error, walker.failure.call,
					walker.failure.path, walker.failure.detail);
	return result;
}

/* detachedMount(plan): the fd of a file system that is mounted nowhere, from a plan of one mount step; or what failed. */
static napi_value detached_mount(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct walker walker = {.channel = NO_FD, .proc = NO_FD, .rootfs = NO_FD};
	struct step_mount step;
	size_t size;
	u8 *plan = bytes_at(&call, 0, &size);
	struct cursor at = {plan + 5 * sizeof(u64), plan + size}; /* header, then number and size of the step */
	int fd = size < 5 * sizeof(u64) || !take_mount(&at, &step) ? failed(&walker, "plan", "", -EBADMSG)
								    : create_mount(&walker, &step);

	if (fd >= 0)
		return number(env, fd);
	return failure_object(env, 0, walker.failure.error, walker.failure.call, walker.failure.path, walker.failure.detail);
}

/* spawn(program, arguments, namespaces, cgroup, fds: Int32Array of [from, at] pairs): {pid, pidfd} or minus errno */
static napi_value spawn_child(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct spawn child = {
		.program = (int)number_at(&call, 0),
		.namespaces = (u64)number_at(&call, 2),
		.cgroup = (int)number_at(&call, 3),
	};
	size_t size;
	const s32 *fds = (const s32 *)(const void *)bytes_at(&call, 4, &size);
	u32 count = 0;
	char **arguments;
	napi_value result;
	long pid;

	napi_get_array_length(env, call.arguments[1], &count);
	if (size / 2 > SPAWN_FDS)
		return number(env, -EINVAL);
	arguments = calloc(count + 1, sizeof *arguments);
	for (u32 i = 0; i < count; i++) {
		napi_value text;
		size_t length;

		napi_get_element(env, call.arguments[1], i, &text);
		napi_get_value_string_utf8(env, text, NULL, 0, &length);
		arguments[i] = malloc(length + 1);
		napi_get_value_string_utf8(env, text, arguments[i], length + 1, &length);
	}
	child.arguments = arguments;
	child.count = (u32)size / 2;
	for (u32 i = 0; i < child.count; i++) {
		child.from[i] = fds[2 * i];
		child.at[i] = fds[2 * i + 1];
	}
	pid = spawn(&child);
	for (u32 i = 0; i < count; i++)
		free(arguments[i]);
	free(arguments);
	if (pid >= 0 && child.error < 0) {
		sys5(__NR_waitid, 3 /* P_PIDFD */, child.pidfd, NULL, 4 /* WEXITED */, NULL);
		sys_close(child.pidfd);
		pid = child.error;
	}
	if (pid < 0)
		return number(env, pid);
	napi_create_object(env, &result);
	set_number(env, result, "pid", pid);
	set_number(env, result, "pidfd", child.pidfd);
	return result;
}

/* channel(): two connected fds, or minus errno */
static napi_value channel(napi_env env, napi_callback_info info)
{
	int pair[2];
	long error = sys4(__NR_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC, 0, pair);
	napi_value result;

	(void)info;
	if (error < 0)
		return number(env, error);
	napi_create_array_with_length(env, 2, &result);
	napi_set_element(env, result, 0, number(env, pair[0]));
	napi_set_element(env, result, 1, number(env, pair[1]));
	return result;
}

/* pipe(): [read end, write end] or minus errno */
static napi_value make_pipe(napi_env env, napi_callback_info info)
{
	int pair[2];
	long error = sys2(__NR_pipe2, pair, O_CLOEXEC);
	napi_value result;

	(void)info;
	if (error < 0)
		return number(env, error);
	napi_create_array_with_length(env, 2, &result);
	napi_set_element(env, result, 0, number(env, pair[0]));
	napi_set_element(env, result, 1, number(env, pair[1]));
	return result;
}

struct unix_address {
	u16 family;
	char path[108];
};

static s64 unix_socket(const char *path, bool listening)
{
	struct unix_address address = {.family = 1 /* AF_UNIX */};
	long fd, error;

	if (path == NULL || text_length(path) >= sizeof address.path)
		return -ENAMETOOLONG;
	copy_text(address.path, sizeof address.path, path);
	fd = sys3(__NR_socket, 1, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC | (listening ? O_NONBLOCK : 0), 0);
	if (fd < 0)
		return fd;
	error = sys3(listening ? __NR_bind : __NR_connect, fd, &address, sizeof address);
	if (error == 0 && listening)
		error = sys2(__NR_listen, fd, 16);
	if (error == 0)
		return fd;
	sys_close((int)fd);
	return error;
}

/* listenAt(path) and connectTo(path): an fd or minus errno */
static napi_value listen_at(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];

	return number(env, unix_socket(text_at(&call, 0, path), true));
}

static napi_value connect_to(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];

	return number(env, unix_socket(text_at(&call, 0, path), false));
}

/* send(channel, kind, step, number, fd): 0 or minus errno */
static napi_value send_to(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct message message = {
		.kind = (u32)number_at(&call, 1),
		.step = (u32)number_at(&call, 2),
		.number = (u32)number_at(&call, 3),
	};

	return number(env, send_message((int)number_at(&call, 0), &message, (int)number_at(&call, 4)));
}

/* receive(channel): a message, null at the end, or minus errno (EAGAIN: nothing yet) */
static napi_value receive_from(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct message message;
	napi_value result;
	int fd, state = receive_message((int)number_at(&call, 0), &message, &fd, 0x40 /* MSG_DONTWAIT */);

	if (state < 0)
		return number(env, state);
	if (state == 0) {
		napi_get_null(env, &result);
		return result;
	}
	result = failure_object(env, message.step, message.error, message.call, message.text, message.detail);
	set_number(env, result, "kind", message.kind);
	set_number(env, result, "number", message.number);
	set_number(env, result, "fd", fd);
	return result;
}

/* go(channel): lets a child go on from its barrier */
static napi_value go(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys6(__NR_sendto, (long)number_at(&call, 0), SYS_ARG("g"), 1, 0x4000 /* MSG_NOSIGNAL */, 0, 0));
}

/* memfd(name, bytes, room behind them, seal): an fd or minus errno */
static napi_value memfd(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char name[PATH_ROOM];
	size_t size;
	const char *text = text_at(&call, 0, name);
	const u8 *data = bytes_at(&call, 1, &size);
	s64 behind = number_at(&call, 2), seal = number_at(&call, 3);
	long fd = sys2(__NR_memfd_create, text, MFD_CLOEXEC | (seal > 0 ? MFD_ALLOW_SEALING : 0));
	long error;

	if (fd < 0)
		return number(env, fd);
	error = write_all((int)fd, data, size);
	if (error == 0 && behind > 0)
		error = sys2(__NR_ftruncate, fd, size + (size_t)behind);
	if (error == 0 && seal > 0)
		error = sys3(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	if (error < 0)
		sys_close((int)fd);
	return number(env, error < 0 ? error : fd);
}

static napi_value start_watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, start_watching(env, call.arguments[0]));
}

static napi_value watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, watch_fd((int)number_at(&call, 0), (u64)number_at(&call, 1)));
}

/* holdLoop(1 or 0): whether this process stays for the answers */
static napi_value hold(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	hold_loop(env, number_at(&call, 0) > 0);
	return number(env, 0);
}

struct ended { /* siginfo_t of SIGCHLD, as far as it is read */
	s32 signal, error, code, pad;
	s32 pid;
	u32 uid;
	s32 status;
	s32 rest[25];
};

/* reap(pidfd): {code, status} of a child that has ended, 0 while it runs, or minus errno */
static napi_value reap(napi_env env, napi_callback_info info)
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

static napi_value pidfd_open(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys2(__NR_pidfd_open, number_at(&call, 0), 0));
}

static napi_value pidfd_signal(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys4(__NR_pidfd_send_signal, number_at(&call, 0), number_at(&call, 1), NULL, 0));
}

/* openIn(root, path, flags): an fd for a path that cannot leave `root`, or minus errno */
static napi_value open_in_root(napi_env env, napi_callback_info info)
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
static napi_value netlink_request(napi_env env, napi_callback_info info)
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
static napi_value set_terminal_size(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct window size = {(u16)number_at(&call, 1), (u16)number_at(&call, 2), 0, 0};

	return number(env, sys3(__NR_ioctl, number_at(&call, 0), 0x5414 /* TIOCSWINSZ */, &size));
}

/* syncFileSystem(path): 0 or minus errno. @see syncfs(2) */
static napi_value sync_file_system(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];
	const char *text = text_at(&call, 0, path);
	int fd = text == NULL ? -ENAMETOOLONG : sys_openat(AT_FDCWD, text, O_RDONLY, 0);
	long error;

	if (fd < 0)
		return number(env, fd);
	error = sys1(__NR_syncfs, fd);
	sys_close(fd);
	return number(env, error);
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
static napi_value attach_device_program(napi_env env, napi_callback_info info)
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

/* listXattrs(path): [name, value, name, value …] of the name itself, or minus errno */
static napi_value list_xattrs(napi_env env, napi_callback_info info)
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
		napi_value key;

		if (length == -ENODATA)
			continue;
		if (length < 0)
			return number(env, length);
		napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &key);
		napi_set_element(env, result, count++, key);
		napi_set_element(env, result, count++, bytes(env, value, (size_t)length));
	}
	return result;
}

NAPI_MODULE_INIT()
{
	static const struct {
		const char *name;
		napi_callback function;
	} functions[] = {
		{"perform", perform},
		{"detachedMount", detached_mount},
		{"spawn", spawn_child},
		{"channel", channel},
		{"pipe", make_pipe},
		{"listenAt", listen_at},
		{"connectTo", connect_to},
		{"send", send_to},
		{"receive", receive_from},
		{"go", go},
		{"memfd", memfd},
		{"startWatching", start_watch},
		{"watch", watch},
		{"holdLoop", hold},
		{"reap", reap},
		{"pidfdOpen", pidfd_open},
		{"pidfdSignal", pidfd_signal},
		{"openIn", open_in_root},
		{"netlinkRequest", netlink_request},
		{"attachDeviceProgram", attach_device_program},
		{"listXattrs", list_xattrs},
		{"setTerminalSize", set_terminal_size},
		{"syncFileSystem", sync_file_system},
	};

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		napi_value function;

		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
		napi_set_named_property(env, exports, functions[i].name, function);
	}
	return exports;
}
