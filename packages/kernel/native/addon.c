/*
 * What JavaScript cannot do by itself, one function a call. Nothing here throws: a number below zero is
 * minus errno, and the TypeScript side makes the error.
 */
#include "addon.h"

NAPI_MODULE_INIT()
{
	static const struct {
		const char *name;
		napi_callback function;
	} functions[] = {
		{"perform", perform},
		{"performLater", perform_later},
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
		{"diskUsage", disk_usage},
	};

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		napi_value function;

		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
		napi_set_named_property(env, exports, functions[i].name, function);
	}
	return exports;
}
