// Run by crash.test.ts: writes, names, unpacks, removes and prunes without end, until it is killed. Its
// dots tell the test that it got on; between two of them it may be anywhere.
import { openStore } from "../src/index.ts";
import { layerDirectories } from "./layer-directories.ts";
import { makeImage } from "./make-image.ts";

const [root = "", seed = "1"] = process.argv.slice(2);
let state = Number(seed);
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % below;
};

const store = openStore({ root, layerDirectories });
setInterval(() => process.stdout.write("."), 1);
for (;;) {
  const layers = Array.from({ length: 1 + random(3) }, () => `layer ${random(6)} ${"x".repeat(random(20_000))}`);
  const { target } = await makeImage(store, { layers, label: String(random(5)) });
  await store.addImage({ target, names: [`image:${random(4)}`] });
  const [some] = store.list();
  if (random(3) === 0 && some !== undefined) await store.remove({ image: some.target.digest, force: true });
  if (random(4) === 0) await store.prune();
  if (random(4) === 0) await store.housekeeping();
}
