/* Plans: performed in this process, or handed to a new one. */
#include "addon.h"
#include "spawn.h"
#include "values.h"
#include "walk.h"

#include <linux/memfd.h>
#include <pthread.h>
#include <stdlib.h>

/*
 * The umask belongs to the process and plans may be performed by several of its threads (worker_threads)
 * at once: the first makes it 0, the last puts back what was there.
 */
static pthread_mutex_t umask_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned performing;
static long umask_before;

static void lift_umask(void)
{
	pthread_mutex_lock(&umask_lock);
	if (performing++ == 0)
		umask_before = sys1(__NR_umask, 0);
	pthread_mutex_unlock(&umask_lock);
}

static void restore_umask(void)
{
	pthread_mutex_lock(&umask_lock);
	if (--performing == 0)
		sys1(__NR_umask, umask_before);
	pthread_mutex_unlock(&umask_lock);
}

/* Walks a plan in this process. Its root and cwd stay. */
static int walk_here(struct walker *walker, u8 *plan, size_t size)
{
	int given = walker->rootfs;
	int error;

	lift_umask();
	error = walk(walker, plan, size);
	restore_umask();
	if (walker->rootfs >= 0 && walker->rootfs != given)
		sys_close(walker->rootfs);
	if (walker->proc >= 0)
		sys_close(walker->proc);
	return error;
}

/* undefined, or what failed */
static napi_value outcome(napi_env env, const struct walker *walker, int error)
{
	napi_value result;

	napi_get_undefined(env, &result);
	if (error < 0)
		result = failure_object(env, (s64)walker->step, walker->failure.error, walker->failure.call,
					walker->failure.path, walker->failure.detail);
	return result;
}

/* perform(plan, rootfs): undefined, or what failed. */
napi_value perform(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct walker walker = {.channel = NO_FD, .proc = NO_FD, .rootfs = (int)number_at(&call, 1)};
	size_t size;
	u8 *plan = bytes_at(&call, 0, &size);
	int error = walk_here(&walker, plan, size);

	return outcome(env, &walker, error);
}

/* A plan that a thread of the pool walks while JavaScript goes on. */
struct later {
	napi_async_work work;
	napi_deferred promise;
	napi_ref bytes; /* keeps the plan's memory */
	u8 *plan;
	size_t size;
	int error;
	struct walker walker;
};

static void walk_later(napi_env env, void *data)
{
	struct later *later = data;

	(void)env;
	later->error = walk_here(&later->walker, later->plan, later->size);
}

static void finish_later(napi_env env, napi_status status, void *data)
{
	struct later *later = data;

	if (status == napi_cancelled) /* the process ends: nobody waits for the outcome */
		later->error = failed(&later->walker, "plan", "cancelled", -ECANCELED);
	napi_resolve_deferred(env, later->promise, outcome(env, &later->walker, later->error));
	napi_delete_reference(env, later->bytes);
	napi_delete_async_work(env, later->work);
	free(later);
}

/* performLater(plan, rootfs): a promise of what perform() returns. The plan's bytes must stay as they are until then. */
napi_value perform_later(napi_env env, napi_callback_info info)
{
	struct call call = begin(env, info);
	struct later *later = calloc(1, sizeof *later);
	napi_value name, promise;

	later->walker.channel = later->walker.proc = NO_FD;
	later->walker.rootfs = (int)number_at(&call, 1);
	later->plan = bytes_at(&call, 0, &later->size);
	napi_create_reference(env, call.arguments[0], 1, &later->bytes);
	napi_create_string_utf8(env, "ctr plan", NAPI_AUTO_LENGTH, &name);
	napi_create_promise(env, &later->promise, &promise);
	napi_create_async_work(env, NULL, name, walk_later, finish_later, later, &later->work);
	napi_queue_async_work(env, later->work);
	return promise;
}

/* detachedMount(plan): the fd of a file system that is mounted nowhere, from a plan of one mount step; or what failed. */
napi_value detached_mount(napi_env env, napi_callback_info info)
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
napi_value spawn_child(napi_env env, napi_callback_info info)
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

/* memfd(name, bytes, room behind them, seal): an fd or minus errno */
napi_value memfd(napi_env env, napi_callback_info info)
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
