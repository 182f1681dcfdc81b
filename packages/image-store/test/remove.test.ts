import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type LayerDirectories, openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { layerDirectories } from "./layer-directories.ts";
import { digestOf, makeImage, makeIndex, unpack } from "./make-image.ts";
import { temporaryDirectory, temporaryStore } from "./temporary-store.ts";

test("the last name takes the image along, a shared layer stays", async () => {
  const store = temporaryStore();
  const one = await makeImage(store, { layers: ["base", "one"] });
  const two = await makeImage(store, { layers: ["base", "two"] });
  await store.addImage({ target: one.target, names: ["one", "uno"] });
  await store.addImage({ target: two.target, names: ["two"] });

  expect(await store.remove({ image: "uno" })).toMatchObject({
    untagged: ["docker.io/library/uno:latest"],
    deleted: [],
  });
  const removal = await store.remove({ image: "one" });
  expect(removal).toMatchObject({ untagged: ["docker.io/library/one:latest"], deleted: [one.config, one.chain[1]] });
  expect(removal.reclaimed).toBeGreaterThan(0);
  expect(store.findLayer(one.chain[1]!)).toBeUndefined();
  expect(store.findLayer(two.chain[0]!)).toBeDefined();
  expect(filesOf(store.root).blobs).toEqual([two.target.digest, two.config, ...two.layers.map((l) => l.digest)].sort());

  await store.remove({ image: two.config });
  expect(filesOf(store.root)).toEqual({ blobs: [], layers: [], links: [], temporary: [] });
});

test("by id: names in one repository go together, in several it must be forced", async () => {
  const store = temporaryStore();
  const { target, config } = await makeImage(store, { layers: ["a"] });
  await store.addImage({ target, names: ["a:1", "a:2", "b:1"] });
  await expect(store.remove({ image: config })).rejects.toMatchObject({ code: "ERR_IMAGE_CONFLICT" });
  store.untag("b:1");
  expect((await store.remove({ image: config })).untagged).toHaveLength(2);
  await store.addImage({ target: (await makeImage(store, { layers: ["a"] })).target, names: ["a", "b"] });
  expect((await store.remove({ image: config, force: true })).untagged).toHaveLength(2);
  await expect(store.remove({ image: "a" })).rejects.toMatchObject({ code: "ERR_IMAGE_NOT_FOUND" });
});

test("a platform that an index shares with an image of its own stays", async () => {
  const store = temporaryStore();
  const platform = { os: "linux", architecture: "amd64" };
  const made = await makeImage(store, { layers: ["a"], platform });
  await store.addImage({ target: await makeIndex(store, [{ ...made, platform }]), names: ["index"] });
  await store.addImage({ target: made.target, names: ["single"] });
  await store.remove({ image: "index" });
  expect(await store.read(store.resolve("single"))).toBeDefined();
  expect(store.findLayer(made.chain[0]!)).toBeDefined();
});

test("a layer that a container holds is never removed", async () => {
  const store = temporaryStore();
  const made = await makeImage(store, { layers: ["a", "b"] });
  await store.addImage({ target: made.target, names: ["a"] });
  store.hold({ chainId: made.chain[1]!, holder: "container:1" });
  await store.remove({ image: "a" });
  expect(store.overlayParents(made.chain[1]!)).toHaveLength(2);
  store.release("container:1");
  expect((await store.prune()).deleted).toEqual(expect.arrayContaining([...made.chain]));
  expect(() => store.hold({ chainId: made.chain[1]!, holder: "x" })).toThrow(
    expect.objectContaining({ code: "ERR_LAYER_NOT_FOUND" }),
  );
});

test("prune: dangling images, all images, or none", async () => {
  const store = temporaryStore();
  const [named, kept, dangling] = [
    await makeImage(store, { layers: ["a"] }),
    await makeImage(store, { layers: ["b"] }),
    await makeImage(store, { layers: ["c"] }),
  ];
  await store.addImage({ target: named.target, names: ["named"] });
  await store.addImage({ target: kept.target, names: ["kept"] });
  await store.addImage({ target: dangling.target });
  expect((await store.prune({ images: "none" })).deleted).toEqual([]);
  expect((await store.prune()).deleted).toEqual([dangling.config, dangling.chain[0]]);
  const removal = await store.prune({ images: "all", keep: (image) => image.target.digest === kept.target.digest });
  expect(removal.untagged).toEqual(["docker.io/library/named:latest"]);
  expect(store.list().map(({ target }) => target)).toEqual([kept.target]);
});

test("prune spares what another handle is pulling, until it lets go", async () => {
  const store = temporaryStore();
  const puller = temporaryStore(store.root);
  const { target, chain } = await makeImage(puller, { layers: ["a", "b"] });
  expect((await store.prune({ images: "all" })).deleted).toEqual([]);
  await puller.addImage({ target, names: ["a"] });
  await puller.remove({ image: "a" });
  expect(filesOf(store.root)).toMatchObject({ blobs: [], layers: [] });
  await unpack(puller, ["a"]);
  puller.dropLeases();
  expect((await store.prune()).deleted).toEqual([chain[0]]);
});

test("housekeeping touches no directory that is not the store's", async () => {
  const store = temporaryStore();
  const foreign = join(store.root, "overlay2", "f".repeat(64), "diff");
  await mkdir(foreign, { recursive: true });
  await writeFile(store.blobPath(digestOf("stray")), "stray");
  expect(await store.housekeeping()).toEqual({ blobFiles: 1, layerDirectories: 0, temporaryFiles: 0 });
  expect(existsSync(foreign)).toBe(true);
  expect(filesOf(store.root).blobs).toEqual([]);
});

test("disk usage: shared and unique add up", async () => {
  const store = temporaryStore();
  const one = await makeImage(store, { layers: ["base", "one"] });
  const two = await makeImage(store, { layers: ["base", "two"] });
  await store.addImage({ target: one.target, names: ["one"] });
  const { blobBytes, layerBytes, unreachableBytes, ...alone } = store.diskUsage();
  expect(alone.images[0]).toMatchObject({ sharedBytes: 0 });
  expect(alone.images[0]!.totalBytes + unreachableBytes).toBe(blobBytes + layerBytes);

  await store.addImage({ target: two.target, names: ["two"] });
  const usage = store.diskUsage();
  expect(usage.unreachableBytes).toBe(0);
  const unique = usage.images.reduce((sum, image) => sum + image.uniqueBytes, 0);
  expect(unique + usage.images[0]!.sharedBytes).toBe(usage.blobBytes + usage.layerBytes);
  expect(usage.images[0]!.sharedBytes).toBe(usage.images[1]!.sharedBytes);
  const before = usage.images.find(({ image }) => image.names[0]?.includes("one"))!.uniqueBytes;
  expect((await store.remove({ image: "one" })).reclaimed).toBe(before);
});

test("a blob that is leased stays until the handle is closed, one that is not is pruned", async () => {
  const store = temporaryStore();
  const [kept, gone] = [await store.writeBlob(Buffer.from("kept")), await store.writeBlob(Buffer.from("gone"))];
  store.dropLeases();
  expect(store.leaseBlob(kept.digest)).toEqual(kept);
  expect(store.leaseBlob(digestOf("absent"))).toBeUndefined();
  await store.prune();
  expect(filesOf(store.root).blobs).toEqual([kept.digest]);
  expect(store.findBlob(gone.digest)).toBeUndefined();
});

test("where a registry has an image is a name to find it by; to remove it takes only that name away", async () => {
  const store = temporaryStore();
  const { target } = await makeImage(store, { layers: ["a"] });
  await store.addImage({ target, names: ["ghcr.io/a/b:1"] });
  const reference = `ghcr.io/c/d@${target.digest}`;
  store.addRepoDigest({ target: target.digest, reference });
  store.addRepoDigest({ target: target.digest, reference });
  store.addRepoDigest({ target: digestOf("nobody"), reference: `x@${digestOf("nobody")}` });
  expect(store.find(reference).repoDigests).toEqual([reference]);
  expect((await store.remove({ image: reference })).untagged).toEqual([reference]);
  expect(store.list()[0]).toMatchObject({ names: ["ghcr.io/a/b:1"], repoDigests: [] });
  store.addRepoDigest({ target: target.digest, reference });
  expect((await store.remove({ image: "ghcr.io/a/b:1" })).deleted).toHaveLength(2);
  await makeImage(store, { layers: ["a"] });
  expect((await store.addImage({ target, names: [] })).repoDigests).toEqual([]);
});

test("an image that only a digest names is dangling, as with Docker", async () => {
  const store = temporaryStore();
  const { target } = await makeImage(store, { layers: ["a"] });
  await store.addImage({ target, names: [`a@${target.digest}`] });
  expect((await store.prune()).untagged).toEqual([`docker.io/library/a@${target.digest}`]);
});

test("what another handle is just removing is left to it: two would take each other's files away", async () => {
  const root = temporaryDirectory();
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  const removing = (first: Promise<unknown> | (() => void)): LayerDirectories => ({
    ...layerDirectories,
    removeLayerDirectory: async (o) => {
      await (typeof first === "function" ? first() : first);
      await layerDirectories.removeLayerDirectory(o);
    },
  });
  const slow = openStore({ root, layerDirectories: removing(goOn) });
  const other = openStore({ root, layerDirectories: removing(() => expect.unreachable()) });
  const { target } = await makeImage(slow, { layers: ["a"] });
  await slow.addImage({ target, names: ["a"] });
  const removal = slow.remove({ image: "a" });
  await other.prune({ images: "all" });
  await other.housekeeping();
  resolve();
  await removal;
  expect(filesOf(root).layers).toEqual([]);
  slow.close();
  other.close();
});
