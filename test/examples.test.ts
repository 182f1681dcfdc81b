// Every example runs and prints what its last lines promise; every README opens with the first of them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packages } from "../scripts/layers.mjs";
import { firstBlock } from "./markdown-blocks.ts";
import { promisedOutput, repository, runExample } from "./run-example.ts";

const isRoot = process.getuid?.() === 0;
const folders = readdirSync(join(repository, "examples"), { withFileTypes: true }).filter((it) => it.isDirectory());
const examples = folders.flatMap(({ name }) =>
  readdirSync(join(repository, "examples", name))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `examples/${name}/${file}`),
);
const read = (path: string): string => readFileSync(join(repository, path), "utf8");

// Whole programs may be too long or too different from machine to machine to promise their output; what runs
// them is a test of their own.
const promising = examples.filter(
  (file) => !file.startsWith("examples/programs/") || promisedOutput(read(file)) !== undefined,
);

test.concurrent.for(promising)("%s", async (file, { skip }) => {
  skip(file.includes(".root.") && !isRoot, "needs root");
  const promised = promisedOutput(read(file));
  expect(promised, "an example ends with `// prints: …` lines").toBeDefined();
  expect(await runExample({ file })).toBe(promised);
});

const libraries = [...packages.values()].filter((it) => it.isLibrary).map((it) => it.folder);

describe.each(libraries)("%s", (name) => {
  const first = examples.find((file) => file.startsWith(`examples/${name}/01-`));

  test("has an example", () => {
    expect(first).toBeDefined();
  });

  test("README.md opens with it", () => {
    const readme = `packages/${name}/README.md`;
    expect(existsSync(join(repository, readme)), `${readme} exists`).toBe(true);
    expect(firstBlock(read(readme), "ts")).toBe(read(first ?? readme));
  });
});
