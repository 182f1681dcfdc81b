import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  addAddress,
  addBridge,
  addChain,
  addElements,
  addRoute,
  addRule,
  addSet,
  addTable,
  addVeth,
  be16,
  configureLink,
  deleteAddress,
  deleteChain,
  deleteElements,
  deleteLink,
  deleteRoute,
  deleteRules,
  deleteSet,
  deleteTable,
  dumpAddresses,
  dumpElements,
  dumpLinks,
  dumpListening,
  dumpRoutes,
  dumpRules,
  dumpTables,
  formatAddress,
  getLink,
  getTable,
  matchFamily,
  matchInet4,
  matchInterface,
  matchState,
  type NetlinkMessage,
  nftBatch,
  parseIpv4,
  parsePrefix,
  readAddresses,
  readElements,
  readLinks,
  readListening,
  readRoutes,
  readRules,
  readTables,
  renameLink,
  sendMessages,
  setHairpin,
  setLinkState,
  u8,
} from "../../src/index.ts";

const missing =
  process.getuid?.() !== 0 ? "needs root" : spawnSync("unshare", ["-V"]).error ? "needs unshare" : undefined;
const has = (program: string) => spawnSync(program, ["-V"]).error === undefined;

/** A process in a network namespace of its own. */
async function inNewNamespace(): Promise<ChildProcess> {
  const child = spawn("unshare", ["--net", "sh", "-c", "echo made; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout!, "data");
  if (readlinkSync(`/proc/${child.pid}/ns/net`) === readlinkSync("/proc/self/ns/net")) throw new Error("not a new one");
  return child;
}

describe.skipIf(missing !== undefined)(`the kernel understands${missing ? `: ${missing}` : ""}`, () => {
  let here: ChildProcess;
  let there: ChildProcess;
  beforeAll(async () => {
    [here, there] = [await inNewNamespace(), await inNewNamespace()];
  });
  afterAll(() => {
    for (const child of [here, there]) child.kill("SIGKILL");
  });

  const route = (...messages: NetlinkMessage[]) =>
    sendMessages({ protocol: "route", messages, namespace: `/proc/${here.pid}/ns/net` });
  const rules = (...messages: NetlinkMessage[]) =>
    sendMessages({ protocol: "netfilter", messages, namespace: `/proc/${here.pid}/ns/net` });
  const program = (...argv: string[]) =>
    spawnSync("nsenter", [`--net=/proc/${here.pid}/ns/net`, ...argv], { encoding: "utf8" }).stdout;
  const find = (name: string) => readLinks(route(getLink(name)))[0]!;

  test("a bridge with its address, and a veth whose peer is born elsewhere", () => {
    const mac = Uint8Array.of(2, 0x63, 10, 88, 0, 1);
    route(setLinkState({ name: "lo", up: true }), addBridge({ name: "b0", mac, mtu: 1400 }));
    expect(find("b0")).toMatchObject({ name: "b0", kind: "bridge", up: false, mac, mtu: 1400 });
    const { index } = find("b0");
    route(addAddress({ index, prefix: "10.88.0.1/16" }), setLinkState({ name: "b0", up: true }));
    route(
      addVeth({
        name: "v0",
        master: index,
        indexes: { own: 5000, peer: 100 },
        peer: { name: "eth0", namespace: { pid: there.pid! }, mac: Uint8Array.of(2, 1, 1, 1, 1, 1) },
      }),
      setHairpin({ name: "v0", on: true }),
      configureLink({ name: "b0", routeLocalnet: true, forwarding: true, noInet6Address: true }),
    );
    expect(find("v0")).toMatchObject({ index: 5000, kind: "veth", master: index, peer: 100, up: true });
    const [eth0] = readLinks(
      sendMessages({ protocol: "route", messages: [getLink("eth0")], namespace: `/proc/${there.pid}/ns/net` }),
    );
    expect(eth0).toMatchObject({ index: 100, peer: 5000, up: false, mac: Uint8Array.of(2, 1, 1, 1, 1, 1) });
    expect(program("cat", "/proc/sys/net/ipv4/conf/b0/route_localnet")).toBe("1\n");
    expect(program("cat", "/proc/sys/net/ipv4/conf/b0/forwarding")).toBe("1\n");
    expect(readLinks(route(dumpLinks())).map((link) => link.name)).toEqual(expect.arrayContaining(["lo", "b0", "v0"]));
  });

  test.skipIf(!has("ip"))("ip(8) sees the same", () => {
    expect(program("ip", "-d", "link", "show", "v0")).toMatch(/hairpin on/);
    expect(program("ip", "address", "show", "b0")).toContain("inet 10.88.0.1/16 brd 10.88.255.255 scope global b0");
  });

  test("addresses and routes: add, list, delete", () => {
    const { index } = find("b0");
    const addresses = () =>
      readAddresses(route(dumpAddresses())).map((one) => `${formatAddress(one.address)}/${one.prefixLength}`);
    const routes = () =>
      readRoutes(route(dumpRoutes()))
        .filter((one) => one.table === 254)
        .map(
          (one) =>
            `${formatAddress(one.destination.address)}/${one.destination.length} ${one.gateway ? formatAddress(one.gateway) : "-"}`,
        );
    route(
      addAddress({ index, prefix: "fd00::1/64" }),
      addRoute({ to: "default", via: "10.88.0.2" }),
      addRoute({ to: "10.9.0.0/16", index }),
    );
    expect(addresses()).toEqual(expect.arrayContaining(["127.0.0.1/8", "10.88.0.1/16", "fd00::1/64"]));
    expect(routes()).toEqual(expect.arrayContaining(["0.0.0.0/0 10.88.0.2", "10.9.0.0/16 -", "10.88.0.0/16 -"]));
    route(
      deleteAddress({ index, prefix: "fd00::1/64" }),
      deleteRoute({ to: "default", via: "10.88.0.2" }),
      deleteRoute({ to: "10.9.0.0/16", index }),
    );
    expect(addresses()).not.toContain("fd00::1/64");
    expect(routes()).not.toContain("0.0.0.0/0 10.88.0.2");
  });

  test("rename and delete", () => {
    route(addBridge({ name: "old" }));
    route(renameLink({ index: find("old").index, name: "new" }));
    expect(find("new").kind).toBe("bridge");
    route(deleteLink("new"));
    expect(() => find("new")).toThrow(expect.objectContaining({ code: "ERR_NETLINK_ENODEV" }));
  });

  test("a table with chains, rules and a map: what was made is what is listed", () => {
    const table = { family: "inet", name: "t" } as const;
    const element = { key: [u8(6), be16(8080)], value: [parseIpv4("10.88.0.2"), be16(80)] };
    rules(
      ...nftBatch([
        addTable(table),
        addChain(table, "side"),
        addChain(table, "in", { type: "filter", hook: "input", priority: 0, policy: "drop" }),
        addSet(table, { name: "m", key: ["transport", "port"], value: ["ipv4", "port"], id: 1 }),
        addRule(table, "in", [...matchInterface("input", "lo"), { do: "verdict", verdict: "accept" }]),
        addRule(table, "in", [
          ...matchState("established", "related"),
          { do: "counter" },
          { do: "verdict", verdict: "jump", chain: "side" },
        ]),
        addRule(table, "side", [
          ...matchFamily("ipv4"),
          ...matchInet4("source", parsePrefix("10.0.0.0/9")),
          { do: "verdict", verdict: "drop" },
        ]),
        ...addElements(table, "m", [element]),
      ]),
    );
    expect(readTables(rules(dumpTables("inet")))).toEqual(["t"]);
    expect(readTables(rules(getTable(table)))).toEqual(["t"]);
    const listed = readRules(rules(dumpRules(table)));
    expect(listed.filter((rule) => rule.chain === "in").map((rule) => rule.expressions)).toEqual([
      ["meta", "cmp", "immediate"],
      ["ct", "bitwise", "cmp", "counter", "immediate"],
    ]);
    expect(readElements(rules(dumpElements(table, "m")))).toEqual([
      { key: Uint8Array.of(6, 0, 0, 0, 31, 144, 0, 0), value: Uint8Array.of(10, 88, 0, 2, 0, 80, 0, 0) },
    ]);
    if (has("nft")) {
      const text = program("nft", "list", "table", "inet", "t");
      expect(text).toContain('iifname "lo" accept');
      expect(text).toContain("ip saddr 10.0.0.0/9 drop");
      expect(text).toContain("tcp . 8080 : 10.88.0.2 . 80");
      expect(text).toContain("type filter hook input priority filter; policy drop;");
    }

    const again = nftBatch([addChain(table, "late"), ...addElements(table, "m", [element])]);
    expect(() => rules(...again)).toThrow(/^add 1 elements of inet t m: EEXIST/);
    expect(() => rules(...nftBatch([deleteChain(table, "late")]))).toThrow(/ENOENT/); // all or nothing

    rules(
      ...nftBatch([
        ...deleteElements(table, "m", [element]),
        deleteSet(table, "m"),
        deleteRules(table, "in", listed.find((rule) => rule.chain === "in")!.handle),
        deleteRules(table, "in"),
        deleteRules(table, "side"),
        deleteChain(table, "side"),
      ]),
    );
    expect(readRules(rules(dumpRules(table)))).toEqual([]);
    rules(...nftBatch([deleteTable(table)]));
    expect(() => rules(getTable(table))).toThrow(expect.objectContaining({ code: "ERR_NETLINK_ENOENT" }));
  });

  test("no socket listens in a new namespace", () => {
    const messages = [dumpListening({ protocol: "tcp", family: "inet" })];
    expect(
      readListening(sendMessages({ protocol: "socketDiag", messages, namespace: `/proc/${here.pid}/ns/net` })),
    ).toEqual([]);
  });
});
