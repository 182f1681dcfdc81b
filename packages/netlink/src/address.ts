import { NetlinkError } from "./netlink-error.ts";

/** An IPv4 (4 bytes) or IPv6 (16 bytes) address in network order. */
export type AddressBytes = Uint8Array;

/** An address and how many of its leading bits are the network's. */
export interface Prefix {
  readonly address: AddressBytes;
  readonly length: number;
}

/** AF_* of <sys/socket.h>. */
export const families = { unspecified: 0, inet: 2, inet6: 10 } as const;

export const familyOf = (address: AddressBytes): number => (address.length === 4 ? families.inet : families.inet6);

const longestAddress = 45; // "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

/**
 * `10.88.0.1` or `fe80::1` as bytes. Only the four-number form of IPv4 is taken: inet_aton(3)'s `10.1`
 * and octal `010.0.0.1` mean different machines to different programs.
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_ADDRESS`.
 */
export function parseAddress(address: string): AddressBytes {
  const bytes =
    address.length > longestAddress ? undefined : address.includes(":") ? parseInet6(address) : parseInet4(address);
  if (bytes === undefined) throw invalid(address, "not an IPv4 or IPv6 address");
  return bytes;
}

/** @throws {NetlinkError} `ERR_NETLINK_INVALID_ADDRESS`, also for IPv6. */
export function parseIpv4(address: string): AddressBytes {
  const bytes = parseInet4(address);
  if (bytes === undefined) throw invalid(address, "not an IPv4 address: four numbers from 0 to 255 with dots between");
  return bytes;
}

/**
 * `10.88.0.1/16` as bytes. Bits after the prefix are kept: an interface's address has them.
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_ADDRESS`.
 */
export function parsePrefix(prefix: string): Prefix {
  const slash = prefix.indexOf("/");
  if (slash < 0) throw invalid(prefix, "no prefix length: write 10.88.0.1/16");
  const address = parseAddress(prefix.slice(0, slash));
  const length = parseDecimal(prefix.slice(slash + 1), address.length * 8);
  if (length === undefined) throw invalid(prefix, `the prefix length is a number from 0 to ${address.length * 8}`);
  return { address, length };
}

/** The shortest usual writing: `10.88.0.1`, `fe80::1`. @see RFC 5952 */
export function formatAddress(address: AddressBytes): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i]! << 8) | address[2 * i + 1]!);
  const gap = longestZeroes(groups);
  const hex = groups.map((group) => group.toString(16));
  if (gap.length < 2) return hex.join(":");
  return `${hex.slice(0, gap.start).join(":")}::${hex.slice(gap.start + gap.length).join(":")}`;
}

/** Whether two networks have an address in common. Different families never do. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  if (a.address.length !== b.address.length) return false;
  const bits = Math.min(a.length, b.length);
  return a.address.every((byte, i) => {
    const mask = prefixByte(bits, i);
    return (byte & mask) === (b.address[i]! & mask);
  });
}

/** `16` → `255.255.0.0` as bytes. */
export const netmask = (length: number, size: 4 | 16 = 4): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => prefixByte(length, i));

/** The last address of a network, which IPv4 sends to everybody in it. */
export function broadcastOf(prefix: Prefix): AddressBytes {
  return prefix.address.map((byte, i) => byte | (~prefixByte(prefix.length, i) & 0xff));
}

const prefixByte = (bits: number, index: number): number => {
  const here = Math.max(0, Math.min(8, bits - 8 * index));
  return (0xff << (8 - here)) & 0xff;
};

/** A decimal number without sign or leading zero, at most `limit`. */
function parseDecimal(digits: string, limit: number): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  const value = Number(digits);
  return value <= limit ? value : undefined;
}

function parseInet4(address: string): AddressBytes | undefined {
  if (address.length > 15) return undefined;
  const bytes = address.split(".").map((part) => parseDecimal(part, 255));
  if (bytes.length !== 4 || bytes.includes(undefined)) return undefined;
  return Uint8Array.from(bytes as number[]);
}

/** @see RFC 4291, 2.2 */
function parseInet6(address: string): AddressBytes | undefined {
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  // "::" stands for one group of zeroes at least.
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

/** Colon-separated groups; the last one of an address may be in IPv4 writing. */
function parseGroups(half: string, isLast: boolean): number[] | undefined {
  if (half === "") return [];
  const bytes: number[] = [];
  const groups = half.split(":");
  for (const [i, group] of groups.entries()) {
    const inet4 = isLast && i === groups.length - 1 ? parseInet4(group) : undefined;
    if (inet4 !== undefined) bytes.push(...inet4);
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255);
    else return undefined;
  }
  return bytes;
}

function longestZeroes(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}

const invalid = (address: string, explanation: string): NetlinkError =>
  new NetlinkError({
    asked: `read address ${JSON.stringify(address.slice(0, 64))}`,
    fault: "INVALID_ADDRESS",
    explanation,
  });
