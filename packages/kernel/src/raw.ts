import { decodeName } from "@ctr/plan";
import { check } from "./kernel-error.ts";
import { native, pathArgument } from "./native.ts";

/**
 * Send netlink messages as one datagram and return all that came back, until every message that asked for
 * it (NLM_F_ACK, or a dump) was answered. Refusals are in the answer, as NLMSG_ERROR.
 *
 * @param request.namespace  Path of a network namespace to speak in; this process's own by default.
 * @see netlink(7)
 */
export function netlinkRequest(request: {
  readonly protocol: number;
  readonly messages: Uint8Array;
  readonly namespace?: string;
}): Uint8Array {
  return check(
    native().netlinkRequest(request.protocol, request.messages, request.namespace ?? ""),
    "netlink",
    request.namespace,
  ) as Uint8Array;
}

/**
 * Let a v2 cgroup's device accesses be decided by a program of eBPF instructions.
 *
 * @param options.cgroupFd  fd of the cgroup's directory; stays the caller's.
 * @see bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE
 */
export function attachDeviceProgram(options: { readonly cgroupFd: number; readonly program: Uint8Array }): void {
  check(native().attachDeviceProgram(options.cgroupFd, options.program), "bpf");
}

/** Extended attributes of a name itself, not of what a symlink points to. @see lgetxattr(2) */
export function listXattrs(options: { readonly path: string }): Record<string, Uint8Array> {
  const flat = check(native().listXattrs(pathArgument(options.path)), "llistxattr", options.path) as Uint8Array[];
  const found: Record<string, Uint8Array> = Object.create(null);
  for (let i = 0; i < flat.length; i += 2) found[decodeName(flat[i]!)] = flat[i + 1]!;
  return found;
}

/** Write everything of the file system that `path` lies on to its disk. @throws {KernelError} @see syncfs(2) */
export async function syncFileSystem(options: { readonly path: string }): Promise<void> {
  check(await native().syncFileSystem(options.path), "syncfs", options.path);
}

/**
 * Bytes that the directory `path` and all below it take on their disk: allocated blocks, a file with several names
 * once, as du(1) counts. Other file systems that are mounted there are not entered.
 *
 * @throws {KernelError}
 */
export async function diskUsage(options: { readonly path: string }): Promise<number> {
  return check(await native().diskUsage(options.path), "statx", options.path);
}

/** Tell a terminal how large its window is. `fd` is either end of it. @see ioctl_tty(2), TIOCSWINSZ */
export function setTerminalSize(options: {
  readonly fd: number;
  readonly rows: number;
  readonly columns: number;
}): void {
  check(native().setTerminalSize(options.fd, options.rows, options.columns), "ioctl");
}
