export { emptyPlanSize, encode, PlanEncoder, planMagic, stepNumber, timingOffset, timingSize } from "./encode.ts";
export { explain, explainStep } from "./explain.ts";
export {
  type FieldKind,
  layout,
  limitNumbers,
  mountAttributeFlags,
  namespaceFlags,
  propagationFlags,
} from "./layout.ts";
export { decodeName, encodeName } from "./name-bytes.ts";
export { PlanError } from "./plan-error.ts";
export type {
  MissingTarget,
  MountAttribute,
  NamespaceType,
  Nanoseconds,
  Propagation,
  Reason,
  ResourceLimit,
  Step,
  StepBody,
  StepName,
  StepOf,
  Tree,
} from "./step.ts";
