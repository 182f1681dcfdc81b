import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { compress, decompress } from "../src/index.ts";
import { collect, once } from "./collect.ts";

const text = Buffer.concat([Buffer.alloc(300_000, "layer "), randomBytes(100_000)]);

for (const format of ["gzip", "zstd"] as const) {
  test(`${format} gives the same bytes twice, and the source back`, async () => {
    const packed = await collect(compress({ source: once(text), format }));
    expect(Buffer.from(await collect(compress({ source: once(text), format }))).equals(packed)).toBe(true);
    expect(Buffer.from(await collect(decompress(once(packed)))).equals(text)).toBe(true);
  });

  test(`${format} passes on the failure of its source`, async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield text;
      throw new RangeError("the disk is gone");
    }
    await expect(collect(compress({ source: failing(), format }))).rejects.toThrow(RangeError);
  });
}

test("a gzip header names no time and no system", async () => {
  const packed = await collect(compress({ source: once(text), format: "gzip" }));
  expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, packed[8], 255]);
});

const good = [
  { bytes: text, is: text, why: "no compression" },
  { bytes: new Uint8Array(0), is: new Uint8Array(0), why: "nothing" },
  { bytes: Buffer.from([0x1f]), is: Buffer.from([0x1f]), why: "less than a magic number" },
  {
    bytes: Buffer.concat([gzipSync("a"), gzipSync("b")]),
    is: Buffer.from("ab"),
    why: "two gzip members (pigz, estargz)",
  },
  {
    bytes: Buffer.concat([zstdCompressSync(Buffer.from("a")), zstdCompressSync(Buffer.from("b"))]),
    is: Buffer.from("ab"),
    why: "two zstd frames (zstd:chunked)",
  },
  {
    bytes: Buffer.concat([
      zstdCompressSync(Buffer.from("a")),
      Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]),
    ]),
    is: Buffer.from("a"),
    why: "a zstd frame to skip (zstd:chunked)",
  },
] as const;
for (const { bytes, is, why } of good)
  test(`is read: ${why}`, async () => {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 5000) yield bytes.subarray(at, at + 5000);
    };
    expect(Buffer.from(await collect(decompress(pieces()))).equals(is)).toBe(true);
  });

test("many frames, cut anywhere", async () => {
  const bytes = Buffer.concat(["", "a", "b".repeat(300_000), "c"].map((part) => zstdCompressSync(Buffer.from(part))));
  for (const size of [1, 7, bytes.length]) {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    expect(Buffer.from(await collect(decompress(pieces()))).toString()).toBe(`a${"b".repeat(300_000)}c`);
  }
});

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1]! ^= 0xff;
  return copy;
};
const bad = [
  { bytes: gzipSync(text).subarray(0, -9), why: "gzip cut short" },
  { bytes: flipped(gzipSync(text)), why: "gzip damaged" },
  { bytes: zstdCompressSync(text).subarray(0, -9), why: "zstd cut short" },
  { bytes: zstdCompressSync(text).subarray(0, 3000), why: "zstd cut short in its first block" },
  { bytes: Buffer.concat([zstdCompressSync(text), Buffer.from("trailing")]), why: "zstd with something behind it" },
  { bytes: Buffer.from("BZh91AY&SY"), why: "bzip2" },
  { bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0]), why: "xz" },
] as const;
for (const { bytes, why } of bad)
  test(`is refused: ${why}`, async () => {
    await expect(collect(decompress(once(bytes)))).rejects.toMatchObject({ code: "ERR_LAYERS_COMPRESSION" });
  });

test("a failure of the archive's source comes out as it is", async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield gzipSync(text).subarray(0, 1000);
    throw new RangeError("connection lost");
  }
  await expect(collect(decompress(failing()))).rejects.toThrow(RangeError);
});
