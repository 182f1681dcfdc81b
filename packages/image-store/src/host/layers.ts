import type { Digest } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { StoredLayer } from "../stored-image.ts";
import { type Context, overlayDirectory } from "./context.ts";
import { all, one, type Row, run, transaction } from "./database.ts";
import { ioError } from "./durable.ts";

/** Remove a layer directory that no row of `image_layer` names. */
export async function discard(context: Context, cacheId: string): Promise<void> {
  try {
    await context.layerDirectories.removeLayerDirectory({ overlayRoot: overlayDirectory(context), cacheId });
  } catch (error) {
    throw ioError(`removing layer directory ${cacheId}`, error);
  }
  run(context.database, "DELETE FROM image_unfinished WHERE cache_id = ?", cacheId);
}

export function findLayer(context: Context, chainId: Digest): StoredLayer | undefined {
  const row = one(context.database, "SELECT * FROM image_layer WHERE chain_id = ?", chainId);
  return row === undefined ? undefined : layerOf(row);
}

/** Every layer, each after the one below it. */
export function listLayers(context: Context): readonly StoredLayer[] {
  return all(
    context.database,
    `WITH RECURSIVE tree(chain_id, depth) AS (
       SELECT chain_id, 0 FROM image_layer WHERE parent IS NULL OR parent NOT IN (SELECT chain_id FROM image_layer)
       UNION ALL SELECT image_layer.chain_id, depth + 1 FROM image_layer JOIN tree ON image_layer.parent = tree.chain_id)
     SELECT image_layer.* FROM tree JOIN image_layer USING (chain_id) ORDER BY depth, chain_id`,
  ).map(layerOf);
}

export function requireLayer(context: Context, chainId: Digest): StoredLayer {
  const layer = findLayer(context, chainId);
  if (layer === undefined)
    throw new ImageStoreError(
      "ERR_LAYER_NOT_FOUND",
      `layer ${chainId} is not unpacked in the store: the image is incomplete; pull it again`,
    );
  return layer;
}

/** A layer and all below it, newest first. @throws {ImageStoreError} `ERR_LAYER_NOT_FOUND` */
export function layerChain(context: Context, chainId: Digest): readonly StoredLayer[] {
  requireLayer(context, chainId);
  return all(
    context.database,
    `WITH RECURSIVE chain(chain_id, depth) AS (
       VALUES (?, 0) UNION ALL
       SELECT layer.parent, depth + 1 FROM chain JOIN image_layer AS layer USING (chain_id) WHERE layer.parent IS NOT NULL)
     SELECT image_layer.* FROM chain JOIN image_layer USING (chain_id) ORDER BY depth`,
    chainId,
  ).map(layerOf);
}

/** Cache ids of a layer and all below it, newest first: the parents of whatever is put on top. @throws {ImageStoreError} `ERR_LAYER_NOT_FOUND` */
export function overlayParents(context: Context, chainId: Digest): readonly string[] {
  return layerChain(context, chainId).map((layer) => layer.cacheId);
}

/**
 * Keep a layer, and all below it, for as long as `holder` wants: a container names itself here before
 * it puts its writable layer on top.
 *
 * @throws {ImageStoreError} `ERR_LAYER_NOT_FOUND`
 */
export function hold(context: Context, o: { readonly chainId: Digest; readonly holder: string }): void {
  transaction(context.database, () => {
    requireLayer(context, o.chainId);
    run(context.database, "INSERT OR IGNORE INTO image_hold VALUES (?, ?)", o.holder, o.chainId);
  });
}

/** Let go of all that `holder` keeps. The layers stay until the next removal or prune. */
export function release(context: Context, holder: string): void {
  run(context.database, "DELETE FROM image_hold WHERE holder = ?", holder);
}

function layerOf(row: Row): StoredLayer {
  return {
    chainId: row.chain_id as Digest,
    diffId: row.diff_id as Digest,
    cacheId: row.cache_id as string,
    size: row.size as number,
    ...(row.parent === null ? {} : { parent: row.parent as Digest }),
  };
}
