/* Talking with children and monitors, and waiting for them. */
#include "addon.h"
#include "message.h"
#include "values.h"
#include "watch.h"

static napi_value pair_of(napi_env env, long error, const int pair[2])
{
	napi_value result;

	if (error < 0)
		return number(env, error);
	napi_create_array_with_length(env, 2, &result);
	napi_set_element(env, result, 0, number(env, pair[0]));
	napi_set_element(env, result, 1, number(env, pair[1]));
	return result;
}

/* channel(): two connected fds, or minus errno */
napi_value channel(napi_env env, napi_callback_info info)
{
	int pair[2];

	(void)info;
	return pair_of(env, sys4(__NR_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC, 0, pair), pair);
}

/* pipe(): [read end, write end] or minus errno */
napi_value make_pipe(napi_env env, napi_callback_info info)
{
	int pair[2];

	(void)info;
	return pair_of(env, sys2(__NR_pipe2, pair, O_CLOEXEC), pair);
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
napi_value listen_at(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];

	return number(env, unix_socket(text_at(&call, 0, path), true));
}

napi_value connect_to(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	char path[PATH_ROOM];

	return number(env, unix_socket(text_at(&call, 0, path), false));
}

/* send(channel, kind, step, number, fd): 0 or minus errno */
napi_value send_to(napi_env env, napi_callback_info info)
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
napi_value receive_from(napi_env env, napi_callback_info info)
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
napi_value go(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, sys6(__NR_sendto, (long)number_at(&call, 0), SYS_ARG("g"), 1, 0x4000 /* MSG_NOSIGNAL */, 0, 0));
}

napi_value start_watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, start_watching(env, call.arguments[0]));
}

napi_value watch(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	return number(env, watch_fd((int)number_at(&call, 0), (u64)number_at(&call, 1)));
}

/* holdLoop(1 or 0): whether this process stays for the answers */
napi_value hold(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);

	hold_loop(env, number_at(&call, 0) > 0);
	return number(env, 0);
}
