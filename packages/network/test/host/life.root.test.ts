import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import {
  addAddress,
  addBridge,
  addRoute,
  deleteTable,
  dumpElements,
  dumpLinks,
  dumpTables,
  type NetlinkMessage,
  nftBatch,
  readElements,
  readLinks,
  readTables,
  sendMessages,
  setLinkState,
} from "@ctr/netlink";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openNetwork, type PortMapping, parsePortMapping } from "../../src/index.ts";
import { hasNft, missing, Namespace } from "./namespaces.ts";

const root = "/var/lib/ctr";

describe.skipIf(missing !== undefined)(`what a network makes and removes${missing ? `: ${missing}` : ""}`, () => {
  let host: Namespace;
  let database: DatabaseSync;
  const containers: Namespace[] = [];

  beforeEach(async () => {
    host = await Namespace.make();
    route(setLinkState({ name: "lo", up: true }));
    database = new DatabaseSync(":memory:");
  });
  afterEach(async () => {
    for (const one of [...containers.splice(0), host]) await one[Symbol.asyncDispose]();
    database.close();
  });

  const route = (...messages: NetlinkMessage[]) => sendMessages({ protocol: "route", messages, namespace: host.path });
  const rules = (...messages: NetlinkMessage[]) =>
    sendMessages({ protocol: "netfilter", messages, namespace: host.path });
  const bridges = () =>
    readLinks(route(dumpLinks()))
      .filter((link) => link.kind === "bridge")
      .map((link) => link.name);
  const tables = () => readTables(rules(dumpTables("inet")));
  const published = () =>
    readElements(rules(dumpElements({ family: "inet", name: "ctr" }, "published"))).map(
      ({ key }) => key[4]! * 256 + key[5]!,
    );
  const open = () => openNetwork({ database, root, hostNamespace: host.path });
  const ports = (...texts: string[]): PortMapping[] => texts.flatMap(parsePortMapping);
  const container = async () => {
    const one = await Namespace.make();
    containers.push(one);
    return one;
  };

  test("the first lease makes bridge and table, the last disconnect removes both", async () => {
    const network = open();
    const lease = network.lease({ containerId: "a", hostname: "a", ports: ports("8080:80") });
    network.lease({ containerId: "b", hostname: "b", ports: [] });
    expect(lease).toMatchObject({
      address: "10.88.0.2",
      gateway: "10.88.0.1",
      prefixLength: 16,
      mac: "02:63:0a:58:00:02",
    });
    expect([bridges(), tables(), published()]).toEqual([["ctr0"], ["ctr"], []]);
    await network.connect(lease, { pid: (await container()).pid });
    expect(published()).toEqual([8080]);
    await network.disconnect("a");
    expect([bridges(), tables(), published()]).toEqual([["ctr0"], ["ctr"], []]);
    await network.disconnect("b");
    await network.disconnect("b");
    expect([bridges(), tables()]).toEqual([[], []]);
    expect(database.prepare("SELECT count(*) AS n FROM network_port").get()).toEqual({ n: 0 });
  });

  test("the machine's own namespace is left as it was, and so is this thread", () => {
    const before = [readlinkSync("/proc/thread-self/ns/net"), readFileSync("/proc/sys/net/ipv4/ip_forward", "latin1")];
    open().lease({ containerId: "a", hostname: "a", ports: [] });
    expect(host.run("cat", "/proc/sys/net/ipv4/ip_forward")).toBe("1\n");
    expect([readlinkSync("/proc/thread-self/ns/net"), readFileSync("/proc/sys/net/ipv4/ip_forward", "latin1")]).toEqual(
      before,
    );
  });

  test.skipIf(!hasNft)("nft(8) reads the rules back", () => {
    open().lease({ containerId: "a", hostname: "a", ports: [] });
    const listed = host.run("nft", "list", "table", "inet", "ctr");
    expect(listed).toContain("dnat ip to ip daddr . meta l4proto . th dport map @published_at");
    expect(listed).toContain('iifname != "lo" ip daddr 127.0.0.0/8 drop');
    expect(listed).toContain('oifname != "ctr0" ip saddr 10.88.0.0/16 masquerade');
    expect(listed).toContain('oifname "ctr0" ct state established,related accept');
  });

  const conflicts = [
    { has: "container 8080:80", wants: "8080:81", taken: true, why: "the same port" },
    { has: "container 8080:80", wants: "127.0.0.1:8080:80", taken: true, why: "every address includes this one" },
    { has: "container 127.0.0.1:8080:80", wants: "8080:80", taken: true, why: "this one is in every address" },
    { has: "container 127.0.0.1:8080:80", wants: "127.0.0.2:8080:80", taken: false, why: "two addresses, one port" },
    { has: "container 8080:80", wants: "8080:80/udp", taken: false, why: "two protocols, one port" },
    { has: "container 8080-8081:80-81", wants: "8080-8081:80", taken: true, why: "a range with nothing free" },
    { has: "container 8080:80", wants: "8080-8081:80", taken: false, why: "a range with one free" },
    { has: "socket 0.0.0.0", wants: "8080:80", taken: true, why: "a program of the host listens" },
    { has: "socket ::", wants: "8080:80", taken: true, why: "an IPv6 socket takes IPv4 as well" },
    { has: "socket ::1", wants: "8080:80", taken: false, why: "this one takes IPv6 only" },
    { has: "socket 127.0.0.1", wants: "127.0.0.1:8080:80", taken: true, why: "it listens on this address" },
    { has: "socket 127.0.0.1", wants: "127.0.0.2:8080:80", taken: false, why: "it listens on another address" },
    { has: "socket 127.0.0.1", wants: "8080-8081:80", taken: false, why: "the next one of the range is free" },
  ];
  for (const { has, wants, taken, why } of conflicts)
    test(`${wants} beside ${has}: ${why}`, async () => {
      const network = open();
      const [kind, what = ""] = has.split(" ");
      if (kind === "socket") await host.serve({ port: 8080, word: "host", address: what });
      network.lease({ containerId: "a", hostname: "a", ports: kind === "container" ? ports(what) : [] });
      const second = () => network.lease({ containerId: "b", hostname: "b", ports: ports(wants) });
      if (taken) {
        expect(second).toThrow(/^Bind for .*port is already allocated/);
        // Nothing of the refused lease stays.
        expect(network.lease({ containerId: "c", hostname: "c", ports: [] }).address).toBe("10.88.0.3");
      } else expect(second()).toMatchObject({ ports: [{ containerPort: 80 }] });
    });

  test("whenEmpty keep leaves bridge and table to housekeeping", async () => {
    const network = openNetwork({ database, root, hostNamespace: host.path, whenEmpty: "keep" });
    const lease = network.lease({ containerId: "a", hostname: "a", ports: ports("8080:80") });
    await network.connect(lease, { pid: (await container()).pid });
    await network.disconnect("a");
    expect([bridges(), tables(), published()]).toEqual([["ctr0"], ["ctr"], []]);
    network.housekeeping(() => true);
    expect([bridges(), tables()]).toEqual([[], []]);
  });

  test("a port is chosen where none was named", () => {
    const lease = open().lease({ containerId: "a", hostname: "a", ports: ports("80", "81/udp") });
    for (const { hostPort } of lease.ports) expect(hostPort).toBeGreaterThanOrEqual(49_152);
  });

  test("an address that is not the host's is refused", () => {
    expect(() => open().lease({ containerId: "a", hostname: "a", ports: ports("198.51.100.7:80:80") })).toThrow(
      /no interface of this host has that address/,
    );
  });

  test("a subnet that the host has a route or an address in is passed over", () => {
    route(addBridge({ name: "vpn" }), setLinkState({ name: "vpn", up: true }));
    const { index } = readLinks(route(dumpLinks())).find((link) => link.name === "vpn")!;
    route(
      addAddress({ index, prefix: "10.89.3.1/24" }),
      addRoute({ to: "10.88.7.0/24", index }),
      addRoute({ to: "default", index }),
    );
    expect(open().lease({ containerId: "a", hostname: "a", ports: [] }).address).toBe("10.90.0.2");
  });

  test("addresses go round, and a container that starts again gives its old one back", () => {
    const network = openNetwork({ database, root, hostNamespace: host.path, subnet: "10.1.2.0/29" });
    const lease = (containerId: string) =>
      network.lease({ containerId, hostname: "h", ports: ports(`80${containerId.length}0:80`) }).address;
    expect([lease("a"), lease("aa"), lease("a"), lease("aaa")]).toEqual([
      "10.1.2.2",
      "10.1.2.3",
      "10.1.2.4",
      "10.1.2.5",
    ]);
    expect([lease("aaaa"), lease("aaaaa")]).toEqual(["10.1.2.6", "10.1.2.2"]);
    expect(() => lease("aaaaaa")).toThrow(/all 5 are taken/);
  });

  test("rules that somebody flushed come back with the next change", async () => {
    const network = open();
    const a = network.lease({ containerId: "a", hostname: "a", ports: ports("8080:80") });
    const b = network.lease({ containerId: "b", hostname: "b", ports: ports("8081:80") });
    await network.connect(a, { pid: (await container()).pid });
    rules(...nftBatch([deleteTable({ family: "inet", name: "ctr" })]));
    await network.connect(b, { pid: (await container()).pid });
    expect(published().sort()).toEqual([8080, 8081]);
    rules(...nftBatch([deleteTable({ family: "inet", name: "ctr" })]));
    await network.disconnect("b");
    expect(published()).toEqual([8080]);
  });

  test("a container that leases again leaves nothing of its old ports", async () => {
    const network = open();
    const first = network.lease({ containerId: "a", hostname: "a", ports: ports("8080:80") });
    await network.connect(first, { pid: (await container()).pid });
    network.lease({ containerId: "a", hostname: "a", ports: ports("9090:80") });
    expect(published()).toEqual([]);
  });

  test("a UDP client that never stops sending finds the container that has the port now", async () => {
    const network = open();
    const talk = await host.keepAsking("127.0.0.1", 8053);
    // Its first datagrams meet a closed port; the connection is tracked all the same.
    expect(await talk.next()).toBe("ECONNREFUSED");
    for (const id of ["one", "two"]) {
      const inside = await container();
      const lease = network.lease({ containerId: id, hostname: id, ports: ports("8053:53/udp") });
      await network.connect(lease, { pid: inside.pid });
      inside.perform(lease.steps);
      await inside.serve({ protocol: "udp", port: 53, word: id });
      expect(await talk.until(`${id} 10.88.0.1`)).toBe(true);
      await network.disconnect(id);
    }
  });

  test("housekeeping gives up what is gone and restores what was lost", async () => {
    const network = open();
    const a = network.lease({ containerId: "a", hostname: "a", ports: ports("8080:80") });
    network.lease({ containerId: "b", hostname: "b", ports: ports("8081:80") });
    await network.connect(a, { pid: (await container()).pid });
    rules(...nftBatch([deleteTable({ family: "inet", name: "ctr" })]));
    expect(network.housekeeping((id) => id === "a")).toEqual(["b"]);
    expect(published()).toEqual([8080]);
    expect(network.housekeeping(() => false)).toEqual(["a"]);
    expect([bridges(), tables()]).toEqual([[], []]);
  });

  test("a bridge that a killed process left half made is made again", () => {
    route(addBridge({ name: "ctr0", mac: Uint8Array.of(0x02, 0x63, 10, 88, 0, 1) }));
    expect(open().lease({ containerId: "a", hostname: "a", ports: [] }).address).toBe("10.88.0.2");
  });

  test("a bridge of somebody else with our name is refused and left alone", () => {
    route(
      addBridge({ name: "ctr0", mac: Uint8Array.of(0x02, 0, 0, 0, 0, 1) }),
      setLinkState({ name: "ctr0", up: true }),
    );
    expect(() => open().lease({ containerId: "a", hostname: "a", ports: [] })).toThrow(
      expect.objectContaining({ code: "ERR_NETWORK_NAME_TAKEN" }),
    );
    expect([bridges(), tables()]).toEqual([["ctr0"], []]);
  });

  test("a first lease that is refused leaves nothing behind", () => {
    expect(() => open().lease({ containerId: "a", hostname: "a", ports: ports("80:80", "80:81") })).toThrow(
      /already allocated; this container itself has it/,
    );
    expect([bridges(), tables()]).toEqual([[], []]);
  });

  test("a bridge whose database is lost keeps its subnet", () => {
    openNetwork({ database, root, hostNamespace: host.path, subnet: "10.1.0.0/20" }).lease({
      containerId: "a",
      hostname: "a",
      ports: [],
    });
    const fresh = openNetwork({ database: new DatabaseSync(":memory:"), root, hostNamespace: host.path });
    expect(fresh.lease({ containerId: "a", hostname: "a", ports: [] })).toMatchObject({
      gateway: "10.1.0.1",
      prefixLength: 20,
    });
  });

  test("two state directories share nothing", async () => {
    const second = openNetwork({
      database: new DatabaseSync(":memory:"),
      root: "/elsewhere",
      hostNamespace: host.path,
    });
    const first = open();
    const a = first.lease({ containerId: "a", hostname: "a", ports: [] });
    const b = second.lease({ containerId: "a", hostname: "a", ports: [] });
    expect(a.gateway).not.toBe(b.gateway);
    expect(bridges()).toHaveLength(2);
    expect(tables()).toHaveLength(2);
    await second.disconnect("a");
    expect([bridges(), tables()]).toEqual([["ctr0"], ["ctr"]]);
  });

  test("without a path, the namespace of the process is the host", () => {
    const argv = [process.execPath, ...nodeOptions, program, ":memory:", root, "", "a", "1"];
    expect(host.run(...argv)).toBe("10.88.0.2 20000\n");
    expect(bridges()).toEqual(["ctr0"]);
    expect(host.run("cat", "/proc/sys/net/ipv4/ip_forward")).toBe("1\n");
  });

  test("processes that lease at the same time get different addresses and ports", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ctr-network-"));
    try {
      const path = join(directory, "state.db");
      const runs = ["p", "q", "r"].map((who) =>
        promisify(execFile)(process.execPath, [...nodeOptions, program, path, directory, host.path, who, "8"]),
      );
      const lines = (await Promise.all(runs)).flatMap(({ stdout }) => stdout.trim().split("\n"));
      expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBe(24);
      expect(new Set(lines.map((line) => line.split(" ")[1])).size).toBe(24);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

const program = join(import.meta.dirname, "lease-many.ts");
const nodeOptions = ["--conditions=ctr-source", "--no-warnings"];
