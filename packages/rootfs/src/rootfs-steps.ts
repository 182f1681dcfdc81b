import { mountSteps, parseOptions } from "@ctr/mounts/steps";
import type { Mount, RuntimeConfig } from "@ctr/oci";
import type { Propagation, Reason, Step } from "@ctr/plan";
import { cleanPath } from "./clean-path.ts";
import { deviceSteps } from "./devices.ts";

/** A cgroup tree that `type: cgroup` mounts stand for. */
export interface CgroupTree {
  /** Directory below the mount's destination: `memory`; empty for pure v2. */
  readonly name: string;
  readonly type: "cgroup" | "cgroup2";
  /** What the mount is told: `memory`, `name=systemd`. */
  readonly options: readonly string[];
}

export interface RootfsOptions {
  readonly config: RuntimeConfig;
  /** Absolute path of the directory that becomes the root. */
  readonly path: string;
  /** Steps that mount something at `path`; without them the directory is shown as it is. */
  readonly mountRoot?: readonly Step[];
  readonly cgroupTrees: readonly CgroupTree[];
  /** Whether a bind mount's source is something else than a directory. */
  readonly isFile: (source: string) => boolean;
  /** The container has a user namespace: nodes cannot be made in it. */
  readonly userNamespace: boolean;
}

/**
 * Steps from a directory to a root, in three parts: sysctls and hooks have their place between them.
 *
 * @throws {MountsError} for mount options that mean nothing
 */
export function rootfsSteps(o: RootfsOptions): {
  readonly fill: Step[];
  readonly protect: Step[];
  readonly pivot: Step[];
} {
  const mounts = (o.config.mounts ?? []).map((mount) => ({ ...mount, destination: cleanPath(mount.destination) }));
  return {
    fill: [...openRoot(o), ...mounts.flatMap((mount, index) => oneMount(o, mount, index)), ...devices(o, mounts)],
    protect: protection(o.config),
    pivot: pivot(o.config),
  };
}

function openRoot(o: RootfsOptions): Step[] {
  const [word, recursive] = propagationOf(o.config.linux?.rootfsPropagation ?? "rslave");
  const because: Reason = { option: "linux.rootfsPropagation", why: "what the container mounts stays its own" };
  const root: Reason = { option: "root.path", why: "this directory becomes the container's /" };
  // pivot_root(2) refuses a root that is shared: mounts of the container would appear on the host.
  const own: Propagation = word === "shared" ? "slave" : word;
  return [
    { do: "setMount", in: "host", target: "/", recursive, set: [], clear: [], propagation: own, because },
    ...(o.mountRoot ?? [selfBind(o.path, root)]),
    { do: "enterRootfs", path: o.path, because: root },
  ];
}

function selfBind(path: string, because: Reason): Step {
  return {
    do: "bind",
    from: "host",
    source: path,
    recursive: true,
    set: [],
    clear: [],
    propagation: "private",
    idmap: -1,
    in: "host",
    target: path,
    missing: "refuse",
    because,
  };
}

function propagationOf(word: string): [Propagation, boolean] {
  return word.startsWith("r") ? [word.slice(1) as Propagation, true] : [word as Propagation, false];
}

/** These places belong to the kernel: a symlink there would put its files somewhere else (CVE-2019-19921, CVE-2026-41579). */
const fixedPlaces = new Set(["/proc", "/sys", "/dev"]);

function oneMount(o: RootfsOptions, mount: Mount, index: number): Step[] {
  const because: Reason = {
    option: `mounts[${index}]`,
    why: `${mount.destination} is ${mount.source ?? mount.type ?? "mounted"}`,
  };
  if (mount.type === "cgroup") return cgroupMount(o, mount, because);
  const fixed = fixedPlaces.has(mount.destination) && !parseOptions(mount.options ?? [], mount.type ?? "none").bind;
  return mountSteps({
    mount,
    because,
    sourceIsFile: mount.source !== undefined && o.isFile(mount.source),
    ...(fixed ? { missing: "fixed" as const } : {}),
  });
}

/** The trees of this machine, rooted at the container's own cgroup by its cgroup namespace. */
function cgroupMount(o: RootfsOptions, mount: Mount, because: Reason): Step[] {
  const pure = o.cgroupTrees.find((tree) => tree.name === "");
  if (pure !== undefined) return mountSteps({ mount: { ...mount, type: pure.type, source: "cgroup" }, because });
  const flags = (mount.options ?? []).filter((option) => option !== "ro" && option !== "rw");
  const readOnly = mount.options?.includes("ro") ?? false;
  const trees = o.cgroupTrees.flatMap((tree) =>
    mountSteps({
      mount: {
        destination: `${mount.destination}/${tree.name}`,
        type: tree.type,
        source: "cgroup",
        options: [...(mount.options ?? []), ...tree.options],
      },
      because,
    }),
  );
  const over: Mount = { ...mount, type: "tmpfs", source: "tmpfs", options: [...flags, "mode=755"] };
  const closed: Step = {
    do: "setMount",
    in: "rootfs",
    target: mount.destination,
    recursive: false,
    set: ["readOnly"],
    clear: [],
    propagation: "keep",
    because,
  };
  return [...mountSteps({ mount: over, because }), ...trees, ...(readOnly ? [closed] : [])];
}

/** A /dev of the host that was bound over is not ours to fill. */
function devices(o: RootfsOptions, mounts: readonly Mount[]): Step[] {
  const dev = mounts.find((mount) => mount.destination === "/dev");
  if (dev !== undefined && parseOptions(dev.options ?? [], dev.type ?? "none").bind) return [];
  return deviceSteps({ devices: o.config.linux?.devices ?? [], bind: o.userNamespace });
}

function protection(config: RuntimeConfig): Step[] {
  return [
    ...(config.linux?.readonlyPaths ?? []).map(
      (target): Step => ({
        do: "makeReadOnly",
        target,
        because: { option: "linux.readonlyPaths", why: "the host could be changed through it" },
      }),
    ),
    ...(config.linux?.maskedPaths ?? []).map(
      (target): Step => ({
        do: "mask",
        target,
        because: { option: "linux.maskedPaths", why: "it tells about the host or reaches its hardware" },
      }),
    ),
  ];
}

function pivot(config: RuntimeConfig): Step[] {
  const steps: Step[] = [
    { do: "pivotRoot", because: { option: "root.path", why: "nothing of the host's tree is left" } },
  ];
  if (config.root?.readonly)
    steps.push({
      do: "setMount",
      in: "rootfs",
      target: "/",
      recursive: false,
      set: ["readOnly"],
      clear: [],
      propagation: "keep",
      because: { option: "root.readonly", why: "the container cannot change its own files" },
    });
  const [word, recursive] = propagationOf(config.linux?.rootfsPropagation ?? "");
  if (word === "shared" || word === "unbindable")
    steps.push({
      do: "setMount",
      in: "rootfs",
      target: "/",
      recursive,
      set: [],
      clear: [],
      propagation: word,
      because: { option: "linux.rootfsPropagation", why: "as asked" },
    });
  return steps;
}
