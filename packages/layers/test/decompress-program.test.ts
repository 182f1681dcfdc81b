import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { applyLayer, decompress, detectCompression } from "../src/index.ts";
import { collect, once } from "./collect.ts";

const text = Buffer.alloc(2_000_000, "old archives ");

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}

for (const program of ["bzip2", "xz"] as const)
  describe.skipIf(spawnSync(program, ["--version"]).error !== undefined)(`${program} (needs the program)`, () => {
    const pack = (...args: string[]): Buffer =>
      execFileSync(program, ["-c", ...args], { input: text, maxBuffer: 1 << 28 });
    const any = (bytes: Uint8Array): Promise<Uint8Array> => collect(decompress(inPieces(bytes), { accept: "any" }));

    test("is recognised, and read where it is asked for", async () => {
      const packed = pack();
      expect(detectCompression(packed)).toBe(program);
      expect(Buffer.from(await any(packed)).equals(text)).toBe(true);
    });

    test("two streams one behind the other", async () => {
      expect((await any(Buffer.concat([pack(), pack()]))).length).toBe(2 * text.length);
    });

    test("no layer is packed so", async () => {
      const refusal = { code: "ERR_LAYERS_COMPRESSION", message: expect.stringMatching(/layers are gzip, zstd/) };
      await expect(collect(decompress(once(pack())))).rejects.toMatchObject(refusal);
      await expect(applyLayer({ archive: once(pack()), directory: "/nonexistent" })).rejects.toMatchObject(refusal);
    });

    const packed = pack();
    const flipped = Buffer.from(packed);
    flipped[flipped.length >> 1]! ^= 0xff;
    const bad = [
      { bytes: packed.subarray(0, -9), why: "cut short" },
      { bytes: packed.subarray(0, 20), why: "cut short in its first block" },
      { bytes: flipped, why: "damaged" },
    ];
    for (const { bytes, why } of bad)
      test(`is refused: ${why}`, async () => {
        await expect(any(bytes)).rejects.toMatchObject({ name: "LayerError", code: "ERR_LAYERS_COMPRESSION" });
      });

    test("a failure of the source comes out as it is", async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield packed.subarray(0, 100);
        throw new RangeError("connection lost");
      }
      await expect(collect(decompress(failing(), { accept: "any" }))).rejects.toThrow(RangeError);
    });

    test("whoever stops early leaves no program and no open source behind", async () => {
      let closed = false;
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield* inPieces(packed);
        } finally {
          closed = true;
        }
      }
      const plain = decompress(source(), { accept: "any" });
      expect((await plain.next()).done).toBe(false);
      await plain.return();
      expect(closed).toBe(true);
    });

    test("without the program, the message names the package", async () => {
      const before = process.env.PATH;
      process.env.PATH = "/nonexistent";
      try {
        await expect(any(packed)).rejects.toThrow(
          new RegExp(`install the package ${program === "xz" ? "xz-utils" : "bzip2"}`),
        );
      } finally {
        process.env.PATH = before;
      }
    });

    test("what the caller has set for the program does not reach it", async () => {
      process.env.XZ_DEFAULTS = "--memlimit-decompress=1KiB";
      process.env.BZIP2 = "--nonsense";
      try {
        expect((await any(packed)).length).toBe(text.length);
      } finally {
        delete process.env.XZ_DEFAULTS;
        delete process.env.BZIP2;
      }
    });

    test.runIf(program === "xz")("a dictionary of 64 MiB is read, a larger one refused", async () => {
      expect((await any(pack("-9"))).length).toBe(text.length);
      await expect(any(pack("--lzma2=preset=0,dict=100MiB"))).rejects.toThrow(/[Mm]emory usage limit/);
    });
  });
