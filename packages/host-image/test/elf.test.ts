import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HostImageError, parseElf } from "../src/index.ts";

const readerOf =
  (bytes: Uint8Array) =>
  (offset: number, length: number): Uint8Array =>
    bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));

/** A file of either class and byte order with an interpreter and a dynamic section; the addresses are offsets plus 0x1000. */
function makeElf(
  bits: 32 | 64,
  little: boolean,
  dynamic: readonly (readonly [tag: number, value: number])[],
  strings: string,
): Uint8Array {
  const bytes = new Uint8Array(4096);
  const data = new DataView(bytes.buffer);
  const word = (at: number, value: number): void =>
    bits === 64 ? data.setBigUint64(at, BigInt(value), little) : data.setUint32(at, value, little);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, little ? 1 : 2]);
  data.setUint16(18, 62, little);
  const size = bits === 64 ? 56 : 32;
  word(bits === 64 ? 32 : 28, 64);
  data.setUint16(bits === 64 ? 54 : 42, size, little);
  data.setUint16(bits === 64 ? 56 : 44, 3, little);
  const segments = [
    { type: 1, offset: 0, size: 4096 },
    { type: 2, offset: 1024, size: 1024 },
    { type: 3, offset: 512, size: 10 },
  ];
  segments.forEach(({ type, offset, size: length }, index) => {
    const at = 64 + index * size;
    data.setUint32(at, type, little);
    word(at + (bits === 64 ? 8 : 4), offset);
    word(at + (bits === 64 ? 16 : 8), offset + 0x1000);
    word(at + (bits === 64 ? 32 : 16), length);
  });
  bytes.set(Buffer.from("/lib/ld.so\0"), 512);
  bytes.fill(0, 521, 522);
  [[5, 0x1000 + 2048] as const, ...dynamic].forEach(([tag, value], index) => {
    const at = 1024 + index * (bits / 4);
    word(at, tag);
    word(at + bits / 8, value);
  });
  bytes.set(Buffer.from(strings), 2048);
  return bytes;
}

const strings = "\0libc.so\0/a:$ORIGIN/b\0";
for (const bits of [32, 64] as const)
  for (const little of [true, false])
    test(`${bits} bits, ${little ? "little" : "big"}-endian`, () => {
      const bytes = makeElf(
        bits,
        little,
        [
          [1, 1],
          [29, 9],
        ],
        strings,
      );
      expect(parseElf(readerOf(bytes))).toEqual({
        bits,
        machine: 62,
        interpreter: "/lib/ld.s",
        needed: ["libc.so"],
        rpath: [],
        runpath: ["/a", "$ORIGIN/b"],
      });
    });

const good = makeElf(
  64,
  true,
  [
    [1, 1],
    [15, 9],
  ],
  strings,
);
const changed = (change: (data: DataView, bytes: Uint8Array) => void): Uint8Array => {
  const bytes = Uint8Array.from(good);
  change(new DataView(bytes.buffer), bytes);
  return bytes;
};
const bad = [
  { bytes: new Uint8Array(0), why: "nothing" },
  { bytes: good.subarray(0, 60), why: "half a header" },
  { bytes: Buffer.from("#!/bin/sh\n".padEnd(100)), why: "a script" },
  { bytes: changed((data) => data.setUint8(4, 3)), why: "a class that is not defined" },
  { bytes: changed((data) => data.setUint16(56, 65_535, true)), why: "65 535 program headers" },
  {
    bytes: changed((data) => data.setBigUint64(32, 2n ** 64n - 1n, true)),
    why: "headers past the end of the address space",
  },
  { bytes: changed((data) => data.setBigUint64(1032, 0x9999_9999n, true)), why: "a string table outside of the file" },
  { bytes: changed((data) => data.setBigUint64(1048, 2n ** 62n, true)), why: "a name outside of the file" },
  { bytes: changed((_, bytes) => bytes.fill(0x41, 2048)), why: "a name that does not end" },
  { bytes: changed((_, bytes) => bytes.fill(0, 2048)), why: "an empty name" },
] as const;
for (const { bytes, why } of bad)
  test(`refused: ${why}`, () => expect(() => parseElf(readerOf(bytes))).toThrow(HostImageError));

test("this Node needs a loader and a C library", () => {
  const elf = parseElf(readerOf(readFileSync(process.execPath)));
  expect(elf.interpreter).toMatch(/^\/lib.*ld-/);
  expect(elf.needed.some((name) => /^libc\./.test(name))).toBe(true);
});

test("damage is an error of ours, never another one", () => {
  const damage = fc.array(fc.tuple(fc.nat(2200), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(damage, fc.nat(4096), (changes, length) => {
      const bytes = Uint8Array.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        parseElf(readerOf(bytes.subarray(0, length)));
      } catch (error) {
        expect(error).toBeInstanceOf(HostImageError);
      }
    }),
    { numRuns: 3000 },
  );
});
