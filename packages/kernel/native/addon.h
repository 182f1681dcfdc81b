/* The functions of the addon; each is described where it is. */
#ifndef CTR_ADDON_H
#define CTR_ADDON_H

#include <node_api.h>

/* addon_plan.c */
napi_value perform(napi_env env, napi_callback_info info);
napi_value perform_later(napi_env env, napi_callback_info info);
napi_value detached_mount(napi_env env, napi_callback_info info);
napi_value spawn_child(napi_env env, napi_callback_info info);
napi_value memfd(napi_env env, napi_callback_info info);

/* addon_channel.c */
napi_value channel(napi_env env, napi_callback_info info);
napi_value make_pipe(napi_env env, napi_callback_info info);
napi_value listen_at(napi_env env, napi_callback_info info);
napi_value connect_to(napi_env env, napi_callback_info info);
napi_value send_to(napi_env env, napi_callback_info info);
napi_value receive_from(napi_env env, napi_callback_info info);
napi_value go(napi_env env, napi_callback_info info);
napi_value start_watch(napi_env env, napi_callback_info info);
napi_value watch(napi_env env, napi_callback_info info);
napi_value hold(napi_env env, napi_callback_info info);

/* addon_calls.c */
napi_value reap(napi_env env, napi_callback_info info);
napi_value pidfd_open(napi_env env, napi_callback_info info);
napi_value pidfd_signal(napi_env env, napi_callback_info info);
napi_value open_in_root(napi_env env, napi_callback_info info);
napi_value netlink_request(napi_env env, napi_callback_info info);
napi_value set_terminal_size(napi_env env, napi_callback_info info);
napi_value attach_device_program(napi_env env, napi_callback_info info);
napi_value list_xattrs(napi_env env, napi_callback_info info);

/* addon_background.c */
napi_value sync_file_system(napi_env env, napi_callback_info info);
napi_value disk_usage(napi_env env, napi_callback_info info);

#endif
