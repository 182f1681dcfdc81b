import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  broadcastOf,
  formatAddress,
  interfaceName,
  NetlinkError,
  netmask,
  parseAddress,
  parseIpv4,
  parsePrefix,
  prefixesOverlap,
} from "../src/steps.ts";

const right = [
  { text: "10.88.0.1", is: "10.88.0.1", why: "IPv4" },
  { text: "0.0.0.0", is: "0.0.0.0", why: "all zero" },
  { text: "::", is: "::", why: "all zero, IPv6" },
  { text: "::1", is: "::1", why: "loopback" },
  { text: "FE80:0:0:0:0:0:0:1", is: "fe80::1", why: "written out" },
  { text: "2001:db8:0:0:1:0:0:1", is: "2001:db8::1:0:0:1", why: "the first of two gaps (RFC 5952, 4.2.3)" },
  { text: "2001:db8:0:1:1:1:1:1", is: "2001:db8:0:1:1:1:1:1", why: "one zero group is no gap (RFC 5952, 4.2.2)" },
  { text: "::ffff:192.0.2.1", is: "::ffff:c000:201", why: "IPv4 at the end" },
  { text: "1::", is: "1::", why: "a gap at the end" },
];
for (const { text, is, why } of right)
  test(`${text}: ${why}`, () => expect(formatAddress(parseAddress(text))).toBe(is));

const wrong = [
  "",
  "1.2.3",
  "1.2.3.4.5",
  "01.2.3.4",
  "1.2.3.256",
  "1.2.3.4 ",
  "0x1.2.3.4",
  "1.2.3.-4",
  ":",
  ":::",
  "1:2",
  "1::2::3",
  "1:2:3:4:5:6:7:8::",
  "1:2:3:4:5:6:7:8:9",
  "12345::",
  "g::",
  "fe80::1%eth0",
  "::1.2.3",
  "1.2.3.4::",
  "1:".repeat(10_000),
];
for (const text of wrong)
  test(`${JSON.stringify(text.slice(0, 20))} is no address`, () =>
    expect(() => parseAddress(text)).toThrow(NetlinkError));

test("what is an address is what Node says it is", () => {
  const piece = fc.constantFrom("0", "1", ":", "::", ".", "ff", "255", "a", "256", "1.2.3.4");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 17 }), (pieces) => {
      const text = pieces.join("");
      expect(accepts(text)).toBe(isIP(text) !== 0);
    }),
    { numRuns: 2000 },
  );
});
const accepts = (text: string): boolean => {
  try {
    parseAddress(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(NetlinkError);
    return false;
  }
};

test("every address survives writing and reading", () => {
  const sized = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Gaps of zeroes are rare in random bytes.
    fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((all) => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(sized, (bytes) => {
      expect([...parseAddress(formatAddress(bytes))]).toEqual([...bytes]);
    }),
  );
});

describe("networks", () => {
  const overlaps = [
    { a: "10.0.0.0/8", b: "10.88.0.0/16", is: true, why: "one in the other" },
    { a: "10.88.0.0/16", b: "10.89.0.0/16", is: false, why: "neighbours" },
    { a: "10.88.0.1/32", b: "10.88.0.0/16", is: true, why: "a single host" },
    { a: "0.0.0.0/0", b: "10.0.0.0/8", is: true, why: "the default route is in everything" },
    { a: "10.88.0.0/15", b: "10.89.0.0/16", is: true, why: "a border inside a byte" },
    { a: "::/0", b: "10.0.0.0/8", is: false, why: "two families" },
  ];
  for (const { a, b, is, why } of overlaps)
    test(`${a} and ${b}: ${why}`, () => {
      expect(prefixesOverlap(parsePrefix(a), parsePrefix(b))).toBe(is);
      expect(prefixesOverlap(parsePrefix(b), parsePrefix(a))).toBe(is);
    });
  test("mask and broadcast", () => {
    expect(formatAddress(netmask(20))).toBe("255.255.240.0");
    expect(formatAddress(broadcastOf(parsePrefix("10.88.1.2/20")))).toBe("10.88.15.255");
  });
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "::/129", "/8"])
    test(`${text} is no network`, () => expect(() => parsePrefix(text)).toThrow(NetlinkError));
});

test("parseIpv4 takes no IPv6", () => expect(() => parseIpv4("::1")).toThrow(/not an IPv4 address/));

describe("interface names", () => {
  const names = [
    { name: "eth0", ok: true, why: "usual" },
    { name: "a".repeat(15), ok: true, why: "the longest" },
    { name: "a".repeat(16), ok: false, why: "one too long" },
    { name: "ééééééé", ok: true, why: "seven letters, 14 bytes" },
    { name: "éééééééé", ok: false, why: "eight letters, 16 bytes" },
    { name: "", ok: false, why: "empty" },
    { name: "..", ok: false, why: "a directory in /sys" },
    { name: "a/b", ok: false, why: "a path in /sys" },
    { name: "veth%d", ok: false, why: "the kernel would number it" },
    { name: "a b", ok: false, why: "white space" },
    { name: "a\0b", ok: false, why: "would end early" },
  ];
  for (const { name, ok, why } of names)
    test(`${JSON.stringify(name)}: ${why}`, () => {
      if (ok) expect(interfaceName(name).at(-1)).toBe(0);
      else expect(() => interfaceName(name)).toThrow(expect.objectContaining({ code: "ERR_NETLINK_INVALID_NAME" }));
    });
});
