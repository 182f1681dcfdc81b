import type { LayerSource, Waste, WastedPath } from "../reuse-report.ts";
import { isStoredAgain, type TreeChange } from "../tree-change.ts";
import { compareTrees } from "./compare-trees.ts";
import { isUnpacked } from "./measure-layer.ts";

export interface LayerWaste {
  readonly waste: Waste;
  readonly paths: readonly WastedPath[];
  /** Names that are gone, of files that have several, in this layer and all below. */
  readonly goneNames: ReadonlyMap<string, number>;
}

/**
 * What a layer makes useless of the layers below, and what of them it ships again. The same for every
 * image, as what lies below a layer is always the same.
 *
 * @param chain  The layer and all below it, newest first.
 * @param goneNames  Those of the layer below.
 * @param most  Paths to tell; the others are only counted.
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`
 */
export async function findWaste(
  chain: readonly [LayerSource, ...LayerSource[]],
  o: {
    readonly goneNames: ReadonlyMap<string, number>;
    readonly most: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<LayerWaste> {
  const [layer, ...below] = chain;
  const unpacked = chain.filter(isUnpacked);
  if (below.length === 0 || unpacked.length < chain.length)
    return { waste: noWaste, paths: [], goneNames: o.goneNames };
  const chainIdOf = new Map(unpacked.map(({ directory, chainId }) => [directory, chainId]));
  const sums = { copied: { files: 0, bytes: 0 }, replaced: { files: 0, bytes: 0 }, deleted: { files: 0, bytes: 0 } };
  const goneNames = new Map(o.goneNames);
  const paths: WastedPath[] = [];
  const after = unpacked.map(({ directory }) => directory);
  for await (const change of compareTrees({ before: after.slice(1), after, signal: o.signal })) {
    const kind = kindOf(change);
    if (kind === undefined) continue;
    const bytes = kind === "copied" ? change.copiedBytes : hiddenBytes(change, goneNames);
    sums[kind].files++;
    sums[kind].bytes += bytes;
    if (bytes === 0) continue;
    const source = kind === "copied" ? change.after! : change.before!;
    paths.push({ kind, path: change.path, bytes, by: layer.chainId, of: chainIdOf.get(source.layer)! });
    if (paths.length > 4 * o.most) keepLargest(paths, o.most);
  }
  keepLargest(paths, o.most);
  return { waste: sums, paths, goneNames };
}

export const noWaste: Waste = {
  copied: { files: 0, bytes: 0 },
  replaced: { files: 0, bytes: 0 },
  deleted: { files: 0, bytes: 0 },
};

export function keepLargest(paths: WastedPath[], most: number): void {
  paths.sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  paths.length = Math.min(paths.length, most);
}

function kindOf(change: TreeChange): keyof Waste | undefined {
  if (isStoredAgain(change)) return "copied";
  if (change.before?.type !== "file") return undefined;
  return change.kind === "deleted" ? "deleted" : "replaced";
}

/** Content is hidden when the last name of its file is, which may be some layers after the first. */
function hiddenBytes({ before }: TreeChange, goneNames: Map<string, number>): number {
  const { inode, links, size } = before!;
  if (links < 2) return size;
  const gone = (goneNames.get(inode) ?? 0) + 1;
  goneNames.set(inode, gone);
  return gone === links ? size : 0;
}
