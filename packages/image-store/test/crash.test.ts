import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ImageStore, StoredImage } from "../src/index.ts";
import { filesOf, layoutIndex } from "./files-of.ts";
import { digestOf, makeImage } from "./make-image.ts";
import { temporaryDirectory, temporaryStore } from "./temporary-store.ts";

const writer = join(import.meta.dirname, "writer.ts");

function startWriter(root: string, seed: number) {
  return spawn(process.execPath, ["--conditions=ctr-source", "--no-warnings", writer, root, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Let writers run until they have printed `dots` dots, then SIGKILL them wherever they are. */
async function killAfter(root: string, o: { readonly dots: number; readonly seed: number; readonly writers: number }) {
  const writers = Array.from({ length: o.writers }, (_, n) => startWriter(root, o.seed * 10 + n));
  let printed = 0;
  for (const child of writers)
    child.stdout.on("data", (dots: Buffer) => {
      printed += dots.length;
      if (printed >= o.dots) for (const each of writers) each.kill("SIGKILL");
    });
  const ends = await Promise.all(writers.map((child) => once(child, "exit")));
  expect(ends.map(([, signal]) => signal)).toEqual(writers.map(() => "SIGKILL"));
}

async function expectSound(store: ImageStore): Promise<void> {
  for (const image of store.list())
    for (const variant of image.variants) {
      const { manifest } = await store.read({ image, variant });
      for (const layer of manifest.layers) await Array.fromAsync(store.readBlobStream(layer.digest));
      if (variant.chainId === undefined || store.findLayer(variant.chainId) === undefined) continue;
      for (const { cacheId, diffId } of store.layerChain(variant.chainId))
        expect(digestOf(readFileSync(join(store.root, "overlay2", cacheId, "diff", "content"), "utf8"))).toBe(diffId);
    }
  const files = filesOf(store.root);
  for (const { digest } of layoutIndex(store.root).manifests) expect(files.blobs).toContain(digest);
}

const rounds = [
  { seed: 1, writers: 1 },
  { seed: 2, writers: 1 },
  { seed: 3, writers: 2 },
  { seed: 4, writers: 1 },
  { seed: 5, writers: 3 },
  { seed: 6, writers: 1 },
  { seed: 7, writers: 2 },
  { seed: 8, writers: 1 },
];

test("kill -9 at any moment: nothing listed is broken, a prune leaves nothing unaccounted", async () => {
  const root = temporaryDirectory();
  for (const { seed, writers } of rounds) {
    await killAfter(root, { seed, writers, dots: 1 + ((seed * 7919) % 150) });
    const store = temporaryStore(root);
    await expectSound(store);
    await store.housekeeping();
    await store.prune();
    await expectSound(store);

    const files = filesOf(root);
    expect(files.temporary).toEqual([]);
    expect(files.layers).toHaveLength(files.links.length);
    const needed = await Promise.all(store.list().map((image) => blobsOf(store, image)));
    expect(files.blobs).toEqual([...new Set(needed.flat())].sort());
    const chains = store
      .list()
      .flatMap(({ variants }) =>
        variants.flatMap(({ chainId }) =>
          chainId !== undefined && store.findLayer(chainId) ? store.layerChain(chainId) : [],
        ),
      );
    expect(files.layers).toEqual([...new Set(chains.map(({ cacheId }) => cacheId))].sort());
    store.close();
  }
  const last = temporaryStore(root);
  await last.prune({ images: "all" });
  expect(filesOf(root)).toEqual({ blobs: [], layers: [], links: [], temporary: [] });
  const made = await makeImage(last, { layers: ["still works"] });
  expect((await last.addImage({ target: made.target, names: ["x"] })).variants).toHaveLength(1);
});

test("several processes may make the store at once", async () => {
  const root = temporaryDirectory();
  await killAfter(root, { seed: 9, writers: 4, dots: 200 });
  await expectSound(temporaryStore(root));
});

async function blobsOf(store: ImageStore, image: StoredImage): Promise<string[]> {
  const documents = await Promise.all(image.variants.map((variant) => store.read({ image, variant })));
  const inside = documents.flatMap(({ manifest }) => [manifest.config, ...manifest.layers]);
  return [image.target, ...inside].map(({ digest }) => digest);
}
