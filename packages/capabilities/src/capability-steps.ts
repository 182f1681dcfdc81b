import type { Capabilities } from "@ctr/oci";
import type { Reason, Step } from "@ctr/plan";
import { allCapabilities, type CapabilityName, capabilitiesIn, capabilityMask, findCapability } from "./names.ts";
import type { CapabilitySets } from "./status.ts";

export interface CapabilityPlan {
  /** Goes before `setUser`: only CAP_SETPCAP may take names out of the bounding set, and another user has lost it. */
  readonly beforeUser: readonly Step[];
  /** Goes after `setUser`: a change of user would empty the sets again. */
  readonly afterUser: readonly Step[];
  /**
   * What was asked for and cannot be given, as `effective CAP_X: reason`. The runtime-spec wants a warning here,
   * never a failure (config.md#linux-process).
   */
  readonly ignored: readonly string[];
}

/**
 * The steps behind `process.capabilities` of an OCI configuration. A set that is not listed is empty, and so is
 * every set when `capabilities` is undefined.
 *
 * Nothing is ever inheritable unless the configuration lists it: a full inheritable set let programs with
 * inheritable file capabilities raise what the container should not have had (CVE-2022-24769).
 *
 * @param available  What this machine can give: the bounding set of the process that performs the plan.
 * @see runtime-spec config.md#linux-process; capabilities(7), "Transformation of capabilities during execve()"
 */
export function capabilitySteps(o: {
  readonly capabilities: Capabilities | undefined;
  readonly because: Reason;
  readonly available?: bigint;
}): CapabilityPlan {
  const ignored: string[] = [];
  const { bounding, ...sets } = grantedSets(o.capabilities ?? {}, o.available ?? allCapabilities, ignored);
  return {
    beforeUser: [{ do: "limitCapabilities", bounding, because: o.because }],
    afterUser: [{ do: "setCapabilities", ...sets, because: o.because }],
    ignored,
  };
}

/** The sets that capset(2) and PR_CAP_AMBIENT_RAISE will accept: effective ⊆ permitted, ambient ⊆ permitted ∩ inheritable. */
function grantedSets(wanted: Capabilities, available: bigint, ignored: string[]): CapabilitySets {
  const read = (set: keyof CapabilitySets): bigint =>
    cut(set, readNames(set, wanted[set] ?? [], ignored), available, "this machine does not have it", ignored);

  const bounding = read("bounding");
  const permitted = read("permitted");
  const inheritable = read("inheritable");
  const effective = cut("effective", read("effective"), permitted, "it is not in the permitted set", ignored);
  const raised = permitted & inheritable;
  const ambient = cut("ambient", read("ambient"), raised, "it is not both permitted and inheritable", ignored);
  return { bounding, permitted, inheritable, effective, ambient };
}

function readNames(set: string, texts: readonly string[], ignored: string[]): bigint {
  const names: CapabilityName[] = [];
  for (const text of texts) {
    const name = findCapability(text);
    if (name === undefined) ignored.push(`${set} ${JSON.stringify(text.slice(0, 64))}: no such capability`);
    else names.push(name);
  }
  return capabilityMask(names);
}

function cut(set: string, mask: bigint, limit: bigint, reason: string, ignored: string[]): bigint {
  for (const name of capabilitiesIn(mask & ~limit)) ignored.push(`${set} ${name}: ${reason}`);
  return mask & limit;
}

/**
 * The `process.capabilities` that grants one set: what an engine writes into config.json after it has read
 * `--cap-add` and `--cap-drop`.
 *
 * @param ambient  Also for a program that does not run as root: without ambient capabilities, execve(2) takes
 *   everything away from any user but 0. They can only be ambient if they are inheritable as well.
 * @throws {CapabilitiesError} `ERR_CAPABILITIES_MASK` for a bit above 40.
 */
export function processCapabilities(granted: bigint, ambient: bigint = 0n): Capabilities {
  const names = capabilitiesIn(granted);
  const kept = capabilitiesIn(granted & ambient);
  return { bounding: names, effective: names, permitted: names, inheritable: kept, ambient: kept };
}
