export {
  type ContainerOptions,
  type PreparedContainer,
  planOf,
  prepareContainer,
  programError,
  type RunningContainer,
  type RunOptions,
  run,
} from "./container.ts";
export {
  type ContainerPlan,
  type ContainerPlanOptions,
  containerPlan,
  networkBarrier,
  userNamespaceBarrier,
} from "./container-plan.ts";
export { defaultConfig } from "./default-config.ts";
export { execPlan } from "./exec-plan.ts";
export { type HostFacts, hostFacts } from "./host-facts.ts";
export { RuntimeError, type RuntimeErrorCode } from "./runtime-error.ts";
