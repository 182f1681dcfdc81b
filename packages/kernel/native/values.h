/* Arguments of a JavaScript call, and what it answers with. */
#ifndef CTR_VALUES_H
#define CTR_VALUES_H

#include "sys.h"

#include <node_api.h>

#define MOST_ARGUMENTS 8

struct call {
	napi_env env;
	size_t count;
	napi_value arguments[MOST_ARGUMENTS];
};

static inline struct call begin(napi_env env, napi_callback_info info)
{
	struct call call = {.env = env, .count = MOST_ARGUMENTS};

	napi_get_cb_info(env, info, &call.count, call.arguments, NULL, NULL);
	return call;
}

static inline s64 number_at(struct call *call, size_t index)
{
	int64_t value = -1;

	if (index < call->count)
		napi_get_value_int64(call->env, call->arguments[index], &value);
	return value;
}

static inline u8 *bytes_at(struct call *call, size_t index, size_t *size)
{
	void *data = NULL;

	*size = 0;
	if (index >= call->count ||
	    napi_get_typedarray_info(call->env, call->arguments[index], NULL, size, &data, NULL, NULL) != napi_ok)
		return NULL;
	return data;
}

/* A path, as a string or, when it is not UTF-8, as its bytes. NULL when it does not fit or holds a NUL byte. */
static inline const char *text_at(struct call *call, size_t index, char buffer[PATH_ROOM])
{
	size_t length = 0;
	const u8 *data = bytes_at(call, index, &length);

	if (data != NULL && length < PATH_ROOM) {
		copy(buffer, data, length);
		buffer[length] = '\0';
		return text_length(buffer) == length ? buffer : NULL;
	}
	if (index >= call->count || napi_get_value_string_utf8(call->env, call->arguments[index], NULL, 0, &length) != napi_ok ||
	    length >= PATH_ROOM)
		return NULL;
	napi_get_value_string_utf8(call->env, call->arguments[index], buffer, PATH_ROOM, &length);
	return text_length(buffer) == length ? buffer : NULL;
}

static inline napi_value number(napi_env env, s64 value)
{
	napi_value result;

	napi_create_int64(env, value, &result);
	return result;
}

static inline void set_number(napi_env env, napi_value object, const char *name, s64 value)
{
	napi_set_named_property(env, object, name, number(env, value));
}

static inline void set_text(napi_env env, napi_value object, const char *name, const char *value)
{
	napi_value text;

	napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text);
	napi_set_named_property(env, object, name, text);
}

static inline napi_value bytes(napi_env env, const void *data, size_t size)
{
	napi_value buffer, array;
	void *to;

	napi_create_arraybuffer(env, size, &to, &buffer);
	if (size > 0)
		copy(to, data, size);
	napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array);
	return array;
}

static inline napi_value failure_object(napi_env env, s64 step, s64 error, const char *call, const char *path, const char *detail)
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

#endif
