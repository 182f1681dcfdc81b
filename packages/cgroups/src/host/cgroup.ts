import { closeSync, existsSync } from "node:fs";
import type { LinuxResources } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { cgroupDirectory } from "../cgroup-path.ts";
import { type CgroupSteps, updateSteps } from "../cgroup-steps.ts";
import { CgroupError } from "../cgroups-error.ts";
import type { Hierarchy, Layout } from "../layout.ts";
import { oomKillsOf } from "../stats.ts";
import type { Ignored } from "../writes.ts";
import { checkCpuset } from "./cpuset.ts";
import { processesIn } from "./descendants.ts";
import { inherit, makeDirectory } from "./directory.ts";
import { performSlowWrite, readIfThere } from "./files.ts";
import { setFrozen } from "./freeze.ts";
import { killAll, signalAll, type Victims } from "./kill.ts";
import { detectLayout } from "./layout.ts";
import { moveProcesses } from "./move.ts";
import { removeIn } from "./remove.ts";
import { type CgroupStats, readStats } from "./stats.ts";
import { checkUsage, withPresentQuota } from "./update.ts";
import type { Patience } from "./wait.ts";

/** A cgroup that exists: one directory in each tree that is used. */
export class Cgroup implements AsyncDisposable {
  readonly layout: Layout;
  readonly path: string;
  /** For the child, first of all. Empty for a cgroup that was only opened. */
  readonly joinSteps: readonly Step[];
  /** What was asked when it was made and this version of cgroups cannot do. */
  readonly ignored: readonly Ignored[];
  #directoryFd: number;

  constructor(o: { layout: Layout; path: string; steps?: CgroupSteps; directoryFd?: number }) {
    this.layout = o.layout;
    this.path = o.path;
    this.joinSteps = o.steps?.join ?? [];
    this.ignored = o.steps?.ignored ?? [];
    this.#directoryFd = o.directoryFd ?? -1;
  }

  /** The v2 directory, for CLONE_INTO_CGROUP; -1 where the v2 tree is not used. `close` ends it. */
  get directoryFd(): number {
    return this.#directoryFd;
  }

  /** The cgroup's directories, one for each tree that this package knows; they need not all exist. */
  get directories(): readonly string[] {
    return this.#trees().map((tree) => cgroupDirectory(tree, this.path));
  }

  /**
   * Change limits; fields that are absent stay. Answers what cannot be done in this version of cgroups.
   * @throws {CgroupError} `ERR_CGROUPS_VALUE`, `ERR_CGROUPS_CONTROLLER`, `ERR_CGROUPS_KERNEL`
   */
  async update(resources: LinuxResources): Promise<readonly Ignored[]> {
    checkCpuset(this.layout, resources);
    await checkUsage(this.layout, this.path, resources);
    const full = await withPresentQuota(this.layout, this.path, resources);
    const steps = updateSteps({ layout: this.layout, path: this.path, resources: full });
    const fresh = steps.create.filter(makeDirectory);
    inherit(steps.inherit);
    for (const step of steps.limits) await performSlowWrite(step);
    for (const directory of steps.directories)
      if (fresh.includes(directory)) await moveProcesses(directory, () => this.processes());
    return steps.ignored;
  }

  stats(): Promise<CgroupStats> {
    return readStats(this.layout, this.path);
  }

  /** Ids of its processes and those of all cgroups below. */
  processes(): Promise<number[]> {
    return processesIn(this.#victims().directory);
  }

  /** Processes that the kernel ended for want of memory since the cgroup was made. */
  async oomKills(): Promise<number> {
    const tree = this.layout.controllers.memory;
    if (tree === undefined) return 0;
    const file = tree.version === 1 ? "memory.oom_control" : "memory.events";
    return oomKillsOf((await readIfThere(`${cgroupDirectory(tree, this.path)}/${file}`)) ?? "");
  }

  /** Stop every process and wait until all have. @throws {CgroupError} `ERR_CGROUPS_BUSY`, `ERR_CGROUPS_CONTROLLER` */
  freeze(patience?: Patience): Promise<void> {
    return this.#setFrozen(true, patience);
  }

  /** Let every process go on. */
  thaw(patience?: Patience): Promise<void> {
    return this.#setFrozen(false, patience);
  }

  /**
   * Send a signal to every process. SIGKILL ends all of them, however fast they fork, and waits for it;
   * other signals are sent once. Frozen processes are thawed by SIGKILL.
   */
  kill(signal: NodeJS.Signals = "SIGKILL", patience?: Patience): Promise<void> {
    return signal === "SIGKILL" ? killAll(this.#victims(), patience) : signalAll(this.#victims(), signal, patience);
  }

  /** Remove its directories and all below them once they are empty; kills nothing. Removed already is fine. */
  async remove(patience?: Patience): Promise<void> {
    this.close();
    for (const tree of this.#trees()) await removeIn(tree, cgroupDirectory(tree, this.path), patience);
  }

  /** Give `directoryFd` back; the cgroup stays. */
  close(): void {
    if (this.#directoryFd !== -1) closeSync(this.#directoryFd);
    this.#directoryFd = -1;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }

  #trees(): Hierarchy[] {
    const all = Object.values(this.layout.controllers);
    return [...new Set(this.layout.unified === undefined ? all : [...all, this.layout.unified])];
  }

  async #setFrozen(freeze: boolean, patience?: Patience): Promise<void> {
    const tree = this.layout.controllers.freezer;
    if (tree === undefined)
      throw new CgroupError("processes cannot be stopped: the freezer controller is not mounted", {
        code: "ERR_CGROUPS_CONTROLLER",
        hint: "mount it: mount -t cgroup -o freezer none <directory>",
      });
    await setFrozen(tree, cgroupDirectory(tree, this.path), freeze, patience);
  }

  /** Every process is in each tree that is used: one of them is asked. It may be gone by now, which is fine. */
  #victims(): Victims {
    const places = this.#trees().map((tree) => ({ tree, directory: cgroupDirectory(tree, this.path) }));
    // A v2 tree has a file that ends all, and one that tells when they have ended.
    const present = places.filter(({ directory }) => existsSync(directory));
    const place = present.find(({ tree }) => tree.version === 2) ?? present[0] ?? places[0];
    if (place === undefined) throw new CgroupError("no tree of cgroups is known", { code: "ERR_CGROUPS_LAYOUT" });
    return { ...place, freezer: present.find(({ tree }) => tree === this.layout.controllers.freezer) };
  }
}

/** The cgroup that {@link createCgroup} made at `path`, perhaps in another process. It need not exist any more. */
export function openCgroup(o: { readonly layout?: Layout; readonly path: string }): Cgroup {
  return new Cgroup({ layout: o.layout ?? detectLayout(), path: o.path });
}
