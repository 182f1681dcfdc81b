import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { ImageStore, Removal } from "@ctr/image-store";
import { BuildCache } from "./cache-database.ts";
import { layerHolder } from "./seal-layer.ts";
import { removeDeadWorkspaces } from "./workspace.ts";

/**
 * Forget what builds did and remove the layers that nothing else keeps, and what builds left that died.
 *
 * @param o.unusedFor  Only steps that no build used for so many milliseconds; default 0: all.
 */
export async function pruneBuildCache(o: {
  readonly store: ImageStore;
  readonly database?: DatabaseSync;
  readonly unusedFor?: number;
}): Promise<Removal> {
  const { store, unusedFor = 0 } = o;
  using cache = new BuildCache(o.database ?? join(store.root, "ctr.db"));
  for (const holder of removeDeadWorkspaces(store.root)) store.release(holder);
  for (const chainId of cache.forget(Date.now() - unusedFor + 1)) store.release(layerHolder(chainId));
  return store.prune({ images: "none" });
}
