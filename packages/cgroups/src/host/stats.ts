import { cgroupDirectory } from "../cgroup-path.ts";
import type { Controller, Hierarchy, Layout } from "../layout.ts";
import {
  type CpuStats,
  cpuStats,
  type Files,
  type IoStats,
  ioStats,
  type MemoryStats,
  memoryFiles,
  memoryStats,
  type PidsStats,
  pidsStats,
} from "../stats.ts";
import { readIfThere } from "./files.ts";

/** What a cgroup has used; a part whose controller is not used for this cgroup is absent. */
export interface CgroupStats {
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly pids?: PidsStats;
  readonly io?: readonly IoStats[];
}

/** Read the statistics of the cgroup at `path`. One that is gone gives an empty object. */
export async function readStats(layout: Layout, path: string): Promise<CgroupStats> {
  const at = (controller: Controller, version1: readonly string[], version2: readonly string[]): Promise<Files> => {
    const tree = layout.controllers[controller];
    if (tree === undefined) return Promise.resolve({});
    return filesOf(tree, path, tree.version === 1 ? version1 : version2);
  };
  const [cpuacct, cpu, memory, pids, io] = await Promise.all([
    at("cpuacct", ["cpuacct.usage", "cpuacct.usage_user", "cpuacct.usage_sys"], ["cpu.stat"]),
    at("cpu", ["cpu.stat"], ["cpu.stat"]),
    at("memory", memoryFiles[1], memoryFiles[2]),
    at("pids", ["pids.current", "pids.max", "pids.events"], ["pids.current", "pids.max", "pids.events"]),
    at("io", ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"], ["io.stat"]),
  ]);
  const version = (controller: Controller): 1 | 2 => layout.controllers[controller]?.version ?? 2;
  const isThere = (files: Files): boolean => Object.values(files).some((it) => it !== undefined);
  return {
    ...(isThere(cpuacct) && { cpu: cpuStats(version("cpuacct"), { ...cpuacct, ...cpu }) }),
    ...(isThere(memory) && { memory: memoryStats(version("memory"), memory) }),
    ...(isThere(pids) && { pids: pidsStats(pids) }),
    ...(isThere(io) && { io: ioStats(version("io"), io) }),
  };
}

async function filesOf(tree: Hierarchy, path: string, names: readonly string[]): Promise<Files> {
  const directory = cgroupDirectory(tree, path);
  const texts = await Promise.all(names.map((name) => readIfThere(`${directory}/${name}`)));
  return Object.fromEntries(names.map((name, index) => [name, texts[index]]));
}
