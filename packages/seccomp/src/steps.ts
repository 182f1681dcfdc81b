export type { Machine } from "./architectures.ts";
export { type CompiledFilter, type CompileOptions, compile } from "./compile.ts";
export { type CallGroup, groups, type Privilege, privileged } from "./default-calls.ts";
export { defaultProfile } from "./default-profile.ts";
export { evaluate, type SystemCall, type Verdict } from "./evaluate.ts";
export { SeccompError, type SeccompErrorCode } from "./seccomp-error.ts";
export { seccompSteps } from "./seccomp-steps.ts";
