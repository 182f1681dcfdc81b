import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { compress, compressionRecipes, decompress } from "../src/index.ts";
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
  expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
});

// Text that repeats near and far, and noise; the same on every machine.
function sample(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = i % 7000 < 5000 ? 97 + ((i * i) % 23) + ((state >>> 24) & 1) : state >>> 24;
  }
  return bytes;
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const block = compressionRecipes.gzip.blockBytes;
for (const format of ["gzip", "zstd"] as const) {
  test(`${format}: however the source comes, the bytes are the same`, async () => {
    const source = sample(2 * block + 1000);
    const packed = Buffer.from(await collect(compress({ source: once(source), format })));
    for (const size of [1000, 65_536, block, block + 1])
      expect(packed.equals(await collect(compress({ source: cut(source, size), format }))), String(size)).toBe(true);
  });

  test(`${format}: one byte more or less than a block, and nothing`, async () => {
    const { blockBytes } = compressionRecipes[format];
    for (const size of [0, 1, blockBytes - 1, blockBytes, blockBytes + 1]) {
      const source = sample(size);
      const back = await collect(decompress(compress({ source: once(source), format, level: 1 })));
      expect(Buffer.from(back).equals(source), String(size)).toBe(true);
    }
  });

  test(`${format}: what other programs read`, async () => {
    const source = sample(3 * block);
    const packed = await collect(compress({ source: once(source), format }));
    const program = format === "gzip" ? "gzip" : "zstd";
    if (spawnSync(program, ["--version"]).error !== undefined) return; // zstd is not installed everywhere
    execFileSync(program, ["-tq"], { input: packed });
    const back = execFileSync(program, ["-dc"], { input: packed, maxBuffer: 1 << 28 });
    expect(back.equals(source)).toBe(true);
  });

  test(`${format}: blocks cost less than 1 % against one stream`, async () => {
    const source = sample(12 << 20);
    const packed = await collect(compress({ source: once(source), format }));
    const whole = format === "gzip" ? gzipSync(source) : zstdCompressSync(source);
    expect(packed.length).toBeLessThan(whole.length * 1.01);
  });

  test(`${format}: reads no further ahead than a few blocks`, async () => {
    const { blockBytes } = compressionRecipes[format];
    let read = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (const chunk = new Uint8Array(blockBytes); ; read++) yield chunk;
      } finally {
        closed = true;
      }
    }
    const packed = compress({ source: endless(), format });
    for (let i = 0; i < 4; i++) await packed.next();
    expect(read).toBeLessThan(12);
    await packed.return();
    expect(closed).toBe(true);
  });
}

test("gzip is what the recipe says, byte for byte, as long as zlib is the same", async (context) => {
  context.skip(compressionRecipes.gzip.library !== "1.3.2.1-motley-8002e91", "another zlib may find other matches");
  const packed = await collect(compress({ source: once(sample(3 * block)), format: "gzip" }));
  expect(createHash("sha256").update(packed).digest("hex")).toBe(
    "2752452dde17930845a3915656523d7528ab2c894d923e2a875dcb817337227e",
  );
});

test("zstd is what the recipe says, byte for byte, as long as zstd is the same", async (context) => {
  context.skip(compressionRecipes.zstd.library !== "1.5.7", "another zstd may find other matches");
  const source = sample(compressionRecipes.zstd.blockBytes + 1000);
  const packed = await collect(compress({ source: once(source), format: "zstd" }));
  expect(createHash("sha256").update(packed).digest("hex")).toBe(
    "b5fabdd3715dfcb0bfcbf6b58216c84fd1e7852833e8a7440aba5a4f92574afe",
  );
});

test("gzip is one member whose size is that of the source", async () => {
  const packed = Buffer.from(await collect(compress({ source: once(sample(2 * block + 5)), format: "gzip" })));
  expect(packed.readUInt32LE(packed.length - 4)).toBe(2 * block + 5);
});

test("a level that is none is an error of its caller", async () => {
  await expect(collect(compress({ source: once(text), format: "gzip", level: 10 }))).rejects.toThrow(RangeError);
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
