export { idMapText } from "./id-map.ts";
export { type NamespacePlan, namespacePlan } from "./namespace-plan.ts";
export { NamespacesError } from "./namespaces-error.ts";
export { parseTimeOffset, timeOffsetSteps } from "./time-offset.ts";
