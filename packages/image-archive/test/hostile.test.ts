import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isImageArchiveError, MemoryBlobs, readImageArchive } from "../src/index.ts";
import { file, layoutArchive, oldDockerArchive, pieces, tar } from "./archives.ts";
import { hostileArchives } from "./hostile-archives.ts";

const read = (bytes: Uint8Array): Promise<unknown> =>
  readImageArchive({ archive: pieces(bytes), sink: new MemoryBlobs() });

const failure = (bytes: Uint8Array): Promise<unknown> =>
  read(bytes).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("archives that are refused", () => {
  for (const { name, members, says } of hostileArchives)
    test(name, async () => {
      const error = await failure(await tar(await members()));
      expect(error).toMatchObject({ name: "ImageArchiveError", message: expect.stringMatching(says) });
      expect((error as Error).message).not.toMatch(/\n/);
      expect((error as Error).message.length).toBeLessThan(1000);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });

  test("more members than the limit", async () => {
    const archive = pieces(await tar(Array.from({ length: 101 }, (_, index) => file(`x${index}`, ""))));
    await expect(readImageArchive({ archive, sink: new MemoryBlobs(), limits: { members: 100 } })).rejects.toThrow(
      /more than 100 members/,
    );
  });

  test("more bytes than the limit", async () => {
    const archive = pieces(await tar([file("x", new Uint8Array(1 << 20))]));
    await expect(readImageArchive({ archive, sink: new MemoryBlobs(), limits: { bytes: 1 << 19 } })).rejects.toThrow(
      /more than 524288 bytes/,
    );
  });

  test("what is no tar", async () => {
    expect(await failure(new Uint8Array(1024).fill(65))).toMatchObject({ code: "ERR_IMAGE_ARCHIVE_FORMAT" });
    expect(await failure(new Uint8Array(0))).toMatchObject({ code: "ERR_IMAGE_ARCHIVE_FORMAT" });
  });
});

test("cut anywhere, it throws its own error, unless all that matters came before", async () => {
  for (const members of [await layoutArchive(), await oldDockerArchive()]) {
    const whole = await tar(members);
    const images = await read(whole);
    for (let at = 0; at < whole.length; at += 256) {
      const result = await read(whole.slice(0, at)).catch((error: unknown) => error);
      if (!isImageArchiveError(result)) expect(result, `cut at ${at}`).toEqual(images);
    }
  }
});

test("whatever byte is changed, it reads the archive or throws its own error", async () => {
  const archives = [await tar(await layoutArchive()), await tar(await oldDockerArchive())];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...archives),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (whole, at, by) => {
        const changed = whole.slice();
        changed[at % whole.length]! ^= by;
        const error = await failure(changed);
        expect(error === undefined || isImageArchiveError(error)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
