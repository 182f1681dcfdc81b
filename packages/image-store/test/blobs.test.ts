import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDigest } from "@ctr/oci";
import { expect, test } from "vitest";
import { openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { layerDirectories } from "./layer-directories.ts";
import { digestOf } from "./make-image.ts";
import { temporaryDirectory, temporaryStore } from "./temporary-store.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytes(text);
}

test("what is written is read back, from bytes and from a stream", async () => {
  const store = temporaryStore();
  const blob = await store.writeBlob(bytes("hello"));
  expect(blob).toEqual({ digest: digestOf("hello"), size: 5 });
  expect(await store.writeBlob(chunks("he", "", "llo"), { expected: blob })).toEqual(blob);
  expect(await store.readBlob(blob.digest)).toEqual(Buffer.from("hello"));
  expect(Buffer.concat(await Array.fromAsync(store.readBlobStream(blob.digest))).toString()).toBe("hello");
  expect(store.findBlob(blob.digest)).toEqual(blob);
});

test("sha512 when that is expected", async () => {
  const store = temporaryStore();
  const digest = parseDigest(
    "sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
  );
  expect((await store.writeBlob(bytes("hello"), { expected: { digest } })).digest).toBe(digest);
  expect(Buffer.from(await store.readBlob(digest)).toString()).toBe("hello");
});

const refused = [
  { expected: { digest: digestOf("other") }, code: "ERR_BLOB_DIGEST_MISMATCH", why: "other bytes" },
  { expected: { size: 4 }, code: "ERR_BLOB_SIZE_MISMATCH", why: "more bytes than promised" },
  { expected: { size: 6 }, code: "ERR_BLOB_SIZE_MISMATCH", why: "fewer bytes than promised" },
];
for (const { expected, code, why } of refused)
  test(`not kept: ${why}`, async () => {
    const store = temporaryStore();
    await expect(store.writeBlob(chunks("hel", "lo"), { expected })).rejects.toMatchObject({ code });
    expect(filesOf(store.root)).toMatchObject({ blobs: [], temporary: [] });
  });

test("an endless stream is cut at the promised size", async () => {
  const store = temporaryStore();
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1000);
  }
  await expect(store.writeBlob(endless(), { expected: { size: 5000 } })).rejects.toMatchObject({
    code: "ERR_BLOB_SIZE_MISMATCH",
  });
});

test("a source's own error comes through, and nothing stays", async () => {
  const store = temporaryStore();
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield bytes("he");
    throw new RangeError("cut off");
  }
  await expect(store.writeBlob(broken())).rejects.toThrow(RangeError);
  await expect(store.writeBlob(chunks("a", "b"), { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: "AbortError",
  });
  expect(filesOf(store.root).temporary).toEqual([]);
});

const damages = [
  { by: "hellO", code: "ERR_BLOB_DIGEST_MISMATCH", why: "a flipped bit" },
  { by: "hell", code: "ERR_BLOB_SIZE_MISMATCH", why: "a cut file" },
];
for (const { by, code, why } of damages)
  test(`${why} is found on reading, and repaired by writing again`, async () => {
    const store = temporaryStore();
    const { digest } = await store.writeBlob(bytes("hello"));
    writeFileSync(store.blobPath(digest), by);
    await expect(store.readBlob(digest)).rejects.toMatchObject({ code, message: expect.stringContaining(digest) });
    await expect(Array.fromAsync(store.readBlobStream(digest))).rejects.toMatchObject({ code });
    await store.writeBlob(bytes("hello"));
    expect(Buffer.from(await store.readBlob(digest)).toString()).toBe("hello");
  });

test("what is missing or too large is refused", async () => {
  const store = temporaryStore();
  await expect(store.readBlob(digestOf("x"))).rejects.toMatchObject({ code: "ERR_BLOB_NOT_FOUND" });
  const { digest } = await store.writeBlob(bytes("hello"));
  await expect(store.readBlob(digest, { maxBytes: 4 })).rejects.toMatchObject({ code: "ERR_BLOB_TOO_LARGE" });
});

test("CVE-2021-41091: nothing is open to others, whatever the umask", async () => {
  const umask = process.umask(0);
  try {
    const root = join(temporaryDirectory(), "store");
    using store = openStore({ root, layerDirectories });
    const { digest } = await store.writeBlob(bytes("x"));
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect(mode(root)).toBe("710");
    expect([mode(join(root, "images")), mode(join(root, "tmp")), mode(join(root, "overlay2"))]).toEqual([
      "700",
      "700",
      "710",
    ]);
    for (const name of readdirSync(root).filter((name) => name.startsWith("ctr.db")))
      expect([name, mode(join(root, name))]).toEqual([name, "600"]);
    expect(mode(store.blobPath(digest))).toBe("600");
  } finally {
    process.umask(umask);
  }
});

test("a root that was there keeps its mode", () => {
  const root = temporaryDirectory();
  chmodSync(root, 0o755);
  temporaryStore(root);
  expect(statSync(root).mode & 0o777).toBe(0o755);
});
