import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeName, encodeName } from "../src/index.ts";

const cases = [
  { bytes: [0x61], name: "a", why: "ASCII" },
  { bytes: [0xc3, 0xa9], name: "é", why: "two bytes" },
  { bytes: [0xf0, 0x9f, 0x90, 0xb3], name: "🐳", why: "four bytes, two UTF-16 units" },
  { bytes: [0xef, 0xbb, 0xbf, 0x61], name: "\ufeffa", why: "a byte order mark is a part of the name" },
  { bytes: [0x61, 0x80], name: "a\udc80", why: "Latin-1 is escaped byte by byte" },
  { bytes: [0xc0, 0xaf], name: "\udcc0\udcaf", why: "an overlong slash stays two bytes and no slash" },
  { bytes: [0xed, 0xa0, 0x80], name: "\udced\udca0\udc80", why: "an encoded surrogate is no UTF-8" },
  { bytes: [0xf4, 0x90, 0x80, 0x80], name: "\udcf4\udc90\udc80\udc80", why: "past U+10FFFF" },
  { bytes: [0xe2, 0x82], name: "\udce2\udc82", why: "cut short" },
] as const;
for (const { bytes, name, why } of cases)
  test(`${Buffer.from(bytes).toString("hex")}: ${why}`, () => {
    expect(decodeName(Uint8Array.from(bytes))).toBe(name);
    expect([...encodeName(name)]).toEqual([...bytes]);
  });

test("any bytes come back", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect([...encodeName(decodeName(bytes))]).toEqual([...bytes]);
    }),
  );
});
