import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Finding, type ImageStore, openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { makeImage } from "./make-image.ts";
import { temporaryDirectory } from "./temporary-store.ts";
import { textBlobs, textLayers } from "./text-layers.ts";

const repairer = join(import.meta.dirname, "repairer.ts");

async function killAfter(root: string, dots: number, seed: number): Promise<void> {
  const child = spawn(process.execPath, ["--conditions=ctr-source", "--no-warnings", repairer, root, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.length;
    if (printed >= dots) child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
}

const check = (store: ImageStore, repair: boolean): Promise<Finding[]> =>
  Array.fromAsync(store.check({ repair, layers: textLayers }));

test("kill -9 in the middle of a repair, a drop or a prune: the next repair finishes it, and nothing is left over", async () => {
  const root = temporaryDirectory();
  for (let seed = 1; seed <= 10; seed++) {
    await killAfter(root, 1 + ((seed * 7919) % 120), seed);
    const store = openStore({ root, blobMaker: textBlobs });
    await store.housekeeping();
    await check(store, true);
    // An image whose documents were damaged by the victim itself stays incomplete; nothing else may be wrong.
    const left = await check(store, false);
    expect(left.filter(({ about }) => about !== "image")).toEqual([]);
    const made = await makeImage(store, { layers: ["still", "works"] });
    await store.addImage({ target: made.target, names: ["works"] });
    expect(store.overlayParents(store.resolve("works").variant.chainId!)).toHaveLength(2);
    store.close();
  }
  const last = openStore({ root });
  await last.prune({ images: "all" });
  expect(filesOf(root)).toEqual({ blobs: [], layers: [], links: [], temporary: [] });
  last.close();
});
