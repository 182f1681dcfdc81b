import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@ctr/oci";
import { expect, test } from "vitest";
import { type ImageStore, type OpenStoreOptions, openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { makeImage, unpack } from "./make-image.ts";
import { temporaryDirectory } from "./temporary-store.ts";
import { textBlobs, textLayers } from "./text-layers.ts";

const open = (root: string, o: Partial<OpenStoreOptions> = {}): ImageStore =>
  openStore({ root, blobMaker: textBlobs, ...o });

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

async function storeWithImage(o: Partial<OpenStoreOptions> = {}) {
  const store = open(temporaryDirectory(), o);
  const made = await makeImage(store, { layers: ["ab", "cd"] });
  await store.addImage({ target: made.target, names: ["image"] });
  const layers = made.layers.map(({ digest }) => digest);
  return { store, made, layers };
}

const onDisk = (store: ImageStore, digests: readonly Digest[]): boolean[] =>
  digests.map((digest) => filesOf(store.root).blobs.includes(digest));
const findings = (store: ImageStore, repair = false) => Array.fromAsync(store.check({ layers: textLayers, repair }));

test("keep is the choice at first; drop is remembered, drops at once and with every image", async () => {
  const { store, layers } = await storeWithImage();
  expect(store.blobChoice).toBe("keep");
  expect(onDisk(store, layers)).toEqual([true, true]);
  const { blobs, reclaimed } = await store.chooseBlobs("drop");
  expect([...blobs].sort()).toEqual([...layers].sort());
  expect(reclaimed).toBeGreaterThan(0);
  expect(onDisk(store, layers)).toEqual([false, false]);
  store.close();

  using again = open(store.root);
  expect(again.blobChoice).toBe("drop");
  const more = await makeImage(again, { layers: ["ef"] });
  await again.addImage({ target: more.target, names: ["more"] });
  expect(onDisk(again, [more.layers[0]!.digest, more.config])).toEqual([false, true]);
});

test("a dropped blob is still known and reads as before; then it goes again", async () => {
  const { store, layers, made } = await storeWithImage({ blobs: "drop" });
  expect(store.findBlob(layers[0]!)).toEqual({ digest: layers[0], size: 2 });
  expect(await textOf(store.readBlobStream(layers[0]!))).toBe("ab");
  expect(await textOf(store.sendBlob(layers[1]!, { start: 1 }))).toBe("d");
  expect(onDisk(store, layers)).toEqual([true, true]);
  await store.housekeeping();
  expect(onDisk(store, layers), "leased to this handle").toEqual([true, true]);
  store.close();
  using again = open(store.root);
  await again.housekeeping();
  expect(onDisk(again, layers)).toEqual([false, false]);
  expect(await findings(again)).toEqual([]);
  await again.addImage({ target: made.target, names: ["renamed"] });
});

test("what another compressor made is kept, and tried once", async () => {
  let tried = 0;
  const other: OpenStoreOptions["blobMaker"] = {
    recipes: async () => ["other"],
    async *make() {
      tried++;
      yield Buffer.from("xx");
    },
  };
  const { store, layers } = await storeWithImage({ blobMaker: other, blobs: "drop" });
  expect(onDisk(store, layers)).toEqual([true, true]);
  expect((await store.chooseBlobs("drop")).blobs).toEqual([]);
  expect(tried).toBe(2);
  store.close();
});

test("keep makes them again", async () => {
  const { store, layers } = await storeWithImage({ blobs: "drop" });
  expect([...(await store.chooseBlobs("keep")).blobs].sort()).toEqual([...layers].sort());
  store.close();
  using again = open(store.root);
  await again.housekeeping();
  await again.prune();
  expect(onDisk(again, layers)).toEqual([true, true]);
});

test("a layer that a dropped blob needs is not pruned, whoever else goes", async () => {
  const { store } = await storeWithImage();
  // The same layer on another: unpacked in one image only.
  const base = await makeImage(store, { layers: ["base", "ab"], unpack: false });
  await store.addImage({ target: base.target, names: ["base"] });
  await store.chooseBlobs("drop");
  await store.remove({ image: "image" });
  expect(await textOf(store.readBlobStream(base.layers[1]!.digest))).toBe("ab");
  await store.remove({ image: "base" });
  store.close(); // it had leased what it read
  using again = open(store.root);
  await again.prune();
  expect(filesOf(store.root)).toMatchObject({ blobs: [], layers: [] });
});

test("a layer that was changed cannot make its blob: reading says so, the check finds it, and the image is pulled again", async () => {
  const { store, made, layers } = await storeWithImage({ blobs: "drop" });
  const [top, base] = store.overlayParents(made.chain[1]!);
  writeFileSync(join(store.root, "overlay2", base!, "diff/content"), "AB");
  await expect(textOf(store.readBlobStream(layers[0]!))).rejects.toMatchObject({
    code: "ERR_BLOB_DIGEST_MISMATCH",
    message: expect.stringMatching(/cannot be made again: its layer was changed/),
  });
  expect(await findings(store)).toMatchObject([
    { about: "layer", subject: made.chain[0], problem: expect.stringMatching(/cannot be made of it any more/) },
  ]);
  const repaired = await findings(store, true);
  expect(repaired.map(({ about }) => about)).toEqual(["layer", "image"]);
  expect(store.findBlob(layers[0]!)).toBeUndefined();
  expect(filesOf(store.root).layers).not.toContain(top);
  expect(await textOf(store.readBlobStream(layers[1]!)), "what lay upon it was sound and is saved").toBe("cd");
  await store.writeBlob(Buffer.from("ab"));
  await unpack(store, ["ab", "cd"]);
  expect(await findings(store)).toEqual([]);
  store.close();
});

test("a damaged blob of a layer that was packed here is made again by a repair", async () => {
  const { store, layers } = await storeWithImage();
  writeFileSync(store.blobPath(layers[0]!), "!!");
  expect(await findings(store, true)).toMatchObject([{ about: "blob", repaired: "made again from its layer" }]);
  expect(await textOf(store.readBlobStream(layers[0]!))).toBe("ab");
  store.close();
});

test("a program that cannot make blobs says so", async () => {
  const { store, layers } = await storeWithImage({ blobs: "drop" });
  store.close();
  using other = openStore({ root: store.root });
  await expect(textOf(other.readBlobStream(layers[0]!))).rejects.toMatchObject({ code: "ERR_BLOB_NOT_FOUND" });
});
