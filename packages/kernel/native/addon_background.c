/* What takes its time with a whole tree or file system: done in a thread of Node's pool. */
#include "addon.h"
#include "disk_usage.h"
#include "values.h"

#include <stdlib.h>

/* A call under way. */
struct background {
	napi_async_work work;
	napi_deferred promise;
	s64 (*function)(const char *path);
	s64 result; /* or minus errno */
	char path[PATH_ROOM];
};

static void run(napi_env env, void *data)
{
	struct background *call = data;

	(void)env;
	call->result = call->function(call->path);
}

static void finish(napi_env env, napi_status status, void *data)
{
	struct background *call = data;

	napi_resolve_deferred(env, call->promise, number(env, status == napi_cancelled ? -ECANCELED : call->result));
	napi_delete_async_work(env, call->work);
	free(call);
}

/* A promise of what `function` returns for the path that is the call's argument. */
static napi_value in_background(napi_env env, napi_callback_info info, s64 (*function)(const char *path))
{
	struct call call = begin(env, info);
	struct background *background = calloc(1, sizeof *background);
	napi_value name, promise;

	background->function = function;
	napi_create_promise(env, &background->promise, &promise);
	if (text_at(&call, 0, background->path) == NULL) {
		napi_resolve_deferred(env, background->promise, number(env, -ENAMETOOLONG));
		free(background);
		return promise;
	}
	napi_create_string_utf8(env, "ctr", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, run, finish, background, &background->work);
	napi_queue_async_work(env, background->work);
	return promise;
}

static s64 sync_of(const char *path)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	s64 error;

	if (fd < 0)
		return fd;
	error = sys1(__NR_syncfs, fd);
	sys_close(fd);
	return error;
}

/* syncFileSystem(path): a promise of 0 or minus errno */
napi_value sync_file_system(napi_env env, napi_callback_info info)
{
	return in_background(env, info, sync_of);
}

/* diskUsage(path): a promise of bytes or minus errno */
napi_value disk_usage(napi_env env, napi_callback_info info)
{
	return in_background(env, info, disk_usage_of);
}
