import { type Attribute, align, concat, find, readAttributes, readText } from "./attribute.ts";
import { symbolOf } from "./errno.ts";
import { NetlinkError } from "./netlink-error.ts";

//   0        4      6       8          12      16              length
//   ├────────┼──────┼───────┼──────────┼───────┼───────────────┤
//   │ length │ type │ flags │ sequence │ port  │ body          │   struct nlmsghdr, netlink(7)
//
// A request's sequence number is its place in the datagram. The answer repeats it, and that is how a
// refusal finds back to what was asked.

const headerSize = 16;

/** NETLINK_* of <linux/netlink.h>, as socket(2) takes them. */
export const netlinkProtocols = { route: 0, socketDiag: 4, netfilter: 12 } as const;

/** NLM_F_* of <linux/netlink.h>. */
export const messageFlags = {
  request: 0x1,
  acknowledge: 0x4,
  /** Of a new object: replace what is there. */
  replace: 0x100,
  /** Of a new object: fail when it is there. */
  exclusive: 0x200,
  create: 0x400,
  /** Of a new object: after the others. */
  append: 0x800,
  /** Of a question: all objects (NLM_F_ROOT and NLM_F_MATCH). */
  dump: 0x300,
} as const;

const controlTypes = { noop: 1, error: 2, done: 3 } as const;
const capped = 0x100;
const hasAttributes = 0x200;
const extendedMessage = 1;

/** A request that has no sequence number yet: messages of several packages may go in one datagram. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  /** What it is for, in words; an error begins with it. */
  readonly asked: string;
}

/** One message of an answer. `body` is a view of the bytes that were given. */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The datagram: every message padded, numbered from 1 in order. */
export function encodeMessages(messages: readonly NetlinkMessage[]): Uint8Array {
  return concat(
    messages.map((message, index) => {
      const length = headerSize + message.body.length;
      const bytes = new Uint8Array(align(length));
      const view = new DataView(bytes.buffer);
      view.setUint32(0, length, true);
      view.setUint16(4, message.type, true);
      view.setUint16(6, message.flags | messageFlags.request, true);
      view.setUint32(8, index + 1, true);
      bytes.set(message.body, headerSize);
      return bytes;
    }),
  );
}

/**
 * Cut a datagram, or several one after the other, into its messages.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY` when a length lies.
 */
export function decodeMessages(bytes: Uint8Array): ReceivedMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all: ReceivedMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    const length = left < headerSize ? 0 : view.getUint32(at, true);
    if (length < headerSize || length > left)
      throw malformed(`the message at byte ${at} says ${length} bytes, ${left} are there`);
    all.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + headerSize, at + length),
    });
    at += align(length);
  }
  return all;
}

/**
 * The objects of an answer, acknowledgements left out.
 * @param requests  what was sent, in the order given to `encodeMessages`
 * @throws {NetlinkError} for the first request that was refused, or for an answer that makes no sense.
 */
export function readReply(requests: readonly NetlinkMessage[], reply: Uint8Array): ReceivedMessage[] {
  const objects: ReceivedMessage[] = [];
  for (const message of decodeMessages(reply)) {
    if (message.type === controlTypes.noop) continue;
    if (message.type !== controlTypes.error && message.type !== controlTypes.done) {
      objects.push(message);
      continue;
    }
    const failure = failureOf(message, requests[message.sequence - 1]?.asked ?? "netlink request");
    if (failure !== undefined) throw failure;
  }
  return objects;
}

/** What an NLMSG_ERROR, or the NLMSG_DONE of a dump that broke off, says; undefined for success. */
function failureOf(message: ReceivedMessage, asked: string): NetlinkError | undefined {
  const { body, type } = message;
  // A NLMSG_DONE of old kernels has no body.
  if (body.length < 4) {
    if (type === controlTypes.done) return undefined;
    throw malformed("an error message without an errno");
  }
  const result = new DataView(body.buffer, body.byteOffset, body.byteLength).getInt32(0, true);
  if (result >= 0) return undefined;
  const symbol = symbolOf(-result);
  const explanation = readText(find(extendedAcknowledgement(message), extendedMessage));
  return new NetlinkError({
    asked,
    errno: -result,
    symbol,
    ...(explanation === undefined ? {} : { explanation }),
    ...(symbol === "EPERM" ? { hint: "needs CAP_NET_ADMIN in the user namespace of this network namespace" } : {}),
  });
}

/** @see Linux Documentation/userspace-api/netlink/intro.rst, "Ext ACK" */
function extendedAcknowledgement(message: ReceivedMessage): Attribute[] {
  if ((message.flags & hasAttributes) === 0) return [];
  if (message.type === controlTypes.done) return readAttributes(message.body.subarray(4));
  // The errno, the header of the request and, unless capped, the request's body come first.
  const request = message.body.subarray(4);
  if (request.length < headerSize) throw malformed("an error message without the request that it is about");
  const length = new DataView(request.buffer, request.byteOffset, request.byteLength).getUint32(0, true);
  const skip = (message.flags & capped) !== 0 ? headerSize : align(length);
  if (skip < headerSize || skip > request.length) throw malformed("an error message whose request is cut off");
  return readAttributes(request.subarray(skip));
}

const malformed = (explanation: string): NetlinkError =>
  new NetlinkError({ asked: "read a netlink reply", fault: "MALFORMED_REPLY", explanation });
