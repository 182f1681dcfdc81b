import { closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { firstExtraFd, HeldProcess, type StartOptions, start } from "@ctr/kernel";
import { mountSteps, mountTable } from "@ctr/mounts";
import type { Mount } from "@ctr/oci";
import { openOverlay } from "@ctr/overlayfs";
import type { Reason, Step } from "@ctr/plan";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, isAlive } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { refresh } from "./refresh.ts";
import { rootOf } from "./start.ts";
import { useTree } from "./tree-user.ts";

//  A container's files and volumes, seen from outside, and nothing else of what it has mounted: through its
//  /proc or /sys a copy could write to the host's kernel.
//
//   running   its mount namespace, copied  ──▶ /proc, /sys, /dev taken off ──▶ fd of "/"
//   stopped   a new one                    ──▶ overlay, volumes, pivot_root ──▶ fd of "/"
//
//  A child makes the copy and ends; two fds keep it. No path leads there, the container cannot change its
//  mounts, and when the fds are closed, or this process is killed, nothing of it is left.

/** A container's root, held open. Paths in it are for `openIn` and for `rootfs` steps. */
export interface ContainerTree extends Disposable {
  readonly fd: number;
}

export interface ContainerTreeOptions {
  /** With its volumes, to read and to write; without them only to read. */
  readonly volumes: boolean;
}

const because: Reason = { option: "container tree", why: "its files are read or written from outside" };
const barrier = "the tree is there";
const pollMilliseconds = 5;

/**
 * Open the tree of a container, running or not.
 *
 * @throws {EngineError} `ERR_ENGINE_STATE` while it is made, started or removed
 * @throws {KernelError} what could not be mounted
 */
export async function openContainerTree(
  context: Context,
  record: ContainerRecord,
  o: ContainerTreeOptions,
): Promise<ContainerTree> {
  const now = await refresh(context, record);
  if (now.state === "running") {
    try {
      return await runningTree(now, o);
    } catch (error) {
      if (isAlive(now.process) && hasNamespaces(now.process!.pid)) throw error;
      await setTimeout(pollMilliseconds); // it is just ending
      return openContainerTree(context, now, o);
    }
  }
  if (!o.volumes) return unmountedTree(context, now);
  const free = await useTree(context, now.id);
  if (free === undefined) {
    const { state } = await refresh(context, now); // it was started, or is being removed
    if (state === "running" || state === "exited") return openContainerTree(context, now, o);
    throw new EngineError("ERR_ENGINE_STATE", `container ${now.name} is ${state} just now: try again`);
  }
  try {
    const { fd, [Symbol.dispose]: close } = await stoppedTree(context, now);
    return {
      fd,
      [Symbol.dispose]() {
        close();
        free();
      },
    };
  } catch (error) {
    free();
    throw error;
  }
}

/** A process that is ending leaves its namespaces first. */
const hasNamespaces = (pid: number): boolean => existsSync(`/proc/${pid}/ns/mnt`);

async function runningTree(record: ContainerRecord, o: ContainerTreeOptions): Promise<ContainerTree> {
  const { pid, startTime } = record.process!;
  using held = HeldProcess.open(pid, startTime);
  if (held === undefined)
    throw new EngineError("ERR_ENGINE_STATE", `container ${record.name} has just ended: try again`);
  const unwanted = (target: string): boolean =>
    o.volumes ? /^\/(?:proc|sys|dev)(?:\/|$)/.test(target) : target !== "/";
  const steps: Step[] = [
    // Whoever joins no user namespace gets mounts that are locked together, mount_namespaces(7).
    {
      do: "joinProcess",
      pidfd: firstExtraFd,
      types: record.options.userNamespace === undefined ? ["mount"] : ["user", "mount"],
      because,
    },
    ...privateNamespace,
    ...outermost(pid, unwanted).map((target): Step => ({ do: "unmount", in: "host", target, detach: true, because })),
  ];
  return holdRoot({ steps, fds: [held.pidfd] }, (child) => {
    // What it mounted since its table was read would still be there.
    if (mountTable(child).some(({ target }) => unwanted(target)))
      throw new EngineError("ERR_ENGINE_STATE", `container ${record.name} was mounting something just now: try again`);
  });
}

const privateNamespace: readonly Step[] = [
  { do: "unshare", types: ["mount"], because },
  { do: "setMount", in: "host", target: "/", recursive: true, set: [], clear: [], propagation: "private", because },
];

/** Where something unwanted is mounted on what is wanted: what lies on top or below goes with it. */
function outermost(pid: number, unwanted: (target: string) => boolean): string[] {
  const table = mountTable(pid);
  const gone = new Set(table.filter(({ target }) => unwanted(target)).map(({ id }) => id));
  return table.filter(({ id, parent }) => gone.has(id) && !gone.has(parent)).map(({ target }) => target);
}

async function stoppedTree(context: Context, record: ContainerRecord): Promise<ContainerTree> {
  const { rootfs, mountRoot } = rootOf(context, record);
  const self: Step = {
    do: "bind",
    from: "host",
    source: rootfs,
    recursive: false,
    set: [],
    clear: [],
    propagation: "keep",
    idmap: -1,
    in: "host",
    target: rootfs,
    missing: "refuse",
    because,
  };
  const steps: Step[] = [
    ...privateNamespace,
    ...(mountRoot ?? [self]), // only a mount can become the root
    { do: "enterRootfs", path: rootfs, because },
    ...volumes(context, record).flatMap((mount) =>
      mountSteps({ mount, because, sourceIsFile: !statSync(mount.source!).isDirectory() }),
    ),
    { do: "pivotRoot", because },
  ];
  if (record.options.readOnly)
    steps.push({
      do: "setMount",
      in: "host",
      target: "/",
      recursive: false,
      set: ["readOnly"],
      clear: [],
      propagation: "keep",
      because,
    });
  return holdRoot({ steps }, () => undefined);
}

/** What its start binds over its files: volumes, and the name files that the last start wrote. */
function volumes(context: Context, record: ContainerRecord): Mount[] {
  const binds = (record.options.mounts ?? []).filter((mount) => mount.type === "bind");
  const gone = binds.find((mount) => !existsSync(mount.source!));
  if (gone !== undefined) throw new EngineError("ERR_ENGINE_VOLUME", `bind source path does not exist: ${gone.source}`);
  if (record.chainId === undefined) return binds;
  const files = containerDirectory(context.root, record.id);
  const names = ["resolv.conf", "hostname", "hosts"].filter((name) => existsSync(join(files, name)));
  return [
    ...names.map((name) => ({
      destination: `/etc/${name}`,
      type: "bind",
      source: join(files, name),
      options: ["rbind", "rprivate"],
    })),
    ...binds,
  ];
}

/** Its layers and its own on top, all to read only: nobody is disturbed who mounts them at the same time. */
function unmountedTree(context: Context, record: ContainerRecord): ContainerTree {
  const { source } = rootOf(context, record);
  const fd =
    "directory" in source
      ? openSync(source.directory, constants.O_RDONLY | constants.O_DIRECTORY)
      : openOverlay({ lowers: [source.upper, ...source.lowers] });
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** The root of a child that has done `steps`; `check` looks at the child before it goes. */
async function holdRoot(
  options: Pick<StartOptions, "steps" | "fds">,
  check: (pid: number) => void,
): Promise<ContainerTree> {
  const child = await start({
    ...options,
    steps: [...options.steps, { do: "barrier", name: barrier, because }],
  });
  child.running.catch(() => undefined);
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    // The mounts live as long as their namespace, and that as long as this fd.
    fds.push(openSync(`/proc/${child.pid}/ns/mnt`, constants.O_RDONLY));
    fds.push(openSync(`/proc/${child.pid}/root/.`, constants.O_RDONLY | constants.O_DIRECTORY));
    check(child.pid);
    return { fd: fds[1]!, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  } finally {
    child.kill("SIGKILL");
    await child.ended();
  }
}
