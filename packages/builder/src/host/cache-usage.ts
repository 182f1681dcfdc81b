import { join } from "node:path";
import type { ImageStore } from "@ctr/image-store";
import { BuildCache } from "./cache-database.ts";
import { type CacheMountPlace, listCacheMounts } from "./cache-mounts.ts";
import { holderPrefix } from "./seal-layer.ts";

/** What the build cache keeps, and what it takes. Times in milliseconds since the epoch. */
export interface CacheEntry {
  /** What a step made, or the directory behind a `RUN --mount=type=cache`. */
  readonly kind: "layer" | "mount";
  /** Chain id of a layer, name of a mount. */
  readonly id: string;
  /** The instruction that made it, or the mount's own id. */
  readonly description: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** On disk. */
  readonly bytes: number;
  /** Also a layer of an image: nothing is freed as long as that is there. */
  readonly isShared: boolean;
  /** A container or a running build needs it. */
  readonly isInUse: boolean;
  /** Layers below it. */
  readonly depth: number;
}

/** All that the build cache keeps, what was used last first. */
export async function buildCacheUsage(o: CacheMountPlace): Promise<CacheEntry[]> {
  using cache = new BuildCache(o.database ?? join(o.store.root, "ctr.db"));
  return [...layerEntries(o.store, cache), ...(await mountEntries(o))].sort(
    (a, b) => b.lastUsedAt - a.lastUsedAt || b.depth - a.depth,
  );
}

function layerEntries(store: ImageStore, cache: BuildCache): CacheEntry[] {
  const usage = new Map(store.diskUsage().items.map((item) => [item.kind === "layer" ? item.id : "", item]));
  return cache.layers().flatMap(({ chainId, ...layer }): CacheEntry[] => {
    const item = usage.get(chainId);
    if (item === undefined) return []; // somebody cleared the store
    const isInUse = item.holders.some((holder) => !holder.startsWith(holderPrefix));
    const depth = store.layerChain(chainId).length;
    const { bytes, images } = item;
    return [{ kind: "layer", id: chainId, ...layer, bytes, isShared: images.length > 0, isInUse, depth }];
  });
}

async function mountEntries(o: CacheMountPlace): Promise<CacheEntry[]> {
  const mounts = await listCacheMounts(o);
  return mounts.map(({ name, id, size, createdAt, usedAt, isInUse }) => ({
    ...{ kind: "mount", id: name, description: `cached mount with id ${JSON.stringify(id)}` },
    ...{ createdAt, lastUsedAt: usedAt, bytes: size, isShared: false, isInUse, depth: 0 },
  }));
}

/** Bytes that the cache alone takes. */
export const ownBytes = (entries: readonly CacheEntry[]): number =>
  entries.reduce((sum, { bytes, isShared }) => sum + (isShared ? 0 : bytes), 0);
