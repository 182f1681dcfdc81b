import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type ImageStore, openStore } from "../src/index.ts";
import { layerDirectories } from "./layer-directories.ts";

export function temporaryDirectory(): string {
  const root = mkdtempSync(join(tmpdir(), "ctr-image-store-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

export function temporaryStore(root: string = temporaryDirectory()): ImageStore {
  const store = openStore({ root, layerDirectories });
  onTestFinished(() => store.close());
  return store;
}
