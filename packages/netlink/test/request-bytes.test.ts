import { describe, expect, test } from "vitest";
import {
  addBridge,
  addChain,
  addElements,
  addRoute,
  addRule,
  addSet,
  addTable,
  addVeth,
  be16,
  encodeExpressions,
  encodeMessages,
  interfaceSteps,
  loopbackSteps,
  matchInterface,
  nftBatch,
  parseIpv4,
  setLinkState,
  u8,
} from "../src/steps.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replace(/.{8}/g, "$& ").trim();
const because = { option: "--network bridge", why: "a network of its own" };

describe("bytes on the wire", () => {
  const rows = [
    {
      what: setLinkState({ name: "lo", up: true }),
      is: "28000000 10000500 01000000 00000000 00000000 00000000 01000000 01000000 07000300 6c6f0000",
      why: "header, ifinfomsg with IFF_UP in flags and change, IFLA_IFNAME",
    },
    {
      what: addRoute({ to: "default", via: "10.88.0.1" }),
      is: "24000000 18000506 01000000 00000000 02000000 fe030001 00000000 08000500 0a580001",
      why: "header with CREATE and EXCL, rtmsg of the main table, RTA_GATEWAY",
    },
    {
      what: addBridge({ name: "b" }),
      is: "38000000 10000506 01000000 00000000 00000000 00000000 00000000 00000000 06000300 62000000 10001280 0b000100 62726964 67650000",
      why: "IFLA_LINKINFO with the kind inside",
    },
    {
      what: addTable({ family: "inet", name: "t" }),
      is: "1c000000 000a0504 01000000 00000000 01000000 06000100 74000000",
      why: "subsystem 10 in the type, nfgenmsg of NFPROTO_INET",
    },
  ];
  for (const { what, is, why } of rows)
    test(`${what.asked}: ${why}`, () => expect(hex(encodeMessages([what]))).toBe(is));

  test("a batch is held together by two messages that ask for no acknowledgement", () => {
    expect(hex(encodeMessages(nftBatch([])))).toBe(
      "14000000 10000100 01000000 00000000 0000000a 14000000 11000100 02000000 00000000 0000000a",
    );
  });

  test("an expression: iifname lo", () => {
    const [meta, compare] = encodeExpressions(matchInterface("input", "lo"));
    expect(hex(meta!)).toBe("24000180 09000100 6d657461 00000000 14000280 08000100 00000008 08000200 00000006");
    expect(hex(compare!)).toContain("14000100 6c6f0000 00000000 00000000 00000000"); // a name is 16 bytes
  });
});

test("elements go in messages that hold 512 each", () => {
  const elements = Array.from({ length: 1025 }, (_, i) => ({
    key: [u8(6), be16(i + 1)],
    value: [parseIpv4("10.88.0.2"), be16(80)],
  }));
  expect(addElements({ family: "inet", name: "t" }, "m", elements)).toHaveLength(3);
});

describe("what a container does for itself", () => {
  test("lo up", () => {
    expect(loopbackSteps(because)).toEqual([
      { do: "sendNetlink", protocol: 0, messages: encodeMessages([setLinkState({ name: "lo", up: true })]), because },
    ]);
  });
  test("address, up, default route: every step says why", () => {
    const steps = interfaceSteps({ name: "eth0", index: 100, prefix: "10.88.0.2/16", gateway: "10.88.0.1", because });
    expect(steps.map((step) => step.because.why)).toEqual([
      "eth0 answers to 10.88.0.2/16",
      "everything else goes through 10.88.0.1",
    ]);
  });
});

describe("input that is refused before anything is sent", () => {
  const table = { family: "inet", name: "t" } as const;
  const rows: { why: string; make: () => unknown; code: string }[] = [
    { why: "a long bridge name", make: () => addBridge({ name: "a-rather-long-name" }), code: "INVALID_NAME" },
    {
      why: "a long peer name",
      make: () => addVeth({ name: "a", peer: { name: "a-rather-long-name", namespace: { pid: 1 } } }),
      code: "INVALID_NAME",
    },
    { why: "half a MAC", make: () => addBridge({ name: "b", mac: new Uint8Array(3) }), code: "INVALID_ADDRESS" },
    {
      why: "families that do not match",
      make: () => addRoute({ to: "10.0.0.0/8", via: "::1" }),
      code: "INVALID_ADDRESS",
    },
    {
      why: "a table name that nft(8) could not read",
      make: () => addTable({ family: "inet", name: "a b" }),
      code: "INVALID_NAME",
    },
    { why: "an endless chain name", make: () => addChain(table, "a".repeat(256)), code: "INVALID_NAME" },
    {
      why: "register 16",
      make: () => addRule(table, "c", [{ do: "meta", key: "transport", to: 16 }]),
      code: "INVALID_VALUE",
    },
    { why: "a set without a key", make: () => addSet(table, { name: "s", key: [], id: 1 }), code: "INVALID_VALUE" },
  ];
  for (const { why, make, code } of rows)
    test(why, () => expect(make).toThrow(expect.objectContaining({ code: `ERR_NETLINK_${code}` })));
});
