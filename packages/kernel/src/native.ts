import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { encodeName } from "@ctr/plan";

/** What the interpreter says about the step that failed. */
export interface NativeFailure {
  readonly step: number;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string;
  readonly detail: string;
}

/** One packet from a child or a monitor. */
export interface NativeMessage extends NativeFailure {
  readonly kind: number;
  readonly number: number;
  /** An fd that came with the packet, or -1. The receiver owns it. */
  readonly fd: number;
}

/** The addon. A number below zero is minus errno. */
export interface Native {
  perform(plan: Uint8Array, rootfs: number): NativeFailure | undefined;
  performLater(plan: Uint8Array, rootfs: number): Promise<NativeFailure | undefined>;
  detachedMount(plan: Uint8Array): number | NativeFailure;
  spawn(
    program: number,
    args: readonly string[],
    namespaces: number,
    cgroup: number,
    fds: Int32Array,
  ): number | { pid: number; pidfd: number };
  channel(): number | [number, number];
  pipe(): number | [number, number];
  listenAt(path: string): number;
  connectTo(path: string): number;
  send(channel: number, kind: number, step: number, number: number, fd: number): number;
  receive(channel: number): NativeMessage | null | number;
  go(channel: number): number;
  memfd(name: string, bytes: Uint8Array, room: number, seal: number): number;
  startWatching(callback: (id: number) => void): number;
  watch(fd: number, id: number): number;
  holdLoop(hold: 0 | 1): number;
  reap(pidfd: number): number | { code: number; status: number };
  pidfdOpen(pid: number): number;
  pidfdSignal(pidfd: number, signal: number): number;
  openIn(root: number, path: string | Uint8Array, flags: number): number;
  netlinkRequest(protocol: number, messages: Uint8Array, namespace: string): number | Uint8Array;
  attachDeviceProgram(cgroup: number, program: Uint8Array): number;
  listXattrs(path: string | Uint8Array): number | Uint8Array[];
  setTerminalSize(fd: number, rows: number, columns: number): number;
  syncFileSystem(path: string): Promise<number>;
  diskUsage(path: string): Promise<number>;
}

/** A path as the addon takes it: strings are UTF-8 there, other names go as bytes. @see name-bytes.ts of @ctr/plan */
export function pathArgument(path: string): string | Uint8Array {
  return path.isWellFormed() ? path : encodeName(path);
}

/** Neither the addon nor ctr-init could be found: what was looked for, and what to do. */
export class KernelBinaryError extends Error {
  override readonly name = "KernelBinaryError";
  readonly code = "ERR_KERNEL_BINARY";
}

/**
 * The directory that holds `ctr_kernel.node` and `ctr-init`: what `CTR_KERNEL` says, the package for this
 * platform, or what was compiled beside the source.
 */
function binaries(): string {
  const platform = `@ctr/kernel-linux-${process.arch}`;
  const tried: string[] = [];
  const override = process.env.CTR_KERNEL;
  if (override !== undefined) tried.push(override);
  try {
    tried.push(
      fileURLToPath(new URL(".", `file://${createRequire(import.meta.url).resolve(`${platform}/package.json`)}`)),
    );
  } catch {
    // Not installed: a checkout compiles its own.
  }
  tried.push(fileURLToPath(new URL("../build/", import.meta.url)));
  const found = tried.find((directory) => existsSync(`${directory}/ctr_kernel.node`));
  if (found !== undefined) return found;
  throw new KernelBinaryError(
    `the native half of @ctr/kernel is missing; looked in ${tried.join(", ")}. ` +
      `In a checkout run "npm run build"; as a dependency install ${platform} (npm leaves optional packages out when a lockfile was made on another platform)`,
  );
}

let loaded: { native: Native; directory: string } | undefined;

function load(): { native: Native; directory: string } {
  if (loaded === undefined) {
    const directory = binaries();
    loaded = { native: createRequire(import.meta.url)(`${directory}/ctr_kernel.node`) as Native, directory };
  }
  return loaded;
}

/** The addon, loaded at the first call that needs it. */
export function native(): Native {
  return load().native;
}

let program: number | undefined;

/**
 * An fd of ctr-init, in memory and sealed: what runs in a container's namespaces is never a file of the
 * host that the container could write to (CVE-2019-5736). This process keeps it.
 */
export function initProgram(): number {
  if (program === undefined) {
    const { native, directory } = load();
    program = native.memfd("ctr-init", readFileSync(`${directory}/ctr-init`), 0, 1);
    if (program < 0) throw new KernelBinaryError(`memfd_create for ctr-init failed with errno ${-program}`);
  }
  return program;
}
