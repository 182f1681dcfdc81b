import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Index } from "@ctr/oci";

/** Every file and directory that the store keeps for its records, by what they are. */
export function filesOf(root: string): {
  readonly blobs: string[];
  readonly layers: string[];
  readonly links: string[];
  readonly temporary: string[];
} {
  const names = (...path: string[]): string[] => {
    try {
      return readdirSync(join(root, ...path)).sort();
    } catch {
      return [];
    }
  };
  return {
    blobs: [
      ...names("images", "blobs", "sha256").map((hex) => `sha256:${hex}`),
      ...names("images", "blobs", "sha512").map((hex) => `sha512:${hex}`),
    ],
    layers: names("overlay2").filter((name) => name !== "l"),
    links: names("overlay2", "l"),
    temporary: names("tmp"),
  };
}

export function layoutIndex(root: string): Index {
  return JSON.parse(readFileSync(join(root, "images", "index.json"), "utf8")) as Index;
}
