import { type AddressBytes, broadcastOf, families, familyOf, formatAddress, parsePrefix } from "./address.ts";
import { attribute, concat, find, readAttributes } from "./attribute.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";
import { NetlinkError } from "./netlink-error.ts";

// Messages about addresses of interfaces. The body is a struct ifaddrmsg. @see rtnetlink(7), RTM_NEWADDR

const types = { new: 20, delete: 21, get: 22 } as const;
/** IFA_* of <linux/if_addr.h>. For IPv4 `local` is the own address, `address` the other end of a point-to-point link. */
const attributes = { address: 1, local: 2, broadcast: 4 } as const;
const headerSize = 8;

/** An address as the kernel reports it. */
export interface InterfaceAddress {
  /** Index of the interface. */
  readonly index: number;
  readonly address: AddressBytes;
  readonly prefixLength: number;
}

/**
 * Give an interface an address, with the broadcast address of its network.
 * @param o.prefix  `10.88.0.2/16`: the address and its network
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_ADDRESS`; the kernel answers EEXIST when the interface has it.
 */
export function addAddress(o: { index: number; prefix: string }): NetlinkMessage {
  return change(types.new, messageFlags.create | messageFlags.exclusive, "add", o);
}

/** Take an address from an interface. The kernel answers EADDRNOTAVAIL when it has no such address. */
export function deleteAddress(o: { index: number; prefix: string }): NetlinkMessage {
  return change(types.delete, 0, "delete", o);
}

function change(type: number, flags: number, verb: string, o: { index: number; prefix: string }): NetlinkMessage {
  const prefix = parsePrefix(o.prefix);
  // A network of two or of one has no broadcast address (RFC 3021).
  const hasBroadcast = prefix.address.length === 4 && prefix.length < 31;
  return {
    type,
    flags: flags | messageFlags.acknowledge,
    body: concat([
      ifaddrmsg(familyOf(prefix.address), prefix.length, o.index),
      attribute(attributes.local, prefix.address),
      attribute(attributes.address, prefix.address),
      ...(hasBroadcast ? [attribute(attributes.broadcast, broadcastOf(prefix))] : []),
    ]),
    asked: `${verb} address ${formatAddress(prefix.address)}/${prefix.length} on interface ${o.index}`,
  };
}

/** Ask for every address of the namespace. */
export function dumpAddresses(): NetlinkMessage {
  const body = ifaddrmsg(families.unspecified, 0, 0);
  return { type: types.get, flags: messageFlags.dump, body, asked: "list addresses" };
}

/**
 * The addresses of an answer; other objects are passed over.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readAddresses(messages: readonly ReceivedMessage[]): InterfaceAddress[] {
  return messages.filter((message) => message.type === types.new).map(readAddress);
}

function readAddress({ body }: ReceivedMessage): InterfaceAddress {
  const all = body.length < headerSize ? [] : readAttributes(body.subarray(headerSize));
  const address = find(all, attributes.local) ?? find(all, attributes.address);
  if (address === undefined || (address.length !== 4 && address.length !== 16))
    throw new NetlinkError({
      asked: "list addresses",
      fault: "MALFORMED_REPLY",
      explanation: "an entry without address",
    });
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return { index: view.getUint32(4, true), address: address.slice(), prefixLength: view.getUint8(1) };
}

function ifaddrmsg(family: number, prefixLength: number, index: number): Uint8Array {
  const body = new Uint8Array(headerSize);
  const view = new DataView(body.buffer);
  view.setUint8(0, family);
  view.setUint8(1, prefixLength);
  view.setUint32(4, index, true);
  return body;
}
