import { setImmediate } from "node:timers/promises";
import { encodeName } from "@ctr/layers";
import type { TreeChange } from "../tree-change.ts";
import { differences, factsOf, inodeOf } from "./compare-files.ts";
import { type Found, isSamePart, lookUp, namesIn, OpenLayers, type Part, topOf } from "./layer-stack.ts";

//     before   B  S2  S1        layers that both have at the bottom show the same, whatever is in them:
//     after    A  S2  S1        only names that A or B holds can differ
//
//  The same holds for every directory on the way: usr/lib merged of A, S2, S1 against S2, S1 needs a look
//  at the names in A's usr/lib. So one file changed over a gigabyte costs one file.

export interface CompareTreesOptions {
  /** Unpacked layers, newest first; none is an empty tree. A layer that both have must be written alike. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * What differs between two stacks of layers as overlay shows them, in the order of the names' bytes,
 * directories before what is in them. The layers must not change meanwhile.
 *
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`; the signal's reason
 */
export async function* compareTrees(o: CompareTreesOptions): AsyncGenerator<TreeChange, void, undefined> {
  using layers = new OpenLayers();
  const before = topOf(o.before.map((layer) => layers.open(layer)));
  const after = topOf(o.after.map((layer) => layers.open(layer)));
  yield* new Comparison(o.signal).run(before, after);
}

interface Frame {
  readonly path: string;
  readonly before: readonly Part[];
  readonly after: readonly Part[];
  /** What is still to be compared, last first. */
  readonly names: string[];
}

class Comparison {
  readonly #signal: AbortSignal | undefined;
  /** Files of several names that were counted already. */
  readonly #added: Set<string> = new Set();
  readonly #copied: Set<string> = new Set();
  /** How many names are gone of a file that has several. */
  readonly #removed: Map<string, number> = new Map();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  async *run(before: Found | undefined, after: Found | undefined): AsyncGenerator<TreeChange, void, undefined> {
    const frames: Frame[] = [];
    const enter = (path: string, one?: Found, other?: Found): void => {
      const frame = enterDirectory(path, one?.parts ?? [], other?.parts ?? []);
      if (frame.names.length > 0) frames.push(frame);
    };
    const top = await this.#compare("/", before, after);
    if (top !== undefined) yield top;
    enter("", before, after);
    for (let count = 1, frame = frames.at(-1); frame !== undefined; count++, frame = frames.at(-1)) {
      this.#signal?.throwIfAborted();
      if (count % 256 === 0) await setImmediate();
      const name = frame.names.pop();
      if (name === undefined) {
        frames.pop();
        continue;
      }
      const path = `${frame.path}/${name}`;
      const [was, is] = [lookUp(frame.before, name), lookUp(frame.after, name)];
      const change = await this.#compare(path, was, is);
      if (change !== undefined) yield change;
      enter(path, was, is);
    }
  }

  async #compare(path: string, before: Found | undefined, after: Found | undefined): Promise<TreeChange | undefined> {
    if (before === undefined) return after === undefined ? undefined : this.#describe("added", path, before, after);
    if (after === undefined) return this.#describe("deleted", path, before, after);
    if (isSamePart(before, after)) return undefined;
    const differs = await differences(before, after, this.#signal);
    if (differs.length > 0) return this.#describe("changed", path, before, after, differs);
    const isCopy = before.stat.isFile() && inodeOf(before.stat) !== inodeOf(after.stat);
    return isCopy ? this.#describe("copied", path, before, after) : undefined;
  }

  #describe(
    kind: TreeChange["kind"],
    path: string,
    before: Found | undefined,
    after: Found | undefined,
    differs: TreeChange["differs"] = [],
  ): TreeChange {
    const isNew = kind === "added" || differs[0] === "type" || differs.includes("content");
    const isGone = kind === "deleted" || (isNew && kind === "changed");
    const isCopy = kind !== "added" && !isGone && inodeOf(before!.stat) !== inodeOf(after!.stat);
    return {
      kind,
      path,
      ...(before === undefined ? {} : { before: factsOf(before) }),
      ...(after === undefined ? {} : { after: factsOf(after) }),
      differs,
      addedBytes: isNew && isFirst(this.#added, after) ? bytesOf(after) : 0,
      removedBytes: isGone && this.#isLast(before) ? bytesOf(before) : 0,
      copiedBytes: isCopy && isFirst(this.#copied, after) ? bytesOf(after) : 0,
    };
  }

  #isLast(file: Found | undefined): boolean {
    if (file === undefined || file.stat.nlink < 2n) return true;
    const inode = inodeOf(file.stat);
    const gone = (this.#removed.get(inode) ?? 0) + 1;
    this.#removed.set(inode, gone);
    return BigInt(gone) === file.stat.nlink;
  }
}

function isFirst(seen: Set<string>, file: Found | undefined): boolean {
  if (file === undefined || file.stat.nlink < 2n) return true;
  const inode = inodeOf(file.stat);
  if (seen.has(inode)) return false;
  seen.add(inode);
  return true;
}

const bytesOf = (file: Found | undefined): number => (file?.stat.isFile() ? Number(file.stat.size) : 0);

function enterDirectory(path: string, before: readonly Part[], after: readonly Part[]): Frame {
  let shared = 0;
  const most = Math.min(before.length, after.length);
  while (shared < most && isSamePart(before.at(-1 - shared)!, after.at(-1 - shared)!)) shared++;
  const names = new Set<string>();
  for (const part of [...before.slice(0, before.length - shared), ...after.slice(0, after.length - shared)])
    for (const name of namesIn(part)) names.add(name);
  return { path, before, after, names: sortBackwards([...names]) };
}

/** By their bytes, last first. */
function sortBackwards(names: string[]): string[] {
  const bytes = new Map(names.map((name) => [name, encodeName(name)]));
  return names.sort((a, b) => Buffer.compare(bytes.get(b)!, bytes.get(a)!));
}
