import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLoaderCache } from "../src/loader-cache.ts";
import { parseScriptLine } from "../src/script-line.ts";

function makeCache(
  entries: readonly (readonly [name: string, path: string, hwcap?: bigint])[],
  before = "",
): Uint8Array {
  const strings: string[] = [];
  let at = 48 + entries.length * 24;
  const place = (text: string): number => {
    strings.push(`${text}\0`);
    at += text.length + 1;
    return at - text.length - 1;
  };
  const head = Buffer.alloc(48 + entries.length * 24);
  head.write("glibc-ld.so.cache1.1");
  head.writeUInt32LE(entries.length, 20);
  entries.forEach(([name, path, hwcap = 0n], index) => {
    head.writeUInt32LE(place(name), 48 + index * 24 + 4);
    head.writeUInt32LE(place(path), 48 + index * 24 + 8);
    head.writeBigUInt64LE(hwcap, 48 + index * 24 + 16);
  });
  return Buffer.concat([Buffer.from(before), head, Buffer.from(strings.join(""))]);
}

describe("ld.so.cache", () => {
  const entries = [
    ["libc.so.6", "/lib/libc.so.6"],
    ["libc.so.6", "/lib32/libc.so.6"],
    ["libz.so", "/hwcaps/libz.so", 1n],
  ] as const;
  const is = new Map([["libc.so.6", ["/lib/libc.so.6", "/lib32/libc.so.6"]]]);
  test("names come in the loader's order, those for special processors are left out", () =>
    expect(parseLoaderCache(makeCache(entries))).toEqual(is));
  test("the old format in front is skipped", () =>
    expect(parseLoaderCache(makeCache(entries, "ld.so-1.7.0\0g\0\0\0"))).toEqual(is));
  test("a relative path is left out", () => expect(parseLoaderCache(makeCache([["a", "b"]])).size).toBe(0));
  test("other files are an empty cache", () => expect(parseLoaderCache(Buffer.from("not a cache")).size).toBe(0));
  test("damage never throws", () => {
    const good = makeCache(entries);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255))), fc.nat(good.length), (changes, length) => {
        const bytes = Uint8Array.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        parseLoaderCache(bytes.subarray(0, length));
      }),
    );
  });
});

describe("#! lines", () => {
  const cases = [
    { line: "#!/bin/sh\necho", is: { interpreter: "/bin/sh", program: undefined }, why: "an interpreter" },
    { line: "#! /bin/sh -e\n", is: { interpreter: "/bin/sh", program: undefined }, why: "spaces and an argument" },
    {
      line: "#!/usr/bin/env node\n",
      is: { interpreter: "/usr/bin/env", program: "node" },
      why: "env brings what it starts",
    },
    {
      line: "#!/usr/bin/env -S A=b node --x\n",
      is: { interpreter: "/usr/bin/env", program: "node" },
      why: "its options and variables are no program",
    },
    { line: "#!/bin/sh", is: { interpreter: "/bin/sh", program: undefined }, why: "no end of line" },
    { line: "#!sh\n", is: undefined, why: "the kernel would look in the current directory" },
    { line: "#!\n", is: undefined, why: "no interpreter" },
    { line: "echo", is: undefined, why: "no script" },
  ] as const;
  for (const { line, is, why } of cases)
    test(`${JSON.stringify(line)}: ${why}`, () => expect(parseScriptLine(Buffer.from(line))).toEqual(is));
});
