export { isKernelError, KernelError, symbolOf } from "./kernel-error.ts";
export {
  Attachment,
  type Monitored,
  type MonitorOptions,
  monitorConsoleFd,
  startBarrier,
  startMonitored,
} from "./monitor.ts";
export { KernelBinaryError } from "./native.ts";
export { mountDetached, openIn, perform, performLater } from "./perform.ts";
export { HeldProcess, makePipe, startTimeOf } from "./process.ts";
export { attachDeviceProgram, diskUsage, listXattrs, netlinkRequest, setTerminalSize, syncFileSystem } from "./raw.ts";
export {
  Child,
  type Ending,
  endingOf,
  exitCode,
  firstExtraFd,
  type StartOptions,
  type StepTime,
  start,
} from "./start.ts";
