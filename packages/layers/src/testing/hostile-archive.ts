import type { RawEntry } from "./raw-archive.ts";
import { rawArchive } from "./raw-archive.ts";

/**
 * What is in a directory, by path: `directory`, `file TEXT`, `symlink TARGET`, `fifo`, `character 1:3`,
 * `block 7:200`, and what overlay makes of them, `whiteout` and `directory opaque`. `×2` at the end of a
 * file says how many names it has. "." stands only for a top that is opaque.
 */
export type Tree = Readonly<Record<string, string>>;

/** An archive, or one cut into two layers, that tries to do harm, and the only two things that may come of it. */
export interface HostileArchive {
  readonly name: string;
  readonly why: string;
  /** Lowest first. */
  readonly layers: readonly Uint8Array[];
  /** What each layer's own directory holds afterwards; "refused": the last layer must be an error. */
  readonly expect: "refused" | readonly Tree[];
}

/** One row of the corpus, before it is made into archives of one layer and of two. */
export interface Attempt {
  readonly name: string;
  readonly why: string;
  /** What prepares the attack: a layer of its own in the second archive. */
  readonly before?: readonly RawEntry[];
  readonly entries: readonly RawEntry[] | Uint8Array;
  readonly expect: "refused" | Tree;
  /** When `before` is the layer below instead: what it is, and what the upper layer is then. Default: as with one layer. */
  readonly split?: { readonly lower: Tree; readonly upper: "refused" | Tree };
}

/** The two archives of an attempt. */
export function* archivesOf(attempt: Attempt): Generator<HostileArchive, void> {
  const { name, why, before = [], entries, expect, split } = attempt;
  const whole = entries instanceof Uint8Array ? entries : rawArchive(...before, ...entries);
  yield { name, why, layers: [whole], expect: expect === "refused" ? expect : [expect] };
  const below = split === undefined ? occupied : rawArchive(...before);
  const upper = split === undefined || entries instanceof Uint8Array ? whole : rawArchive(...entries);
  const result = split?.upper ?? expect;
  yield {
    name: `${name}, over two layers`,
    why,
    layers: [below, upper],
    expect: result === "refused" ? result : [split?.lower ?? occupiedTree, result],
  };
}

// For attacks that need no preparation: their names are taken in the layer below.
const occupied = rawArchive({ name: "x", body: "below" }, { name: "d/", flag: "5" }, { name: "d/f", body: "below" });
const occupiedTree: Tree = { x: "file below", d: "directory", "d/f": "file below" };

/** `leaf` at a path, and the directories on its way. */
export function treeAt(path: readonly string[], leaf: string): Tree {
  const tree: Record<string, string> = {};
  for (let i = 1; i < path.length; i++) tree[path.slice(0, i).join("/")] = "directory";
  if (path.length > 0 || leaf !== "directory") tree[path.join("/") || "."] = leaf;
  return tree;
}

/** What an overlay mount of the layers shows, lowest first. */
export function mergeTrees(trees: readonly Tree[]): Tree {
  const merged = new Map<string, string>();
  const forget = (path: string): void => {
    for (const name of merged.keys()) if (name.startsWith(`${path}/`)) merged.delete(name);
  };
  for (const tree of trees)
    for (const [path, what] of Object.entries(tree)) {
      if (path === ".") continue; // overlay does not ask the top
      if (what !== "directory" || merged.get(path) !== "directory") forget(path);
      if (what === "whiteout") merged.delete(path);
      else merged.set(path, what === "directory opaque" ? "directory" : what);
    }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}
