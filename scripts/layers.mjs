// The layers of the packages as their package.json files declare them: the one table behind
// .dependency-cruiser.mjs, test/layers.test.ts and the diagram in docs/architecture.md.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "packages");

/** The only imports inside one layer, each with its reason. Everything else points downwards. */
export const sidewaysImports = new Map([
  ["rootfs → mounts", "a root is made of mounts: it builds on their options and flags"],
  ["host-image → layers", "an image out of host programs is written as reproducible layers"],
  ["image-archive → layers", "an image archive is a tar archive: it reads and writes entries"],
  ["image-reuse → layers", "files of a layer are compared as overlay shows them: whiteouts, names as bytes"],
]);

export const layerNames = ["formats", "kernel", "mechanisms", "images", "composition", "engine", "interfaces"];

/** Every package by its folder's name, in the order of layers. */
export const packages = new Map(
  readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, "package.json")))
    .map((name) => describe(name))
    .sort((a, b) => a.layer - b.layer || (a.folder < b.folder ? -1 : 1))
    .map((it) => [it.folder, it]),
);

function describe(name) {
  const manifest = JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8"));
  return {
    folder: name,
    name: manifest.name,
    layer: manifest.ctr.layer,
    /** Whether others may import it; a program has nothing to offer them. */
    isLibrary: "." in manifest.exports,
    hasSteps: "./steps" in manifest.exports,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    manifest,
  };
}
