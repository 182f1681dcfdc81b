export { type CgroupSteps, cgroupSteps, type Inherited, type UpdateSteps, updateSteps } from "./cgroup-steps.ts";
export { CgroupError, type CgroupErrorCode } from "./cgroups-error.ts";
export { containerControllers } from "./controllers-asked.ts";
export { linearWeight, weightOfShares } from "./cpu.ts";
export { cpuListText, parseCpuList } from "./cpuset.ts";
export { deviceProgram } from "./device-program.ts";
export { defaultDeviceRules, deviceLines } from "./devices.ts";
export { ioWeightOf } from "./io.ts";
export { type Controller, type Hierarchy, type Layout, parseLayout } from "./layout.ts";
export { minimumMemoryLimit } from "./memory.ts";
export {
  type CpuStats,
  cpuStats,
  type Files,
  type IoStats,
  ioStats,
  type MemoryStats,
  memoryStats,
  oomKillsOf,
  type PidsStats,
  pidsStats,
} from "./stats.ts";
export type { Ignored } from "./writes.ts";
