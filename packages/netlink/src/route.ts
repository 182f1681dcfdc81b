import {
  type AddressBytes,
  families,
  familyOf,
  formatAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "./address.ts";
import { attribute, concat, find, readAttributes, readNumber, u32 } from "./attribute.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";
import { NetlinkError } from "./netlink-error.ts";

// Messages about routes. The body is a struct rtmsg. @see rtnetlink(7), RTM_NEWROUTE

const types = { new: 24, delete: 25, get: 26 } as const;
/** RTA_* of <linux/rtnetlink.h>. */
const attributes = { destination: 1, outInterface: 4, gateway: 5, table: 15 } as const;
const headerSize = 12;
const mainTable = 254;
const madeAtBoot = 3; // RTPROT_BOOT: what ip(8) uses for routes typed in by hand
const unicast = 1;
const scopes = { universe: 0, link: 253 } as const;

/** A route as the kernel reports it. */
export interface Route {
  /** Where it leads; length 0 is the default route. */
  readonly destination: Prefix;
  readonly gateway: AddressBytes | undefined;
  /** Index of the interface that it leaves through. */
  readonly index: number | undefined;
  /** 254 is the main table, 255 the kernel's own of local addresses. */
  readonly table: number;
}

/**
 * Add a route to the main table.
 * @param o.to  `10.0.0.0/8`, or `default`
 * @param o.via  the gateway; it must be reachable already
 * @param o.index  the interface, where no gateway says it
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_ADDRESS`; the kernel answers EEXIST, ENETUNREACH.
 */
export function addRoute(o: { to: string; via?: string; index?: number }): NetlinkMessage {
  return change(types.new, messageFlags.create | messageFlags.exclusive, "add", o);
}

/** Delete a route of the main table. The kernel answers ESRCH when there is none. */
export function deleteRoute(o: { to: string; via?: string; index?: number }): NetlinkMessage {
  return change(types.delete, 0, "delete", o);
}

function change(
  type: number,
  flags: number,
  verb: string,
  o: { to: string; via?: string; index?: number },
): NetlinkMessage {
  const via = o.via === undefined ? undefined : parseAddress(o.via);
  const to = o.to === "default" ? { address: new Uint8Array(via?.length ?? 4), length: 0 } : parsePrefix(o.to);
  const asked = `${verb} route to ${o.to}${via === undefined ? "" : ` via ${formatAddress(via)}`}`;
  if (via !== undefined && via.length !== to.address.length)
    throw new NetlinkError({
      asked,
      fault: "INVALID_ADDRESS",
      explanation: "gateway and destination differ in family",
    });
  return {
    type,
    flags: flags | messageFlags.acknowledge,
    body: concat([
      rtmsg({
        family: familyOf(to.address),
        length: to.length,
        scope: via === undefined ? scopes.link : scopes.universe,
      }),
      ...(to.length === 0 ? [] : [attribute(attributes.destination, to.address)]),
      ...(via === undefined ? [] : [attribute(attributes.gateway, via)]),
      ...(o.index === undefined ? [] : [attribute(attributes.outInterface, u32(o.index))]),
    ]),
    asked,
  };
}

/** Ask for every route of the namespace, of every table. */
export function dumpRoutes(): NetlinkMessage {
  const body = new Uint8Array(headerSize);
  body[0] = families.unspecified;
  return { type: types.get, flags: messageFlags.dump, body, asked: "list routes" };
}

/**
 * The IPv4 and IPv6 routes of an answer; other objects are passed over.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readRoutes(messages: readonly ReceivedMessage[]): Route[] {
  return messages
    .filter(({ type, body }) => type === types.new && (body[0] === families.inet || body[0] === families.inet6))
    .map(readRoute);
}

function readRoute({ body }: ReceivedMessage): Route {
  const size = body[0] === families.inet ? 4 : 16;
  const length = body[1] ?? 0;
  const all = body.length < headerSize ? [] : readAttributes(body.subarray(headerSize));
  const address = find(all, attributes.destination)?.slice() ?? new Uint8Array(size);
  if (body.length < headerSize || address.length !== size || length > size * 8)
    throw new NetlinkError({
      asked: "list routes",
      fault: "MALFORMED_REPLY",
      explanation: "a destination of odd size",
    });
  return {
    destination: { address, length },
    gateway: find(all, attributes.gateway)?.slice(),
    index: readNumber(find(all, attributes.outInterface)),
    table: readNumber(find(all, attributes.table)) ?? body[4]!,
  };
}

function rtmsg(o: { family: number; length: number; scope: number }): Uint8Array {
  return Uint8Array.of(o.family, o.length, 0, 0, mainTable, madeAtBoot, o.scope, unicast, 0, 0, 0, 0);
}
