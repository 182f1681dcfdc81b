// Runs the hostile corpus in a directory of its own and says what came of each archive, as JSON. A process of its
// own: the test starts it where nothing but that directory can be written.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { applyLayer, LayerError } from "../src/index.ts";
import { Canary, checkHostileArchive, hostileArchives, type Tree, treeOf } from "../src/testing/index.ts";
import { once } from "./collect.ts";

const top = process.argv[2]!;
const canary = new Canary(join(top, "canary"));
const failures: string[] = [];
const counts = { refused: 0, taken: 0 };

for (const archive of hostileArchives(canary.directory)) {
  const place = join(top, "layers");
  mkdirSync(place);
  const take = async (): Promise<readonly Tree[]> => {
    const directories: string[] = [];
    for (const [index, layer] of archive.layers.entries()) {
      const directory = join(place, String(index));
      mkdirSync(directory);
      await applyLayer({ archive: once(layer), directory, lowers: directories });
      directories.unshift(directory);
    }
    return directories.reverse().map(treeOf);
  };
  try {
    counts[await checkHostileArchive(archive, { canary, take, isRefusal: (error) => error instanceof LayerError })]++;
  } catch (error) {
    failures.push((error as Error).message);
  }
  rmSync(place, { recursive: true });
  const left = readdirSync(top);
  if (left.length !== 1) failures.push(`${archive.name}: left ${left.join(" ")}`);
}

console.log(JSON.stringify({ ...counts, failures, peakBytes: process.resourceUsage().maxRSS * 1024 }));
