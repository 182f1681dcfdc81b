import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { link, mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chainIds } from "@ctr/oci";
import { expect, test } from "vitest";
import { type AddLayerOptions, openStore, type StoredLayer } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { layerDirectories } from "./layer-directories.ts";
import { digestOf, makeImage } from "./make-image.ts";
import { temporaryDirectory, temporaryStore } from "./temporary-store.ts";

test("a chain of layers: cache ids newest first, files in their diff directories", async () => {
  const store = temporaryStore();
  const { chain } = await makeImage(store, { layers: ["a", "b", "c"] });
  const layers = store.layerChain(chain[2]!);
  expect(layers.map(({ chainId, parent }) => [chainId, parent])).toEqual([
    [chain[2], chain[1]],
    [chain[1], chain[0]],
    [chain[0], undefined],
  ]);
  expect(store.overlayParents(chain[2]!)).toEqual(layers.map(({ cacheId }) => cacheId));
  expect(
    layers.map(({ cacheId }) => readFileSync(join(store.root, "overlay2", cacheId, "diff", "content"), "utf8")),
  ).toEqual(["c", "b", "a"]);
  expect(layers.every(({ cacheId }) => /^[0-9a-f]{64}$/.test(cacheId))).toBe(true);
});

test("a layer that is there is not unpacked again", async () => {
  const store = temporaryStore();
  const options = { chainId: digestOf("a"), diffId: digestOf("a") };
  const layer = await store.addLayer({ ...options, fill: async () => {} });
  const again = await store.addLayer({ ...options, fill: () => Promise.reject(new Error("asked twice")) });
  expect(again).toEqual(layer);
});

test("two that unpack the same layer at once agree on one, the other's directory goes", async () => {
  const root = temporaryDirectory();
  const [first, second] = [temporaryStore(root), temporaryStore(root)];
  const { promise: bothAreIn, resolve } = Promise.withResolvers<void>();
  let inside = 0;
  const options = {
    chainId: digestOf("a"),
    diffId: digestOf("a"),
    fill: async (diff: string) => {
      await writeFile(join(diff, "content"), "a");
      if (++inside === 2) resolve();
      await bothAreIn;
    },
  };
  const [one, two] = await Promise.all([first.addLayer(options), second.addLayer(options)]);
  expect(one).toEqual(two);
  expect(filesOf(root)).toMatchObject({ layers: [one.cacheId], temporary: [] });
  expect(filesOf(root).links).toHaveLength(1);
});

test("a fill that fails leaves nothing", async () => {
  const store = temporaryStore();
  const adding = store.addLayer({
    chainId: digestOf("a"),
    diffId: digestOf("a"),
    fill: () => Promise.reject(new RangeError("bad tar")),
  });
  await expect(adding).rejects.toThrow(RangeError);
  expect(store.findLayer(digestOf("a"))).toBeUndefined();
  expect(filesOf(store.root)).toMatchObject({ layers: [], links: [] });
});

/** Options for layers that lie upon one another, each filled as said. */
function chainOf(...fills: { readonly name: string; readonly fill: AddLayerOptions["fill"] }[]): AddLayerOptions[] {
  const diffIds = fills.map(({ name }) => digestOf(name));
  const chain = chainIds(diffIds, (text) => createHash("sha256").update(text).digest("hex"));
  return fills.map(({ fill }, i) => ({
    chainId: chain[i]!,
    ...(i === 0 ? {} : { parentChainId: chain[i - 1]! }),
    diffId: diffIds[i]!,
    fill,
  }));
}

test("layers are filled side by side; one that asks for those below waits for them", async () => {
  const store = temporaryStore();
  const order: string[] = [];
  const { promise: topIsDone, resolve: topDone } = Promise.withResolvers<void>();
  const layers = chainOf(
    {
      name: "a",
      fill: async () => {
        await topIsDone;
        order.push("a");
      },
    },
    {
      name: "b",
      fill: async (_diff, parents) => {
        const below = await parents();
        order.push(`b on ${below.length}`);
      },
    },
    {
      name: "c",
      fill: async () => {
        order.push("c");
        topDone();
      },
    },
  );
  const added = await store.addLayers(layers);
  expect(order).toEqual(["c", "a", "b on 1"]);
  expect(store.overlayParents(layers[2]!.chainId)).toEqual(added.map(({ cacheId }) => cacheId).reverse());
});

test("when one of several cannot be filled none is added, and all have ended", async () => {
  const store = temporaryStore();
  let ended = 0;
  const count = async (): Promise<void> => void ended++;
  const layers = chainOf(
    { name: "a", fill: count },
    { name: "b", fill: () => Promise.reject(new RangeError("bad tar")) },
    { name: "c", fill: count },
  );
  await expect(store.addLayers(layers)).rejects.toThrow(RangeError);
  expect(ended).toBe(2);
  expect(filesOf(store.root)).toMatchObject({ layers: [], links: [] });
  await store.addLayer({ ...layers[0]!, fill: async () => {} });
  await expect(store.addLayers(layers)).rejects.toThrow(RangeError);
  expect(filesOf(store.root).layers).toHaveLength(1);
});

test("a layer whose parent somebody else added meanwhile lies upon theirs", async () => {
  const root = temporaryDirectory();
  using store = openStore({ root });
  using other = openStore({ root });
  const idle = async (): Promise<void> => {};
  const [base] = chainOf({ name: "a", fill: idle }) as [AddLayerOptions];
  const layers = chainOf({ name: "a", fill: idle }, { name: "b", fill: async () => void (await other.addLayer(base)) });
  const [theirs, mine] = (await store.addLayers(layers)) as [StoredLayer, StoredLayer];
  const read = (...path: string[]): string => readFileSync(join(root, "overlay2", ...path), "utf8");
  expect(read(mine.cacheId, "lower")).toBe(`l/${read(theirs.cacheId, "link")}`);
  expect(filesOf(root).layers.sort()).toEqual([theirs.cacheId, mine.cacheId].sort());
});

test("chain ids are checked, parents must be there", async () => {
  const store = temporaryStore();
  const fill = async () => {};
  await expect(store.addLayer({ chainId: digestOf("b"), diffId: digestOf("a"), fill })).rejects.toMatchObject({
    code: "ERR_LAYER_CHAIN",
  });
  const chain = chainIds([digestOf("a"), digestOf("b")], (text) => createHash("sha256").update(text).digest("hex"));
  const orphan = { chainId: chain[1]!, parentChainId: chain[0]!, diffId: digestOf("b"), fill };
  await expect(store.addLayer(orphan)).rejects.toMatchObject({ code: "ERR_LAYER_NOT_FOUND" });
  expect(() => store.overlayParents(chain[1]!)).toThrow(expect.objectContaining({ code: "ERR_LAYER_NOT_FOUND" }));
});

test("the size is what du says: a hard link once, a hole not at all, a symlink not followed", async () => {
  const store = temporaryStore();
  const layer = await store.addLayer({
    chainId: digestOf("a"),
    diffId: digestOf("a"),
    fill: async (diff) => {
      await mkdir(join(diff, "d"));
      await writeFile(join(diff, "d", "file"), new Uint8Array(100_000).fill(1));
      await link(join(diff, "d", "file"), join(diff, "again"));
      await writeFile(join(diff, "sparse"), "");
      await truncate(join(diff, "sparse"), 10 ** 9);
      await symlink("/", join(diff, "root"));
    },
  });
  const own = statSync(join(store.root, "overlay2", layer.cacheId, "diff", "d", "file")).blocks * 512;
  expect(layer.size).toBeGreaterThanOrEqual(own);
  expect(layer.size).toBeLessThan(own + 200_000);
});

test("with a way to sync the file system, that is used, before the layer is visible", async () => {
  const seen: [string, unknown][] = [];
  const root = temporaryDirectory();
  using store = openStore({
    root,
    layerDirectories,
    syncFileSystem: (path) => {
      seen.push([path, store.findLayer(digestOf("a"))]);
    },
  });
  await store.addLayer({ chainId: digestOf("a"), diffId: digestOf("a"), fill: async () => {} });
  expect(seen).toEqual([[join(root, "overlay2"), undefined]]);
});

test("by default layers lie as in Docker's overlay2", async () => {
  const root = temporaryDirectory();
  using store = openStore({ root });
  const { chain } = await makeImage(store, { layers: ["a", "b", "c"] });
  const read = (...path: string[]): string => readFileSync(join(root, "overlay2", ...path), "utf8");
  const [top, middle, base] = store.overlayParents(chain[2]!) as [string, string, string];
  expect(read(top, "lower")).toBe(`l/${read(middle, "link")}:l/${read(base, "link")}`);
  expect(readlinkSync(join(root, "overlay2", "l", read(base, "link")))).toBe(`../${base}/diff`);
  expect(readdirSync(join(root, "overlay2", base)).sort()).toEqual(["diff", "link"]);
  store.dropLeases();
  await store.prune();
  expect(filesOf(root)).toMatchObject({ layers: [], links: [] });
});

test("when somebody else was first with the lowest of three layers, all that lie upon it name theirs", async () => {
  const root = temporaryDirectory();
  const [first, second] = [temporaryStore(root), temporaryStore(root)];
  const nothing = async (): Promise<void> => {};
  const overtake = async (): Promise<void> => void (await second.addLayers(chainOf({ name: "a", fill: nothing })));
  const layers = chainOf({ name: "a", fill: overtake }, { name: "b", fill: nothing }, { name: "c", fill: nothing });
  await first.addLayers(layers);
  const [top, ...below] = first.overlayParents(layers[2]!.chainId);
  const text = (cacheId: string, name: string): string => readFileSync(join(root, "overlay2", cacheId, name), "utf8");
  expect(text(top!, "lower")).toBe(below.map((cacheId) => `l/${text(cacheId, "link")}`).join(":"));
  expect(filesOf(root).layers).toHaveLength(3);
});
