// The kernel's own overlay is the oracle: both stacks are mounted, both trees read, and compared by force.
import { type BigIntStats, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { mount } from "@ctr/overlayfs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Aspect, compareTrees, isStoredAgain, reportReuse, summarizeChanges, wasteBytes } from "../src/index.ts";
import { makeImage } from "./image.ts";
import { type Made, makeLayer, notRoot, temporary } from "./layer-on-disk.ts";

interface Seen {
  readonly stat: BigIntStats;
  readonly content: string;
}

/** Every name of a tree, "/" the top itself. */
function readTree(directory: string): Map<string, Seen> {
  const found = new Map<string, Seen>();
  const visit = (path: string): void => {
    const place = join(directory, path);
    const stat = lstatSync(place, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return; // overlay lists whiteouts of directories that it does not merge
    const content = stat.isFile() ? readFileSync(place, "latin1") : stat.isSymbolicLink() ? readlinkSync(place) : "";
    found.set(path, { stat, content });
    if (stat.isDirectory()) for (const name of readdirSync(place)) visit(join(path, name));
  };
  visit("/");
  return found;
}

/** What a mounted overlay of the layers, newest first, shows. An empty one at the bottom, as overlay wants two. */
function shown(lowers: readonly string[]): Map<string, Seen> {
  const place = temporary();
  const [empty, target] = [join(place, "empty"), join(place, "merged")];
  for (const directory of [empty, target]) mkdirSync(directory);
  using _ = mount({ lowers: [...lowers, empty], target });
  return readTree(target);
}

function aspects(before: Seen, after: Seen): Aspect[] {
  const [a, b] = [before.stat, after.stat];
  if ((a.mode & 0o170000n) !== (b.mode & 0o170000n)) return ["type"];
  const differs: Aspect[] = [];
  if (before.content !== after.content) differs.push(a.isFile() ? "content" : "target");
  if (a.mode !== b.mode) differs.push("mode");
  if (a.uid !== b.uid) differs.push("owner");
  if (a.mtimeNs !== b.mtimeNs) differs.push("time");
  return differs;
}

/** `changed /a: content mode`, for every path that differs. */
function expected(before: ReadonlyMap<string, Seen>, after: ReadonlyMap<string, Seen>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was === undefined) return [`added ${path}: `];
    if (is === undefined) return [`deleted ${path}: `];
    const differs = aspects(was, is);
    return differs.length === 0 ? [] : [`changed ${path}: ${differs.join(" ")}`];
  });
}

const contentBytes = (tree: ReadonlyMap<string, Seen>): number => {
  const files = new Map([...tree.values()].filter(({ stat }) => stat.isFile()).map(({ stat }) => [stat.ino, stat]));
  return files.values().reduce((sum, { size }) => sum + Number(size), 0);
};

const part = fc.constantFrom("a", "b", "c");
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const look = {
  path,
  mode: fc.constantFrom(0o644, 0o755),
  uid: fc.constantFrom(0, 7),
  time: fc.constantFrom(1, 2),
};
const name: fc.Arbitrary<Made> = fc.oneof(
  fc.record({ ...look, file: fc.constantFrom("", "one", "two", "three") }),
  fc.record({ ...look, directory: fc.constantFrom("plain" as const, "opaque" as const) }),
  fc.record({ path, symlink: fc.constantFrom("a", "b"), time: look.time }),
  fc.record({ path, whiteout: fc.constant(true as const) }),
);
const layer = fc.array(name, { maxLength: 12 });
const layers = fc.array(layer, { maxLength: 3 });

describe.skipIf(notRoot)("compareTrees and the kernel's overlay (needs root)", () => {
  test("see the same differences", { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(layers, layers, layers, async (ofBefore, ofAfter, ofBoth) => {
        const base = ofBoth.map((names) => makeLayer(names));
        const before = [...ofBefore.map((names) => makeLayer(names)), ...base];
        const after = [...ofAfter.map((names) => makeLayer(names)), ...base];
        if (before.length === 0 || after.length === 0) return; // an empty tree has no top to compare
        const [was, is] = [shown(before), shown(after)];
        const changes = await Array.fromAsync(compareTrees({ before, after }));
        const told = changes
          .filter(({ kind }) => kind !== "copied")
          .map(({ kind, path, differs }) => `${kind} ${path}: ${differs.join(" ")}`);
        expect(told.sort()).toEqual(expected(was, is).sort());

        const sum = summarizeChanges(changes);
        expect(contentBytes(was) + sum.addedBytes - sum.removedBytes).toBe(contentBytes(is));
        const again = [...is].filter(([path, { stat, content }]) => {
          const old = was.get(path);
          return stat.isFile() && old?.stat.isFile() && old.content === content && old.stat.ino !== stat.ino;
        });
        expect(
          changes
            .filter(isStoredAgain)
            .map((change) => change.path)
            .sort(),
        ).toEqual(again.map(([path]) => path).sort());
        expect(sum.copiedBytes).toBe(again.reduce((bytes, [, { stat }]) => bytes + Number(stat.size), 0));
      }),
      { numRuns: 150 },
    );
  });

  test("what an image ships is what it shows and what it wastes", { timeout: 300_000 }, async () => {
    let serial = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), async (layers) => {
        const image = makeImage(
          "random",
          layers.map((files) => ({ name: `random ${serial++}`, size: 1, files })),
        );
        const report = await reportReuse({ images: [image] });
        const shipped = report.layers.reduce((sum, { content }) => sum + content.bytes, 0);
        const visible = contentBytes(shown(image.layers.map(({ directory }) => directory!).reverse()));
        expect(visible + wasteBytes(report.images[0]!.waste)).toBe(shipped);
        expect(report.wasted.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(shipped - visible);
      }),
      { numRuns: 100 },
    );
  });
});
