import type { Device } from "@ctr/oci";
import type { Reason, Step } from "@ctr/plan";

const character = (path: string, major: number, minor: number): Device => ({
  type: "c",
  path,
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
});

/** @see runtime-spec config-linux.md#default-devices */
export const defaultDevices: readonly Device[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

const links: readonly (readonly [string, string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/ptmx", "pts/ptmx"],
  ["/dev/core", "/proc/kcore"],
];

/**
 * Steps that make device nodes in the container's own /dev, and the links that programs expect beside them.
 *
 * @param o.bind  Show the host's nodes instead of making some: in a user namespace nobody may mknod(2).
 * @see runtime-spec runtime-linux.md#dev-symbolic-links
 */
export function deviceSteps(o: { readonly devices: readonly Device[]; readonly bind: boolean }): Step[] {
  const asked = new Set(o.devices.map((device) => device.path));
  const all = [...defaultDevices.filter((device) => !asked.has(device.path)), ...o.devices];
  const because: Reason = { option: "default", why: "programs find the usual names in /dev" };
  return [
    ...all.map((device) => (o.bind ? bindStep(device) : nodeStep(device))),
    ...links.map(([path, text]): Step => ({ do: "makeSymlink", in: "rootfs", path, text, uid: 0, gid: 0, because })),
  ];
}

const reason = (device: Device): Reason =>
  defaultDevices.includes(device)
    ? { option: "default", why: "every container has this device" }
    : { option: "linux.devices", why: `the device ${device.path} was asked for` };

function nodeStep(device: Device): Step {
  return {
    do: "makeNode",
    in: "rootfs",
    path: device.path,
    kind: device.type === "p" ? "fifo" : device.type === "b" ? "block" : "character",
    mode: device.fileMode ?? 0o666,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
    major: device.major ?? 0,
    minor: device.minor ?? 0,
    because: reason(device),
  };
}

function bindStep(device: Device): Step {
  return {
    do: "bind",
    from: "host",
    source: device.path,
    recursive: false,
    set: [],
    clear: [],
    propagation: "keep",
    idmap: -1,
    in: "rootfs",
    target: device.path,
    missing: "file",
    because: reason(device),
  };
}
