import { NetlinkError } from "./netlink-error.ts";

//   0        2        4                4 + n      next multiple of 4
//   ├────────┼────────┼────────────────┼──────────┤
//   │ length │ type   │ payload        │ zeroes   │   length = 4 + n, without the padding
//
// Headers are in the byte order of the machine; every machine that we support is little-endian.
// nf_tables puts its integers in network order all the same, hence the two families of writers below.

const headerSize = 4;
const longest = 0xffff;
/** The payload is attributes again. @see <linux/netlink.h>, NLA_F_NESTED */
const nestedFlag = 0x8000;
const typeMask = 0x3fff;

/** One attribute as it was read. `payload` is a view of the bytes that were given. */
export interface Attribute {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The next multiple of four: where an attribute or a message may begin. @see NLA_ALIGN, NLMSG_ALIGN */
export const align = (length: number): number => (length + 3) & ~3;

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * One attribute with its header and padding.
 * @throws {NetlinkError} `ERR_NETLINK_TOO_LONG` over 65 531 bytes: the length field has 16 bits.
 */
export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = headerSize + payload.length;
  if (length > longest)
    throw new NetlinkError({
      asked: `write attribute ${type & typeMask}`,
      fault: "TOO_LONG",
      explanation: `${payload.length} bytes, at most ${longest - headerSize} fit`,
      hint: "send it in several messages",
    });
  const bytes = new Uint8Array(align(length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, headerSize);
  return bytes;
}

/** An attribute made of attributes. */
export const nested = (type: number, ...children: readonly Uint8Array[]): Uint8Array =>
  attribute(type | nestedFlag, concat(children));

export const u8 = (value: number): Uint8Array => Uint8Array.of(value);

/** 32 bits in the machine's byte order: rtnetlink. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** 16 bits in network order: ports. */
export const be16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value);

/** 32 bits in network order: nf_tables. Negative numbers are written in two's complement. */
export function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, false);
  return bytes;
}

/** UTF-8 with the NUL that the kernel asks for in names. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

/**
 * The attributes of one level. Nothing is copied, and a length that lies is refused rather than followed.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readAttributes(bytes: Uint8Array): Attribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all: Attribute[] = [];
  let at = 0;
  while (at + headerSize <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < headerSize || length > bytes.length - at)
      throw new NetlinkError({
        asked: "read attributes",
        fault: "MALFORMED_REPLY",
        explanation: `the attribute at byte ${at} says ${length} bytes, ${bytes.length - at} are there`,
      });
    all.push({ type: view.getUint16(at + 2, true) & typeMask, payload: bytes.subarray(at + headerSize, at + length) });
    at += align(length);
  }
  return all;
}

/** The payload of the last attribute of a type; the kernel, too, lets the last one win. */
export const find = (attributes: readonly Attribute[], type: number): Uint8Array | undefined =>
  attributes.findLast((one) => one.type === type)?.payload;

/** A number of one to four bytes in the machine's order; undefined when it is missing or has no such size. */
export function readNumber(payload: Uint8Array | undefined): number | undefined {
  if (payload === undefined || payload.length === 0 || payload.length > 4) return undefined;
  return payload.reduce((sum, byte, place) => sum + byte * 2 ** (8 * place), 0);
}

/** A number of one to eight bytes in network order; past 2^53 it is rounded. */
export function readBigEndian(payload: Uint8Array | undefined): number | undefined {
  if (payload === undefined || payload.length === 0 || payload.length > 8) return undefined;
  return payload.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Text up to its first NUL; undecodable bytes become U+FFFD. */
export function readText(payload: Uint8Array | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
}
