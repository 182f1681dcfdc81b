#ifndef CTR_WATCH_H
#define CTR_WATCH_H

#include <node_api.h>

/* Starts the thread once. `callback` is called with each fd that has become readable. 0 or minus errno. */
int start_watching(napi_env env, napi_value callback);

/* Asks for one answer about `fd`, which must stay open until then. 0 or minus errno. */
int watch_fd(napi_env env, int fd);

#endif
