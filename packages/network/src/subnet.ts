import { formatAddress, NetlinkError, type Prefix, parsePrefix, prefixesOverlap } from "@ctr/netlink/steps";
import { NetworkError } from "./network-error.ts";

/** Shorter prefixes are default routes, some of them in halves (as VPN clients install), not networks. */
const shortestNetwork = 4;

/** Private networks in the order of preference. @see RFC 1918 */
const candidates: readonly string[] = [
  ...Array.from({ length: 168 }, (_, i) => `10.${88 + i}.0.0/16`),
  ...Array.from({ length: 16 }, (_, i) => `172.${16 + i}.0.0/16`),
  ...Array.from({ length: 156 }, (_, i) => `192.168.${100 + i}.0/24`),
];

/** An IPv4 network for containers. Addresses as numbers: the database counts with them. */
export interface Subnet {
  /** `10.88.0.0/16` */
  readonly text: string;
  readonly prefix: Prefix;
  /** The bridge's own. */
  readonly gateway: number;
  readonly first: number;
  readonly last: number;
}

/**
 * A network that meets none of those in use.
 * @param o.used  what the host's routes and addresses cover
 * @param o.start  where in the list to begin: state directories that begin at different places do not meet
 *   even when they choose at the same moment
 * @throws {NetworkError} `ERR_NETWORK_NO_FREE_SUBNET`.
 */
export function chooseSubnet(o: { used: readonly Prefix[]; start?: number }): Subnet {
  const start = (o.start ?? 0) % candidates.length;
  for (const candidate of [...candidates.slice(start), ...candidates.slice(0, start)])
    if (isFree(parsePrefix(candidate), o.used)) return subnetOf(candidate);
  throw new NetworkError("NO_FREE_SUBNET", "every private network that was tried is routed on this host", {
    hint: "name a free one",
  });
}

/** Whether a network meets none of those in use; default routes do not count. */
export const isFree = (network: Prefix, used: readonly Prefix[]): boolean =>
  !used.some((other) => other.length >= shortestNetwork && prefixesOverlap(network, other));

/**
 * @param text  `10.88.0.0/16`; /8 to /29
 * @throws {NetworkError} `ERR_NETWORK_INVALID_SUBNET`.
 */
export function subnetOf(text: string): Subnet {
  const prefix = parse(text);
  const base = toNumber(prefix.address);
  const size = 2 ** (32 - prefix.length);
  if (prefix.address.length !== 4 || prefix.length < 8 || prefix.length > 29 || base % size !== 0)
    throw new NetworkError(
      "INVALID_SUBNET",
      `subnet ${JSON.stringify(text.slice(0, 64))}: write an IPv4 network of /8 to /29, like 10.88.0.0/16`,
    );
  return { text, prefix, gateway: base + 1, first: base + 2, last: base + size - 2 };
}

function parse(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    if (error instanceof NetlinkError)
      throw new NetworkError("INVALID_SUBNET", `subnet ${JSON.stringify(text.slice(0, 64))}: not a network`, {
        cause: error,
      });
    throw error;
  }
}

export const toNumber = (address: Uint8Array): number => address.reduce((sum, byte) => sum * 256 + byte, 0);

export const toBytes = (address: number): Uint8Array =>
  Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);

export const toText = (address: number): string => formatAddress(toBytes(address));

/** Of the locally administered Ethernet addresses: how ours begin. */
const macStart = [0x02, 0x63] as const;

/** The Ethernet address that belongs to an IPv4 address: whoever gets the address again is found again. */
export const macOf = (address: number): Uint8Array => Uint8Array.of(...macStart, ...toBytes(address));

export const isOurMac = (mac: Uint8Array | undefined): boolean => macStart.every((byte, i) => mac?.[i] === byte);
