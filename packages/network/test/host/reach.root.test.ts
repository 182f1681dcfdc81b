import { DatabaseSync } from "node:sqlite";
import {
  addAddress,
  addRoute,
  addVeth,
  configureLink,
  deleteAddress,
  type NetlinkMessage,
  sendMessages,
  setLinkState,
} from "@ctr/netlink";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lease, type Network, openNetwork, parsePortMapping } from "../../src/index.ts";
import { missing, Namespace } from "./namespaces.ts";

//   neighbour 192.0.2.9 ── veth ── 192.0.2.1 host 10.88.0.1 ── bridge ─┬─ web  10.88.0.2
//                                       127.0.0.1                      └─ other 10.88.0.3

describe.skipIf(missing !== undefined)(`who reaches a published port${missing ? `: ${missing}` : ""}`, () => {
  const made: Namespace[] = [];
  let network: Network;
  let host: Namespace;
  let web: Namespace;
  let other: Namespace;
  let neighbour: Namespace;
  let lease: Lease;

  const route = (where: Namespace, ...messages: NetlinkMessage[]) =>
    sendMessages({ protocol: "route", messages, namespace: where.path });

  beforeAll(async () => {
    for (let i = 0; i < 4; i++) made.push(await Namespace.make());
    [host, web, other, neighbour] = made as [Namespace, Namespace, Namespace, Namespace];
    route(host, setLinkState({ name: "lo", up: true }));
    route(
      host,
      addVeth({
        name: "lan",
        indexes: { own: 50, peer: 60 },
        peer: { name: "lan", namespace: { pid: neighbour.pid } },
      }),
      addAddress({ index: 50, prefix: "192.0.2.1/24" }),
    );
    route(
      neighbour,
      addAddress({ index: 60, prefix: "192.0.2.9/24" }),
      setLinkState({ name: "lan", up: true }),
      setLinkState({ name: "lo", up: true }),
      addRoute({ to: "10.88.0.0/16", via: "192.0.2.1" }),
    );

    network = openNetwork({
      database: new DatabaseSync(":memory:"),
      root: "/var/lib/ctr",
      hostNamespace: host.path,
    });
    const ports = ["8080:80", "127.0.0.1:8081:80", "192.0.2.1:8082:80", "8053:53/udp"].flatMap(parsePortMapping);
    lease = network.lease({ containerId: "web", hostname: "web", ports });
    await network.connect(lease, { pid: web.pid });
    web.perform(lease.steps);
    const second = network.lease({ containerId: "other", hostname: "other", ports: [] });
    await network.connect(second, { pid: other.pid });
    other.perform(second.steps);

    await web.serve({ port: 80, word: "web" });
    await web.serve({ port: 81, word: "private" });
    await web.serve({ port: 53, word: "web", protocol: "udp" });
    await neighbour.serve({ port: 7000, word: "neighbour" });
    await host.serve({ port: 7001, word: "loopback only", address: "127.0.0.1" });
  });

  afterAll(async () => {
    for (const one of made) await one[Symbol.asyncDispose]();
  });

  const rows = [
    { from: "host", to: "127.0.0.1", port: 8080, hears: "web 10.88.0.1", why: "curl localhost, the everyday case" },
    { from: "host", to: "192.0.2.1", port: 8080, hears: "web 192.0.2.1", why: "the host by its own LAN address" },
    { from: "host", to: "10.88.0.2", port: 80, hears: "web 10.88.0.1", why: "the container itself" },
    { from: "host", to: "127.0.0.1", port: 8081, hears: "web 10.88.0.1", why: "published for the host only" },
    { from: "host", to: "127.0.0.1", port: 8082, hears: "ECONNREFUSED", why: "published on another address" },
    { from: "host", to: "127.0.0.1", port: 8053, udp: true, hears: "web 10.88.0.1", why: "a datagram and its answer" },
    { from: "host", to: "127.0.0.1", port: 8053, hears: "ECONNREFUSED", why: "published for UDP, not TCP" },
    { from: "neighbour", to: "192.0.2.1", port: 8080, hears: "web 192.0.2.9", why: "the caller's address is kept" },
    { from: "neighbour", to: "192.0.2.1", port: 8082, hears: "web 192.0.2.9", why: "published on this address" },
    {
      from: "neighbour",
      to: "192.0.2.1",
      port: 8081,
      hears: "ECONNREFUSED",
      why: "published on 127.0.0.1 is not on the LAN",
    },
    { from: "neighbour", to: "192.0.2.1", port: 8053, udp: true, hears: "web 192.0.2.9", why: "UDP from outside" },
    { from: "neighbour", to: "10.88.0.2", port: 81, hears: "silence", why: "a port that nobody published" },
    { from: "neighbour", to: "10.88.0.2", port: 80, hears: "silence", why: "not around the published port either" },
    { from: "other", to: "10.88.0.2", port: 81, hears: "private 10.88.0.3", why: "containers see each other" },
    { from: "other", to: "192.0.2.1", port: 8080, hears: "web 10.88.0.1", why: "a container by the host's address" },
    { from: "other", to: "10.88.0.1", port: 8080, hears: "web 10.88.0.1", why: "a container by its gateway" },
    { from: "other", to: "10.88.0.1", port: 8081, hears: "ECONNREFUSED", why: "what is for the host only" },
    { from: "web", to: "192.0.2.1", port: 8080, hears: "web 10.88.0.1", why: "hairpin: a container calls itself" },
    {
      from: "web",
      to: "192.0.2.9",
      port: 7000,
      hears: "neighbour 192.0.2.1",
      why: "out of the host, under its address",
    },
  ] as const;
  for (const row of rows)
    test(`${row.from} to ${row.to}:${row.port}: ${row.why}`, () => {
      const from = { host, web, other, neighbour }[row.from];
      expect(from.call(row.to, row.port, "udp" in row ? "udp" : "tcp")).toBe(row.hears);
    });

  test("hairpin without bridged frames in netfilter, as where br_netfilter is not loaded", () => {
    host.run("sh", "-c", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables || true");
    expect(web.call("192.0.2.1", 8080)).toBe("web 10.88.0.1");
    expect(other.call("10.88.0.2", 81)).toBe("private 10.88.0.3");
  });

  // Somebody whose own 127.0.0.1 is gone can send packets for it to others.
  const noLoopback = [deleteAddress({ index: 1, prefix: "127.0.0.1/8" }), setLinkState({ name: "lo", up: false })];

  test("C13: a neighbour sends packets for 127.0.0.1, also where another program opened every interface", () => {
    route(host, configureLink({ name: "lan", routeLocalnet: true }));
    route(neighbour, configureLink({ name: "lan", routeLocalnet: true }), ...noLoopback);
    route(neighbour, addRoute({ to: "127.0.0.0/8", via: "192.0.2.1" }));
    expect(neighbour.run("cat", "/proc/net/route")).toMatch(/^lan\t0000007F/m);
    expect(neighbour.call("127.0.0.1", 8081)).not.toMatch(/web/);
    expect(neighbour.call("127.0.0.1", 7001)).not.toMatch(/loopback/);
  });

  test("C13: a container sends packets for the host's 127.0.0.1", () => {
    route(other, configureLink({ name: "eth0", routeLocalnet: true }), ...noLoopback);
    route(other, addRoute({ to: "127.0.0.0/8", via: "10.88.0.1" }));
    expect(other.call("127.0.0.1", 8081)).not.toMatch(/web/);
    expect(other.call("127.0.0.1", 7001)).not.toMatch(/loopback/);
  });
});
