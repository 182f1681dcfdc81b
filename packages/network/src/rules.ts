import {
  addChain,
  addElements,
  addRule,
  addSet,
  addTable,
  be16,
  deleteElements,
  deleteTable,
  type Element,
  type Expression,
  matchChanged,
  matchFamily,
  matchInet4,
  matchInterface,
  matchLocal,
  matchState,
  type NetlinkMessage,
  parseIpv4,
  parsePrefix,
  type Table,
  u8,
} from "@ctr/netlink/steps";
import type { TransportProtocol } from "./port-mapping.ts";
import { type Subnet, toBytes } from "./subnet.ts";

//                  ┌ raw ──────┐  ┌ dstnat ─────────────┐              ┌ forward ────────────┐  ┌ srcnat ────┐
//   from outside ─▶│ no 127/8  │─▶│ published? new dest. │─▶ routing ─▶│ only what was asked │─▶│ masquerade │─▶ bridge
//                  └───────────┘  └──────────────────────┘             └─────────────────────┘  └────────────┘
//   from this host ──────────────▶ output: the same question ─────────────────────────────────▶ masquerade ─▶ bridge
//
// One table per state directory. Which port leads where is data in two maps, so that a container that
// comes or goes changes elements and never a rule.

/** A published port with nothing left to choose. */
export interface PublishedPort {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: TransportProtocol;
}

/** A published port and the container's address. */
export interface Forward extends PublishedPort {
  readonly to: number;
}

const anyAddress = "0.0.0.0";
const loopback = parsePrefix("127.0.0.0/8");
/** Ports published on every address of the host, and those published on one. */
const maps = { any: "published", one: "published_at" } as const;
const transports = { tcp: 6, udp: 17 } as const;
/** Offset of the destination port in a TCP and in a UDP header. */
const portOffset = 2;
/** One transaction must fit a socket's send buffer: about 200 KB by default, 44 bytes for an element. */
export const elementsPerBatch = 2048;

/**
 * Messages that write the whole table: rules for `subnet` behind `bridge`, and every forward. First batch first.
 * @param o.replace  delete a table that may be there, in the same transaction. Not for nothing: closing a
 *   socket that deleted something waits for a grace period, about 10 ms.
 */
export function tableMessages(o: {
  table: Table;
  replace: boolean;
  bridge: string;
  subnet: Subnet;
  forwards: readonly Forward[];
}): NetlinkMessage[][] {
  const first = o.forwards.slice(0, elementsPerBatch);
  const batches = [
    [
      // Adding before deleting makes deleting succeed whether or not the table was there.
      ...(o.replace ? [addTable(o.table), deleteTable(o.table)] : []),
      addTable(o.table),
      ...mapMessages(o.table),
      ...chainMessages(o.table, o.bridge, o.subnet),
      ...publishMessages(o.table, first),
    ],
  ];
  for (let at = elementsPerBatch; at < o.forwards.length; at += elementsPerBatch)
    batches.push(publishMessages(o.table, o.forwards.slice(at, at + elementsPerBatch)));
  return batches;
}

/** Messages that add forwards to the maps. */
export function publishMessages(table: Table, forwards: readonly Forward[]): NetlinkMessage[] {
  return byMap(forwards).flatMap(([map, some]) =>
    addElements(
      table,
      map,
      some.map((one) => element(one)),
    ),
  );
}

/** Messages that take forwards out of the maps. */
export function withdrawMessages(table: Table, forwards: readonly Forward[]): NetlinkMessage[] {
  return byMap(forwards).flatMap(([map, some]) =>
    deleteElements(
      table,
      map,
      some.map((one) => ({ key: element(one).key })),
    ),
  );
}

const byMap = (forwards: readonly Forward[]): [string, Forward[]][] => [
  [maps.any, forwards.filter((one) => one.hostIp === anyAddress)],
  [maps.one, forwards.filter((one) => one.hostIp !== anyAddress)],
];

function element(forward: Forward): Element {
  const port = [u8(transports[forward.protocol]), be16(forward.hostPort)];
  return {
    key: forward.hostIp === anyAddress ? port : [parseIpv4(forward.hostIp), ...port],
    value: [toBytes(forward.to), be16(forward.containerPort)],
  };
}

const mapMessages = (table: Table): NetlinkMessage[] => [
  addSet(table, { name: maps.any, key: ["transport", "port"], value: ["ipv4", "port"], id: 1 }),
  addSet(table, { name: maps.one, key: ["ipv4", "transport", "port"], value: ["ipv4", "port"], id: 2 }),
];

function chainMessages(table: Table, bridge: string, subnet: Subnet): NetlinkMessage[] {
  const chain = (name: string, rules: readonly Expression[][]): NetlinkMessage[] =>
    rules.map((rule) => addRule(table, name, rule));
  const toPublished: Expression[] = [
    ...matchFamily("ipv4"),
    ...matchLocal("destination"),
    { do: "verdict", verdict: "jump", chain: "publish" },
  ];
  return [
    addChain(table, "publish"),
    addChain(table, "raw", { type: "filter", hook: "prerouting", priority: -300 }),
    addChain(table, "dstnat", { type: "nat", hook: "prerouting", priority: -100 }),
    addChain(table, "output", { type: "nat", hook: "output", priority: -100 }),
    addChain(table, "input", { type: "filter", hook: "input", priority: 0 }),
    addChain(table, "forward", { type: "filter", hook: "forward", priority: 0 }),
    addChain(table, "srcnat", { type: "nat", hook: "postrouting", priority: 100 }),
    ...chain("publish", publishRules),
    ...chain("raw", [noForeignLoopback]),
    ...chain("dstnat", [toPublished]),
    ...chain("output", [toPublished]),
    ...chain("input", [noInet6(bridge)]),
    ...chain("forward", forwardRules(bridge)),
    ...chain("srcnat", sourceRules(bridge, subnet)),
  ];
}

/** Look the destination up, and where it is found, go there instead. */
const publishRules: Expression[][] = [
  [
    ...matchFamily("ipv4"),
    { do: "payload", base: "network", offset: 16, length: 4, to: 0 },
    { do: "meta", key: "transport", to: 1 },
    { do: "payload", base: "transport", offset: portOffset, length: 2, to: 2 },
    { do: "lookup", set: maps.one, from: 0, to: 0 },
    { do: "nat", change: "destination", address: 0, port: 1 },
  ],
  [
    { do: "meta", key: "transport", to: 0 },
    { do: "payload", base: "transport", offset: portOffset, length: 2, to: 1 },
    { do: "lookup", set: maps.any, from: 0, to: 0 },
    { do: "nat", change: "destination", address: 0, port: 1 },
  ],
];

/**
 * The bridge lets 127.0.0.0/8 pass (route_localnet), which answers to the host's own loopback need. Nobody
 * else may use it: not a container, not a neighbour on a host where another program opened every interface.
 * Answers are not hit: they carry the bridge's address until the connection tracking translates them, later.
 */
const noForeignLoopback: Expression[] = [
  ...matchInterface("input", "lo", "!="),
  ...matchFamily("ipv4"),
  ...matchInet4("destination", loopback),
  { do: "verdict", verdict: "drop" },
];

/** This network is IPv4 only; a container with CAP_NET_RAW must not become the host's IPv6 router (CVE-2020-13401). */
const noInet6 = (bridge: string): Expression[] => [
  ...matchInterface("input", bridge),
  ...matchFamily("ipv6"),
  { do: "verdict", verdict: "drop" },
];

/** Into the bridge only answers and published ports; between containers and out of it everything, but IPv4 only. */
const forwardRules = (bridge: string): Expression[][] => [
  [...matchInterface("output", bridge), ...matchState("established", "related"), { do: "verdict", verdict: "accept" }],
  // Bridged frames come here where net.bridge.bridge-nf-call-iptables is on.
  [...matchInterface("input", bridge), ...matchInterface("output", bridge), { do: "verdict", verdict: "accept" }],
  noInet6(bridge),
  [...matchInterface("output", bridge), ...matchChanged("destination"), { do: "verdict", verdict: "accept" }],
  [...matchInterface("output", bridge), { do: "verdict", verdict: "drop" }],
];

/** Whoever answers must answer to this host: outside nobody knows the subnet, inside nobody knows our 127.0.0.1. */
const sourceRules = (bridge: string, subnet: Subnet): Expression[][] => [
  [
    ...matchInterface("output", bridge, "!="),
    ...matchFamily("ipv4"),
    ...matchInet4("source", subnet.prefix),
    { do: "masquerade" },
  ],
  [
    ...matchInterface("output", bridge),
    ...matchFamily("ipv4"),
    ...matchInet4("source", loopback),
    { do: "masquerade" },
  ],
  // A container that calls a published port, perhaps its own, must see the answer come from the host.
  [
    ...matchInterface("output", bridge),
    ...matchFamily("ipv4"),
    ...matchInet4("source", subnet.prefix),
    ...matchChanged("destination"),
    { do: "masquerade" },
  ],
];
