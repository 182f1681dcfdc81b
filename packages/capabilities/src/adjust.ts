import { CapabilitiesError } from "./capabilities-error.ts";
import { allCapabilities, capabilitiesIn, capabilityMask, parseCapability } from "./names.ts";

export interface Adjustment {
  /** The set to start from, usually `defaultCapabilities`. */
  readonly base: bigint;
  /** `--cap-add`: names in any case, with or without `CAP_`, or `ALL`. */
  readonly add?: readonly string[];
  /** `--cap-drop`: as `add`. */
  readonly drop?: readonly string[];
  /**
   * What this machine can give at all: the bounding set of the process that starts containers. `ALL` and `base`
   * are cut to it; a capability that is named and is not in it is an error.
   */
  readonly available?: bigint;
}

/**
 * `--cap-add` and `--cap-drop` on top of a base set, with Docker's precedence: `add ALL` gives everything but the
 * dropped names; `drop ALL` gives exactly the added names; otherwise a name in both lists is added.
 *
 * @throws {CapabilitiesError} `ERR_CAPABILITIES_UNKNOWN` for a name that does not exist,
 *   `ERR_CAPABILITIES_UNAVAILABLE` for an added name that `available` lacks.
 */
export function adjustCapabilities({ base, add = [], drop = [], available = allCapabilities }: Adjustment): bigint {
  const added = readList(add, "--cap-add");
  const dropped = readList(drop, "--cap-drop");
  refuseUnavailable(added.named, available);

  if (added.all) return allCapabilities & available & ~dropped.named;
  const kept = dropped.all ? 0n : base & available & ~dropped.named;
  return kept | added.named;
}

/** Every capability this machine can give: what `--privileged` means. */
export function privilegedCapabilities(available: bigint): bigint {
  return allCapabilities & available;
}

function readList(list: readonly string[], option: string): { readonly all: boolean; readonly named: bigint } {
  const names = list.filter((text) => text.toUpperCase() !== "ALL");
  return {
    all: names.length < list.length,
    named: capabilityMask(names.map((text) => parseCapability(text, option))),
  };
}

function refuseUnavailable(named: bigint, available: bigint): void {
  const [first, ...others] = capabilitiesIn(named & ~available);
  if (first === undefined) return;
  const list = [first, ...others].join(", ");
  throw new CapabilitiesError(
    "ERR_CAPABILITIES_UNAVAILABLE",
    `--cap-add ${list}: not in this machine's own bounding set (CapBnd in /proc/self/status), so no container can have it; leave it out, or use ALL for everything there is`,
  );
}
