import { CapabilitiesError } from "./capabilities-error.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * Every capability at its bit number. The order is the kernel's ABI: new ones are only ever added at the end.
 *
 * @see capabilities(7); Linux include/uapi/linux/capability.h
 */
export const capabilityNames = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

/** Every capability this package knows, bits 0 to 40. */
export const allCapabilities: bigint = (1n << BigInt(capabilityNames.length)) - 1n;

const bits: ReadonlyMap<string, number> = new Map(capabilityNames.map((name, bit) => [name, bit]));

/** The bit number of a capability. */
export function capabilityBit(name: CapabilityName): number {
  return bits.get(name) as number;
}

/** The name behind `text`, or undefined: any case, with or without `CAP_`. */
export function findCapability(text: string): CapabilityName | undefined {
  const upper = text.toUpperCase();
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  return bits.has(name) ? (name as CapabilityName) : undefined;
}

/**
 * The name behind `text`, in any case, with or without `CAP_`: `net_admin`, `CAP_NET_ADMIN`.
 *
 * @param option  Who asks, for the message: `--cap-add`.
 * @throws {CapabilitiesError} `ERR_CAPABILITIES_UNKNOWN`, with a suggestion when a name is close.
 */
export function parseCapability(text: string, option: string = "capability"): CapabilityName {
  const found = findCapability(text);
  if (found !== undefined) return found;
  const near = nearestName(text, capabilityNames);
  const advice = near === undefined ? "capabilities(7) lists the names" : `did you mean ${near}?`;
  // A hostile name may be megabytes long; its beginning is enough to find it.
  const shown = JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
  throw new CapabilitiesError("ERR_CAPABILITIES_UNKNOWN", `${option} ${shown}: no such capability; ${advice}`, near);
}

/** The mask with exactly these capabilities. */
export function capabilityMask(names: Iterable<CapabilityName>): bigint {
  let mask = 0n;
  for (const name of names) mask |= 1n << BigInt(capabilityBit(name));
  return mask;
}

/**
 * The names in a mask, lowest bit first.
 *
 * @throws {CapabilitiesError} `ERR_CAPABILITIES_MASK` for a negative mask or a bit this package has no name for.
 */
export function capabilitiesIn(mask: bigint): CapabilityName[] {
  if ((mask & ~allCapabilities) !== 0n)
    throw new CapabilitiesError(
      "ERR_CAPABILITIES_MASK",
      `mask ${mask < 0n ? mask : `0x${mask.toString(16)}`} has bits above ${capabilityNames.length - 1}, which have no name here; mask it with allCapabilities first`,
    );
  return capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}
