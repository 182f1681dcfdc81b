import { join } from "node:path";
import type { ImageStore, Removal } from "@ctr/image-store";
import type { Digest } from "@ctr/oci";
import { BuildCache } from "./cache-database.ts";
import { type CacheMountPlace, removeCacheMounts } from "./cache-mounts.ts";
import { buildCacheUsage, type CacheEntry, ownBytes } from "./cache-usage.ts";
import { layerHolder } from "./seal-layer.ts";
import { removeDeadWorkspaces } from "./workspace.ts";

/** What of a build cache may go. */
export interface PruneOptions {
  /** Only what no build used for so many milliseconds; default 0: all. */
  readonly unusedFor?: number;
  /** Stop when the cache takes no more than so many bytes: what was used longest ago goes first. Default 0. */
  readonly keepBytes?: number;
  /** Leave the steps whose layers are in an image: nothing is freed by forgetting them. Default false. */
  readonly onlyUnshared?: boolean;
}

/** What went away. `reclaimed` is of cache mounts as well. */
export interface PrunedCache extends Removal {
  /** Of the cache. */
  readonly entries: readonly CacheEntry[];
}

/**
 * Forget what builds did and remove the layers that nothing else keeps, and what builds left that died.
 */
export async function pruneBuildCache(o: PruneOptions & CacheMountPlace): Promise<PrunedCache> {
  const { store, unusedFor = 0, keepBytes = 0, onlyUnshared = false } = o;
  using cache = new BuildCache(o.database ?? join(store.root, "ctr.db"));
  removeDeadWorkspaces(store.root, (holder) => store.release(holder));
  const before = Date.now() - unusedFor + 1;
  const entries = chooseEntries(await buildCacheUsage(o), parentsOf(store), { before, keepBytes, onlyUnshared });
  if (unusedFor === 0 && keepBytes === 0 && !onlyUnshared)
    for (const chainId of cache.forget(before)) store.release(layerHolder(chainId)); // steps without a layer as well
  const layers = entries.flatMap(({ kind, id }) => (kind === "layer" ? [id as Digest] : []));
  cache.forgetLayers(layers);
  for (const chainId of layers) store.release(layerHolder(chainId));
  const names = new Set(entries.flatMap(({ kind, id }) => (kind === "mount" ? [id] : [])));
  const mounts = await removeCacheMounts({ ...o, filter: ({ name }) => names.has(name) });
  const removal = await store.prune({ images: "none" });
  const reclaimed = mounts.reduce((sum, { size }) => sum + size, removal.reclaimed);
  return { ...removal, reclaimed, entries };
}

const parentsOf = (store: ImageStore): ReadonlyMap<string, string | undefined> =>
  new Map(store.layers().map(({ chainId, parent }) => [chainId, parent]));

/**
 * What goes, in this order. A layer is needed as long as one above it is: it counts as used when that was, and goes
 * after it.
 */
export function chooseEntries(
  entries: readonly CacheEntry[],
  parents: ReadonlyMap<string, string | undefined>,
  o: { readonly before: number; readonly keepBytes: number; readonly onlyUnshared: boolean },
): CacheEntry[] {
  const lastUse = new Map<string, number>();
  for (const { id, lastUsedAt } of entries)
    for (let at: string | undefined = id; at !== undefined; at = parents.get(at))
      lastUse.set(at, Math.max(lastUse.get(at) ?? 0, lastUsedAt));
  const use = ({ id }: CacheEntry): number => lastUse.get(id)!;
  const candidates = entries
    .filter((entry) => !entry.isInUse && use(entry) < o.before && !(o.onlyUnshared && entry.isShared))
    .sort((a, b) => use(a) - use(b) || b.depth - a.depth);
  const chosen: CacheEntry[] = [];
  let bytes = ownBytes(entries);
  for (const entry of candidates) {
    if (o.keepBytes > 0 && bytes <= o.keepBytes) break;
    chosen.push(entry);
    if (!entry.isShared) bytes -= entry.bytes;
  }
  return chosen;
}
