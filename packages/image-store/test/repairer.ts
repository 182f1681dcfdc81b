// Run by repair-crash.test.ts: damages layers and blobs, repairs, drops blobs, and prunes without end, until it is killed. Its dots
// tell the test that it got on; between two of them it may be anywhere.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isImageStoreError, openStore } from "../src/index.ts";
import { makeImage } from "./make-image.ts";
import { textBlobs, textLayers } from "./text-layers.ts";

const [root = "", seed = "1"] = process.argv.slice(2);
let state = Number(seed);
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % below;
};

/** A layer that was changed after its blob was dropped cannot make it again. */
function expectChanged(error: unknown): void {
  if (!isImageStoreError(error) || error.code !== "ERR_BLOB_DIGEST_MISMATCH") throw error;
}

const store = openStore({ root, blobMaker: textBlobs });
setInterval(() => process.stdout.write("."), 1);
for (;;) {
  const layers = Array.from({ length: 3 }, () => `layer ${random(6)} ${"x".repeat(random(2_000))}`);
  const { target, chain, layers: blobs } = await makeImage(store, { layers, label: String(random(5)) });
  await store.addImage({ target, names: [`image:${random(3)}`] });
  const [victim] = store.layerChain(chain[random(3)]!);
  const directory = join(root, "overlay2", victim!.cacheId);
  if (random(2) === 0) writeFileSync(join(directory, "diff", "content"), "damaged");
  else rmSync(join(directory, ["diff", "link", "lower"][random(3)]!), { recursive: true, force: true });
  if (random(3) === 0) writeFileSync(store.blobPath(blobs[random(3)]!.digest), "damaged");
  await Array.fromAsync(store.check({ repair: true, layers: textLayers }));
  if (random(3) === 0) await store.chooseBlobs(random(2) === 0 ? "keep" : "drop").catch(expectChanged);
  if (random(3) === 0) await store.prune();
  if (random(4) === 0) await store.prune({ images: "all" });
}
