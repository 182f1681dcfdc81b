/*
 * One thread that waits for fds on behalf of JavaScript, so that the event loop is free while a
 * container starts, runs and ends. watch(fd, id) asks once; the answer is one call of the callback with
 * the id. fds are given out again and again, so an answer that comes late must not be taken for another's.
 */
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

static int epoll = -1;
static napi_threadsafe_function answer;

static void *wait_for_fds(void *unused)
{
	struct epoll_event events[32];

	(void)unused;
	for (;;) {
		int count = epoll_wait(epoll, events, 32, -1);

		for (int i = 0; i < count; i++)
			napi_call_threadsafe_function(answer, (void *)(uintptr_t)events[i].data.u64, napi_tsfn_blocking);
	}
	return NULL;
}

static void in_javascript(napi_env env, napi_value callback, void *context, void *data)
{
	napi_value id, undefined;

	(void)context;
	if (env == NULL)
		return;
	napi_create_int64(env, (int64_t)(uintptr_t)data, &id);
	napi_get_undefined(env, &undefined);
	napi_call_function(env, undefined, callback, 1, &id, NULL);
}

int start_watching(napi_env env, napi_value callback)
{
	pthread_attr_t attributes;
	pthread_t thread;
	napi_value name;

	if (epoll >= 0)
		return 0;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	napi_create_string_utf8(env, "ctr watch", NAPI_AUTO_LENGTH, &name);
	napi_create_threadsafe_function(env, callback, NULL, name, 0, 1, NULL, NULL, NULL, in_javascript, &answer);
	napi_unref_threadsafe_function(env, answer);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	return -pthread_create(&thread, &attributes, wait_for_fds, NULL);
}

int watch_fd(int fd, uint64_t id)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = id};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 &&
	    (errno != EEXIST || epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0))
		return -errno;
	return 0;
}

void hold_loop(napi_env env, bool hold)
{
	if (hold)
		napi_ref_threadsafe_function(env, answer);
	else
		napi_unref_threadsafe_function(env, answer);
}
