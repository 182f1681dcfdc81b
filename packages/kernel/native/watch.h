#ifndef CTR_WATCH_H
#define CTR_WATCH_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts the thread once. `callback` is called with the id of each fd that has become readable. 0 or minus errno. */
int start_watching(napi_env env, napi_value callback);

/* Asks for one answer about `fd`. None comes once it is closed. 0 or minus errno. */
int watch_fd(int fd, uint64_t id);

/* Whether the process stays for the answers. At first it does not. */
void hold_loop(napi_env env, bool hold);

#endif
