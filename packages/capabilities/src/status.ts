import { CapabilitiesError } from "./capabilities-error.ts";

/** The five sets of a thread. */
export interface CapabilitySets {
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
}

const fields = {
  inheritable: /^CapInh:\s*([0-9a-f]{1,16})$/m,
  permitted: /^CapPrm:\s*([0-9a-f]{1,16})$/m,
  effective: /^CapEff:\s*([0-9a-f]{1,16})$/m,
  bounding: /^CapBnd:\s*([0-9a-f]{1,16})$/m,
  ambient: /^CapAmb:\s*([0-9a-f]{1,16})$/m,
} as const;

/**
 * The capability sets in the text of `/proc/<pid>/status`. Bits that this package has no name for are kept.
 *
 * @throws {CapabilitiesError} `ERR_CAPABILITIES_STATUS` when a line is missing or not hexadecimal.
 * @see proc_pid_status(5)
 */
export function parseStatus(text: string): CapabilitySets {
  return {
    inheritable: readSet(text, "inheritable"),
    permitted: readSet(text, "permitted"),
    effective: readSet(text, "effective"),
    bounding: readSet(text, "bounding"),
    ambient: readSet(text, "ambient"),
  };
}

function readSet(text: string, set: keyof CapabilitySets): bigint {
  const digits = fields[set].exec(text)?.[1];
  if (digits === undefined)
    throw new CapabilitiesError(
      "ERR_CAPABILITIES_STATUS",
      `status text has no readable line for the ${set} set; it needs the whole of /proc/<pid>/status of Linux 4.3 or later`,
    );
  return BigInt(`0x${digits}`);
}
