import { readdirSync } from "node:fs";
import { listXattrs } from "@ctr/kernel";
import { decodeName, encodeName } from "@ctr/plan";
import type { OverlayXattrs } from "../layer-steps.ts";
import { statBelow } from "./stat-below.ts";
import { hasOpaqueMark, isOpaque, isWhiteout, readXattrs } from "./tree-members.ts";
import { walkTree } from "./walk-tree.ts";

export interface LayerChange {
  /** Added, changed (or a directory in which something changed), deleted. */
  readonly kind: "A" | "C" | "D";
  /** With a slash at the start, as the container has it. */
  readonly path: string;
}

export interface ListChangesOptions {
  readonly upper: string;
  /** The layers below, newest first. */
  readonly lowers: readonly string[];
  readonly overlayXattrs?: OverlayXattrs;
  readonly signal?: AbortSignal;
}

/**
 * What a container changed, directories before what is in them. Reads the upper directory, and of the
 * lower ones only what has the same names.
 * @throws {LayerError} `ERR_LAYERS_SOURCE`
 */
export async function* listChanges(options: ListChangesOptions): AsyncGenerator<LayerChange, void> {
  const { upper, lowers, overlayXattrs = "trusted", signal } = options;
  const below: (readonly string[])[] = []; // by depth: the directories that are merged into the one visited
  for (const visit of walkTree(upper)) {
    signal?.throwIfAborted();
    const path = `/${visit.name}`;
    const isTop = visit.depth === 0;
    if (isWhiteout(visit.stat)) {
      yield { kind: "D", path };
      continue;
    }
    const found = isTop
      ? { exists: true, directories: lowers }
      : lookUp(below[visit.depth - 1]!, lastPart(visit.name), overlayXattrs);
    if (!isTop) yield { kind: found.exists ? "C" : "A", path };
    if (!visit.stat.isDirectory()) continue;
    const opaque = isOpaque(visit, readXattrs(visit), overlayXattrs);
    below[visit.depth] = opaque ? [] : found.directories;
    if (opaque)
      for (const name of hidden(found.directories, visit.path, overlayXattrs))
        yield { kind: "D", path: `${isTop ? "" : path}/${name}` };
  }
}

// The lower layers' entries of one name, as overlay merges them: the first that is no directory, or an opaque one, ends
// the search.
function lookUp(
  directories: readonly string[],
  name: string,
  overlay: OverlayXattrs,
): { exists: boolean; directories: string[] } {
  const found: string[] = [];
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    const stat = statBelow(path);
    if (stat === undefined) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) return { exists: true, directories: found };
    found.push(path);
    if (hasOpaqueMark(listXattrs({ path }), overlay)) break;
  }
  return { exists: found.length > 0, directories: found };
}

// What an opaque directory hides and does not hold again itself.
function hidden(directories: readonly string[], upper: string, overlay: OverlayXattrs): string[] {
  const held = new Set(namesIn(upper));
  const names = new Set(directories.flatMap(namesIn));
  return [...names].filter((name) => !held.has(name) && lookUp(directories, name, overlay).exists).sort();
}

function namesIn(directory: string): string[] {
  return readdirSync(Buffer.from(encodeName(directory)), { encoding: "buffer" }).map(decodeName);
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
