export { type Adjustment, adjustCapabilities, privilegedCapabilities } from "./adjust.ts";
export { CapabilitiesError, type CapabilitiesErrorCode } from "./capabilities-error.ts";
export { type CapabilityPlan, capabilitySteps, processCapabilities } from "./capability-steps.ts";
export { defaultCapabilities, defaultCapabilityNames } from "./default-set.ts";
export { describe } from "./describe.ts";
export {
  allCapabilities,
  type CapabilityName,
  capabilitiesIn,
  capabilityBit,
  capabilityMask,
  capabilityNames,
  findCapability,
  parseCapability,
} from "./names.ts";
export { type CapabilitySets, parseStatus } from "./status.ts";
