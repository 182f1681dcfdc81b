// Layer numbers, imports, declared dependencies, tsconfig references and the picture in the docs say the same.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { layerNames, packages, sidewaysImports } from "../scripts/layers.mjs";

interface Import {
  /** `packages/oci/src/digest.ts:3` */
  readonly place: string;
  readonly specifier: string;
}

const root = join(import.meta.dirname, "..");
const all = [...packages.values()];
const folderOf = new Map(all.map((it) => [it.name, it.folder]));

// A specifier stands alone after from, import or import(; inside strings and comments these do not occur here.
const importPattern = /(?:^|[;\s])(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g;

function importsOf(folder: string): Import[] {
  const sources = join(root, "packages", folder, "src");
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return files.flatMap((file) =>
    readFileSync(join(sources, file), "utf8")
      .split("\n")
      .flatMap((line, index) =>
        [...line.matchAll(importPattern)].map(([, specifier]) => ({
          place: `packages/${folder}/src/${file}:${index + 1}`,
          specifier: specifier!,
        })),
      ),
  );
}

const ownScope = (specifier: string): string | undefined => /^@ctr\/[^/]+/.exec(specifier)?.[0];

/** Imports of other packages, by name. */
const crossing = (folder: string): (Import & { readonly name: string })[] =>
  importsOf(folder).flatMap((it) => {
    const name = ownScope(it.specifier);
    return name === undefined ? [] : [{ ...it, name }];
  });

/** A relation that the layers do not allow, as a sentence; undefined when it is fine. */
function complaint(from: string, to: string): string | undefined {
  const [above, below] = [packages.get(from)!, packages.get(to)];
  if (below === undefined) return `${from} uses ${to}, which is no package here`;
  if (below.layer < above.layer || sidewaysImports.has(`${from} → ${to}`)) return undefined;
  const direction = below.layer === above.layer ? "sideways" : "upwards";
  return `${from} (layer ${above.layer}) points ${direction} to ${to} (layer ${below.layer})`;
}

describe.each(all)("$name", ({ folder, name, dependencies, hasSteps }) => {
  test("imports point downwards, or sideways for a reason that is written down", () => {
    const wrong = crossing(folder).flatMap((it) => {
      const what = complaint(folder, folderOf.get(it.name) ?? it.name);
      return what === undefined ? [] : [`${it.place}: ${what}`];
    });
    expect(wrong).toEqual([]);
  });

  test("declared dependencies point downwards too", () => {
    const own = dependencies.filter((it) => ownScope(it) !== undefined);
    expect(own.map((it) => complaint(folder, folderOf.get(it) ?? it)).filter((it) => it !== undefined)).toEqual([]);
  });

  test("what it imports is declared", () => {
    const undeclared = crossing(folder).filter((it) => it.name !== name && !dependencies.includes(it.name));
    expect(undeclared.map((it) => `${it.place}: ${it.name} is not in package.json`)).toEqual([]);
  });

  test("tsconfig references are the declared dependencies", () => {
    const config = JSON.parse(readFileSync(join(root, "packages", folder, "tsconfig.json"), "utf8"));
    const references = config.references.map((it: { path: string }) => it.path.replace("../", ""));
    const declared = dependencies.flatMap((it) => folderOf.get(it) ?? []);
    expect(references.sort()).toEqual(declared.sort());
  });

  test("steps.ts and the ./steps entry belong together", () => {
    expect(existsSync(join(root, "packages", folder, "src/steps.ts"))).toBe(hasSteps);
  });
});

test.each(all.filter((it) => it.hasSteps || it.layer === 0))("$name: only src/host/ touches the machine", (it) => {
  const outsideHost = importsOf(it.folder).filter(
    ({ place }) => it.layer === 0 || !/\/src\/(host\/|index\.ts)/.test(place),
  );
  const touching = outsideHost.filter(({ specifier }) => /^node:|^@ctr\/kernel$|(^|\/)host\//.test(specifier));
  expect(touching.map(({ place, specifier }) => `${place}: ${specifier}`)).toEqual([]);
});

test("every sideways import that is allowed still exists and is sideways", () => {
  for (const pair of sidewaysImports.keys()) {
    const [from, to] = pair.split(" → ") as [string, string];
    expect(packages.get(from)?.layer, pair).toBe(packages.get(to)?.layer);
    expect(packages.get(from)?.dependencies, pair).toContain(`@ctr/${to}`);
  }
});

test("the root tsconfig builds every package", () => {
  const { references } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
  const built = references.map((it: { path: string }) => it.path.replace("packages/", ""));
  expect(built.sort()).toEqual([...packages.keys()].sort());
});

test("the picture in docs/architecture.md shows every package in its layer", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const rows = [...page.matchAll(/^ *(\d) {2}([a-z]+) +((?:[a-z-]+(?: +|$))+)/gm)];
  const drawn = rows.map(([, layer, name, names]) => [Number(layer), name, names!.trim().split(/\s+/).sort()]);
  const declared = layerNames.map((name: string, layer: number) => [
    layer,
    name,
    all
      .filter((it) => it.layer === layer)
      .map((it) => it.folder)
      .sort(),
  ]);
  expect(drawn.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(declared);
});
