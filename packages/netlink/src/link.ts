import { attribute, concat, find, nested, readAttributes, readNumber, readText, text, u8, u32 } from "./attribute.ts";
import { interfaceName } from "./interface-name.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";
import { NetlinkError } from "./netlink-error.ts";

// Messages about interfaces. The body is a struct ifinfomsg, then attributes. @see rtnetlink(7), RTM_NEWLINK

const types = { new: 16, delete: 17, get: 18 } as const;

/** IFLA_* of <linux/if_link.h>. */
const attributes = {
  address: 1,
  name: 3,
  mtu: 4,
  peerIndex: 5,
  master: 10,
  info: 18,
  namespacePid: 19,
  familySpecific: 26,
  namespaceFd: 28,
} as const;
const info = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const vethPeer = 1;
const bridgePortHairpin = 4;
/** IFLA_INET_CONF of AF_INET, IFLA_INET6_ADDR_GEN_MODE of AF_INET6. */
const inet = { family: 2, settings: 1 } as const;
const inet6 = { family: 10, addressGeneration: 8, noAddress: 1 } as const;
/** IPV4_DEVCONF_* of <linux/ip.h>. */
const inetSettings = { forwarding: 1, routeLocalnet: 26 } as const;

const up = 1;

/** Six bytes of an Ethernet address. */
export type MacAddress = Uint8Array;

/** The network namespace in which something is to be made: that of a process, or an open fd of one. */
export type NamespaceOf = { readonly pid: number } | { readonly fd: number };

/** An interface as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** `bridge`, `veth`, …; undefined for hardware and lo. */
  readonly kind: string | undefined;
  readonly mac: MacAddress | undefined;
  readonly mtu: number | undefined;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** Index of the other end of a veth, in that end's namespace. */
  readonly peer: number | undefined;
}

function ifinfomsg(o: { index?: number; flags?: number; change?: number; family?: number }): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint8(0, o.family ?? 0);
  view.setInt32(4, o.index ?? 0, true);
  view.setUint32(8, o.flags ?? 0, true);
  view.setUint32(12, o.change ?? 0, true);
  return body;
}

const link = (type: number, flags: number, asked: string, ...body: readonly Uint8Array[]): NetlinkMessage => ({
  type,
  flags: flags | messageFlags.acknowledge,
  body: concat(body),
  asked,
});

/**
 * Make a bridge, down and with no port. A `mac` of its own keeps the address from changing with every
 * port that comes and goes, which would leave wrong entries in the neighbours' ARP tables.
 * @throws {NetlinkError} for a bad name or address; the kernel answers EEXIST when the name is taken.
 */
export function addBridge(o: { name: string; mac?: MacAddress; mtu?: number }): NetlinkMessage {
  return link(
    types.new,
    messageFlags.create | messageFlags.exclusive,
    `add bridge ${JSON.stringify(o.name)}`,
    ifinfomsg({}),
    attribute(attributes.name, interfaceName(o.name)),
    ...hardware(o),
    nested(attributes.info, attribute(info.kind, text("bridge"))),
  );
}

/**
 * Make a veth pair whose other end is born in another network namespace. `name` is up at once, and a port
 * of `master` at once; the peer is down. Moving an end of a finished pair costs grace periods instead:
 * about 15 ms.
 *
 * @param o.indexes  interface indexes of both ends, each free in its namespace (else EBUSY): with one that is
 *   known beforehand the container can give its end an address without looking for it. The kernel takes the
 *   peer's only together with the own one.
 * @see veth(4); Linux drivers/net/veth.c, veth_newlink
 */
export function addVeth(o: {
  name: string;
  master?: number;
  mac?: MacAddress;
  mtu?: number;
  indexes?: { own: number; peer: number };
  peer: { name: string; namespace: NamespaceOf; mac?: MacAddress };
}): NetlinkMessage {
  const { peer } = o;
  const where =
    "pid" in peer.namespace
      ? attribute(attributes.namespacePid, u32(peer.namespace.pid))
      : attribute(attributes.namespaceFd, u32(peer.namespace.fd));
  const peerBody = concat([
    ifinfomsg({ index: o.indexes?.peer ?? 0 }),
    attribute(attributes.name, interfaceName(peer.name)),
    ...hardware({ ...(peer.mac ? { mac: peer.mac } : {}), ...(o.mtu === undefined ? {} : { mtu: o.mtu }) }),
    where,
  ]);
  return link(
    types.new,
    messageFlags.create | messageFlags.exclusive,
    `add veth ${JSON.stringify(o.name)}`,
    ifinfomsg({ index: o.indexes?.own ?? 0, flags: up, change: up }),
    attribute(attributes.name, interfaceName(o.name)),
    ...hardware(o),
    ...(o.master === undefined ? [] : [attribute(attributes.master, u32(o.master))]),
    nested(attributes.info, attribute(info.kind, text("veth")), nested(info.data, attribute(vethPeer, peerBody))),
  );
}

/** Set an interface up or down by its name. */
export function setLinkState(o: { name: string; up: boolean }): NetlinkMessage {
  return link(
    types.new,
    0,
    `set ${JSON.stringify(o.name)} ${o.up ? "up" : "down"}`,
    ifinfomsg({ flags: o.up ? up : 0, change: up }),
    attribute(attributes.name, interfaceName(o.name)),
  );
}

/** Give the interface with this index another name; old kernels want it down for that. */
export function renameLink(o: { index: number; name: string }): NetlinkMessage {
  return link(
    types.new,
    0,
    `rename interface ${o.index} to ${JSON.stringify(o.name)}`,
    ifinfomsg({ index: o.index }),
    attribute(attributes.name, interfaceName(o.name)),
  );
}

/**
 * IPv4 and IPv6 settings of one interface that otherwise are files in /proc/sys/net, of which a process
 * only sees those of its own network namespace.
 *
 * @param o.routeLocalnet  let 127.0.0.0/8 pass over it: what a port published on 127.0.0.1 needs
 * @param o.forwarding  route IPv4 packets that arrive here
 * @param o.noInet6Address  make no link-local IPv6 address when it goes up
 * @see Linux Documentation/networking/ip-sysctl.rst, route_localnet, forwarding, addr_gen_mode
 */
export function configureLink(o: {
  name: string;
  routeLocalnet?: boolean;
  forwarding?: boolean;
  noInet6Address?: boolean;
}): NetlinkMessage {
  const settings = (["routeLocalnet", "forwarding"] as const).flatMap((key) =>
    o[key] === undefined ? [] : [attribute(inetSettings[key], u32(Number(o[key])))],
  );
  const specific = [
    ...(settings.length === 0 ? [] : [nested(inet.family, nested(inet.settings, ...settings))]),
    ...(o.noInet6Address ? [nested(inet6.family, attribute(inet6.addressGeneration, u8(inet6.noAddress)))] : []),
  ];
  return link(
    types.new,
    0,
    `configure ${JSON.stringify(o.name)}`,
    ifinfomsg({}),
    attribute(attributes.name, interfaceName(o.name)),
    nested(attributes.familySpecific, ...specific),
  );
}

/**
 * Let a bridge send a frame back through the port that it came from: a container that calls its own
 * published port, where bridged frames pass netfilter (net.bridge.bridge-nf-call-iptables).
 */
export function setHairpin(o: { name: string; on: boolean }): NetlinkMessage {
  return link(
    types.new,
    0,
    `set hairpin mode of ${JSON.stringify(o.name)}`,
    ifinfomsg({}),
    attribute(attributes.name, interfaceName(o.name)),
    nested(
      attributes.info,
      attribute(info.slaveKind, text("bridge")),
      nested(info.slaveData, attribute(bridgePortHairpin, u8(Number(o.on)))),
    ),
  );
}

/** Delete an interface; both ends of a veth go. The kernel answers ENODEV when there is none. */
export function deleteLink(name: string): NetlinkMessage {
  const asked = `delete interface ${JSON.stringify(name)}`;
  return link(types.delete, 0, asked, ifinfomsg({}), attribute(attributes.name, interfaceName(name)));
}

/** Ask for one interface by its name. The kernel answers ENODEV when there is none. */
export function getLink(name: string): NetlinkMessage {
  const asked = `find interface ${JSON.stringify(name)}`;
  return link(types.get, 0, asked, ifinfomsg({}), attribute(attributes.name, interfaceName(name)));
}

/** Ask for every interface of the namespace. */
export function dumpLinks(): NetlinkMessage {
  return { type: types.get, flags: messageFlags.dump, body: ifinfomsg({}), asked: "list interfaces" };
}

/**
 * The interfaces of an answer; other objects are passed over.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readLinks(messages: readonly ReceivedMessage[]): Link[] {
  return messages.filter((message) => message.type === types.new).map(readLink);
}

function readLink({ body }: ReceivedMessage): Link {
  if (body.length < 16)
    throw new NetlinkError({
      asked: "list interfaces",
      fault: "MALFORMED_REPLY",
      explanation: "a link without header",
    });
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const all = readAttributes(body.subarray(16));
  return {
    index: view.getInt32(4, true),
    name: readText(find(all, attributes.name)) ?? "",
    up: (view.getUint32(8, true) & up) !== 0,
    kind: readText(find(readAttributes(find(all, attributes.info) ?? new Uint8Array()), info.kind)),
    mac: find(all, attributes.address)?.slice(),
    mtu: readNumber(find(all, attributes.mtu)),
    master: readNumber(find(all, attributes.master)),
    peer: readNumber(find(all, attributes.peerIndex)),
  };
}

function hardware(o: { mac?: MacAddress; mtu?: number }): Uint8Array[] {
  if (o.mac !== undefined && o.mac.length !== 6)
    throw new NetlinkError({
      asked: "write an Ethernet address",
      fault: "INVALID_ADDRESS",
      explanation: `${o.mac.length} bytes instead of 6`,
    });
  return [
    ...(o.mac === undefined ? [] : [attribute(attributes.address, o.mac)]),
    ...(o.mtu === undefined ? [] : [attribute(attributes.mtu, u32(o.mtu))]),
  ];
}
