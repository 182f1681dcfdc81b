import type { LinuxResources } from "@ctr/oci";
import type { Reason, Step } from "@ctr/plan";
import { cgroupDirectories, cgroupDirectory } from "./cgroup-path.ts";
import { CgroupError } from "./cgroups-error.ts";
import { containerControllers, controllersAsked } from "./controllers-asked.ts";
import { cpuWrites } from "./cpu.ts";
import { cpusetWrites } from "./cpuset.ts";
import { deviceProgram } from "./device-program.ts";
import { defaultDeviceRules, deviceLines } from "./devices.ts";
import { hugetlbWrites } from "./hugetlb.ts";
import { ioWrites } from "./io.ts";
import type { Controller, Hierarchy, Layout } from "./layout.ts";
import { memoryWrites } from "./memory.ts";
import { classIdWrites, networkPriorityWrites } from "./network.ts";
import { pidsWrites } from "./pids.ts";
import { rdmaWrites } from "./rdma.ts";
import { unifiedWrites } from "./unified.ts";
import { type Ignored, Writes } from "./writes.ts";

/** A file of a new cgroup that has to be filled from its parent's before anybody can join: v1's cpuset. */
export interface Inherited {
  readonly from: string;
  readonly to: string;
}

export interface CgroupSteps {
  /** The directories to make, parents first. All but the cgroup's own may exist already. */
  readonly create: readonly string[];
  /** To be copied after `create`, in this order, where `to` is still empty. */
  readonly inherit: readonly Inherited[];
  /** For the parent, before the start: controllers that v2 has to pass down, then the limits. */
  readonly limits: readonly Step[];
  /** The v2 program that decides about devices, and the directory to attach it to. */
  readonly devices: { readonly directory: string; readonly program: Uint8Array } | undefined;
  /** For the child, first of all: it goes into its cgroups itself. */
  readonly join: readonly Step[];
  /** The cgroup's own directory in each tree. */
  readonly directories: readonly string[];
  /** What was asked and cannot be had in this version of cgroups. */
  readonly ignored: readonly Ignored[];
}

/**
 * What makes a cgroup at `path`, limits it, and brings a process into it. Nothing is done yet.
 *
 * The child joins by itself because that is cheap: a parent that writes a pid to `cgroup.procs` waits
 * for the kernel to let every thread of the system pass by (an RCU grace period, about 10 ms for a
 * container's trees), a thread that moves itself through v1's `tasks` waits for nobody. On v2 it can be
 * born inside: pass `intoCgroup` when the start uses CLONE_INTO_CGROUP.
 *
 * @param o.path  absolute below each tree's mount: `/ctr/<container id>`
 * @param o.resources  rules for devices are followed by the defaults of every container
 * @param o.always  trees that are used even if nothing is asked of them, where they exist; `devices` has
 *   to exist. A device rule set comes with it: pass a list without `devices` to limit ordinary processes
 *   and leave their devices alone.
 * @param o.because  the reason that steps outside `linux.resources` name
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`, `ERR_CGROUPS_PATH`, `ERR_CGROUPS_CONTROLLER`, `ERR_CGROUPS_DEVICES`
 * @see runtime-spec config-linux.md#control-groups
 */
export function cgroupSteps(o: {
  readonly layout: Layout;
  readonly path: string;
  readonly resources: LinuxResources;
  readonly because: Reason;
  readonly intoCgroup?: boolean;
  readonly always?: readonly Controller[];
}): CgroupSteps {
  const used = usedControllers(o.layout, o.resources, o.always ?? containerControllers);
  const trees = [...new Set(used.values())];
  const { steps, ignored } = limitWrites(used, o, false);
  const hasDevices = used.get("devices");
  return {
    create: trees.flatMap((tree) => cgroupDirectories(tree, o.path)),
    inherit: inherited(used.get("cpuset"), o.path),
    limits: [...enableSteps(used, o.path, o.because), ...steps],
    devices:
      hasDevices?.version === 2
        ? { directory: cgroupDirectory(hasDevices, o.path), program: deviceProgram(allDeviceRules(o.resources)) }
        : undefined,
    join: trees
      .filter((tree) => tree.version === 1 || o.intoCgroup !== true)
      .map((tree) => joinStep(tree, o.path, o.because)),
    directories: trees.map((tree) => cgroupDirectory(tree, o.path)),
    ignored,
  };
}

export interface UpdateSteps {
  /** Directories of trees that were not used before; most exist. */
  readonly create: readonly string[];
  readonly inherit: readonly Inherited[];
  readonly limits: readonly Step[];
  /** The cgroup's own directory in each tree that is written to. */
  readonly directories: readonly string[];
  readonly ignored: readonly Ignored[];
}

/**
 * What changes the limits of a cgroup that {@link cgroupSteps} made. Fields that are absent stay as they
 * are; devices are decided when a container is made. A v1 tree that nothing was asked of until now has
 * to be made and joined by all processes first.
 * @throws {CgroupError} as `cgroupSteps`
 */
export function updateSteps(o: {
  readonly layout: Layout;
  readonly path: string;
  readonly resources: LinuxResources;
}): UpdateSteps {
  const { devices, ...resources } = o.resources;
  const used = usedControllers(o.layout, resources, []);
  const trees = [...new Set(used.values())];
  const { steps, ignored } = limitWrites(used, { ...o, resources }, true);
  const because = { option: "linux.resources", why: "a limit was asked of a controller that was not used before" };
  const option = "linux.resources.devices";
  return {
    create: trees.flatMap((tree) => cgroupDirectories(tree, o.path)),
    inherit: inherited(used.get("cpuset"), o.path),
    limits: [...enableSteps(used, o.path, because), ...steps],
    directories: trees.map((tree) => cgroupDirectory(tree, o.path)),
    ignored: devices === undefined ? ignored : [...ignored, { option, why: "devices are decided at the start" }],
  };
}

function usedControllers(
  layout: Layout,
  resources: LinuxResources,
  always: readonly Controller[],
): ReadonlyMap<Controller, Hierarchy> {
  const used = new Map<Controller, Hierarchy>();
  for (const controller of always) {
    const tree = layout.controllers[controller];
    if (tree !== undefined) used.set(controller, tree);
    // Nothing but this one keeps a container from the host's disks.
    else if (controller === "devices") throw missing(layout, controller, "linux.resources.devices");
  }
  for (const [controller, option] of controllersAsked(resources)) {
    const tree = layout.controllers[controller];
    if (tree === undefined && !isIgnoredOnV2(layout, controller)) throw missing(layout, controller, option);
    if (tree !== undefined) used.set(controller, tree);
  }
  if (Object.keys(resources.unified ?? {}).length > 0 && layout.kind !== "v2")
    throw new CgroupError("linux.resources.unified: these are cgroup v2 files, and this machine has v1 controllers", {
      code: "ERR_CGROUPS_CONTROLLER",
      option: "linux.resources.unified",
      hint: "use the fields memory, cpu, pids … which work on both",
    });
  return used;
}

const isIgnoredOnV2 = (layout: Layout, controller: Controller): boolean =>
  layout.kind === "v2" && (controller === "net_cls" || controller === "net_prio");

function missing(layout: Layout, controller: Controller, option: string): CgroupError {
  const usable = Object.keys(layout.controllers).sort().join(", ");
  return new CgroupError(`${option}: the controller ${controller} cannot be used here (${layout.kind}: ${usable})`, {
    code: "ERR_CGROUPS_CONTROLLER",
    option,
    hint:
      layout.kind === "v1"
        ? `mount it: mount -t cgroup -o ${controller === "io" ? "blkio" : controller} none <directory>`
        : "it is not in cgroup.controllers: switched off at boot (cgroup_disable=) or not passed down",
  });
}

interface Asked {
  readonly layout: Layout;
  readonly path: string;
  readonly resources: LinuxResources;
}

/** Every translation, in an order that never depends on the request. */
function limitWrites(
  used: ReadonlyMap<Controller, Hierarchy>,
  { layout, path, resources }: Asked,
  update: boolean,
): { steps: Step[]; ignored: Ignored[] } {
  const done: Writes[] = [];
  const at = (controller: Controller, translate: (to: Writes) => void): void => {
    const tree = used.get(controller);
    if (tree === undefined) return;
    const to = new Writes({ version: tree.version, directory: cgroupDirectory(tree, path), update });
    translate(to);
    done.push(to);
  };
  const { memory, cpu, pids, blockIO, hugepageLimits, network, rdma, unified } = resources;
  if (!update) at("devices", (to) => deviceWrites(resources, to));
  at("cpuset", (to) => cpusetWrites(cpu ?? {}, to));
  at("memory", (to) => memoryWrites(memory ?? {}, to));
  at("cpu", (to) => cpuWrites(cpu ?? {}, to));
  at("pids", (to) => pidsWrites(pids ?? {}, to));
  at("io", (to) => ioWrites(blockIO ?? {}, layout.ioWeight, to));
  at("hugetlb", (to) => hugetlbWrites(hugepageLimits ?? [], to));
  at("rdma", (to) => rdmaWrites(rdma ?? {}, to));
  at("net_cls", (to) => classIdWrites(network ?? {}, to));
  at("net_prio", (to) => networkPriorityWrites(network ?? {}, to));
  if (unified !== undefined && layout.unified !== undefined && layout.kind === "v2") {
    const to = new Writes({ version: 2, directory: cgroupDirectory(layout.unified, path), update });
    unifiedWrites(unified, to);
    done.push(to);
  }
  const ignored = done.flatMap((it) => it.ignored);
  if (network !== undefined && layout.kind === "v2")
    ignored.push({ option: "linux.resources.network", why: "cgroup v2 marks no packets; match by cgroup in nftables" });
  return { steps: done.flatMap((it) => it.steps), ignored };
}

function allDeviceRules(resources: LinuxResources): NonNullable<LinuxResources["devices"]> {
  return [...(resources.devices ?? []), ...defaultDeviceRules];
}

function deviceWrites(resources: LinuxResources, to: Writes): void {
  if (to.version === 2) return;
  for (const { file, text } of deviceLines(allDeviceRules(resources)))
    to.write(file, text, "devices", text === "a" ? "one rule for all devices" : "an exception from it");
}

// A v1 cpuset is born without CPUs and memory nodes, and nobody can join it until it has some.
function inherited(tree: Hierarchy | undefined, path: string): Inherited[] {
  if (tree?.version !== 1) return [];
  const directories = [tree.mount, ...cgroupDirectories(tree, path)];
  return directories.slice(1).flatMap((directory, index) =>
    ["cpuset.cpus", "cpuset.mems"].map((file) => ({
      from: `${directories[index]}/${file}`,
      to: `${directory}/${file}`,
    })),
  );
}

// Controllers of v2 that must be passed down from parent to child; the others are in every cgroup.
const passedDown: readonly Controller[] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"];

/** @see Linux Documentation/admin-guide/cgroup-v2.rst, "Enabling and Disabling" */
function enableSteps(used: ReadonlyMap<Controller, Hierarchy>, path: string, because: Reason): Step[] {
  const wanted = passedDown.filter((controller) => used.get(controller)?.version === 2);
  const tree = wanted[0] === undefined ? undefined : used.get(wanted[0]);
  if (tree === undefined) return [];
  const text = wanted.map((controller) => `+${controller}`).join(" ");
  return [tree.mount, ...cgroupDirectories(tree, path).slice(0, -1)].map((directory) => ({
    do: "write",
    path: `${directory}/cgroup.subtree_control`,
    text,
    because,
  }));
}

// "0" is the writer. v1's `tasks` moves one thread, which is all that the child is.
function joinStep(tree: Hierarchy, path: string, because: Reason): Step {
  const file = tree.version === 1 ? "tasks" : "cgroup.procs";
  return { do: "write", path: `${cgroupDirectory(tree, path)}/${file}`, text: "0", because };
}
