import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Digest, makeDigest } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { StoredLayer } from "../stored-image.ts";
import { type Context, overlayDirectory, takeLease } from "./context.ts";
import { all, one, type Row, run, transaction } from "./database.ts";
import { ioError, syncDirectory } from "./durable.ts";
import { measureTree } from "./tree.ts";

export interface AddLayerOptions {
  readonly chainId: Digest;
  /** Absent for the oldest layer. It must be in the store. */
  readonly parentChainId?: Digest;
  readonly diffId: Digest;
  /** Writes the layer's files, and checks that the archive they come from has the diff id. */
  readonly fill: (diffDirectory: string) => Promise<void>;
}

/**
 * Add an unpacked layer, or return the one that is there already. It appears in one transaction, after
 * all of its files are on disk; until then it is only an unfinished directory that `housekeeping`
 * removes. When two processes add the same layer at once, the first to finish wins and both get its.
 *
 * @throws {ImageStoreError} `ERR_LAYER_CHAIN`, `ERR_LAYER_NOT_FOUND` for the parent, `ERR_IMAGE_STORE_NO_SPACE`; what `fill` throws
 */
export async function addLayer(context: Context, o: AddLayerOptions): Promise<StoredLayer> {
  checkChain(o);
  const cacheId = randomBytes(32).toString("hex");
  const present = transaction(context.database, () => begin(context, o, cacheId));
  if (present !== undefined) return present;
  const overlayRoot = overlayDirectory(context);
  try {
    const parents = o.parentChainId === undefined ? [] : overlayParents(context, o.parentChainId);
    const { directory, diff } = await context.layerDirectories.createLayerDirectory({ overlayRoot, cacheId, parents });
    await o.fill(diff);
    const size = await bringToDisk(context, directory);
    const layer = transaction(context.database, () => finish(context, o, cacheId, size));
    if (layer.cacheId !== cacheId) await discard(context, cacheId);
    return layer;
  } catch (error) {
    await discard(context, cacheId);
    throw ioError(`unpacking layer ${o.diffId}`, error);
  }
}

/** Returns the bytes that the layer takes. Its own name and its short one lie in directories above it. */
async function bringToDisk(context: Context, directory: string): Promise<number> {
  const overlayRoot = overlayDirectory(context);
  if (context.syncFileSystem !== undefined) {
    await context.syncFileSystem(overlayRoot);
    return measureTree(directory, { sync: false });
  }
  const size = await measureTree(directory, { sync: true });
  for (const path of [join(overlayRoot, "l"), overlayRoot]) syncDirectory(path);
  return size;
}

function checkChain(o: AddLayerOptions): void {
  const { parentChainId: parent, diffId } = o;
  const chainId =
    parent === undefined
      ? diffId
      : makeDigest("sha256", createHash("sha256").update(`${parent} ${diffId}`).digest("hex"));
  if (chainId !== o.chainId)
    throw new ImageStoreError(
      "ERR_LAYER_CHAIN",
      `layer ${diffId} on ${parent ?? "nothing"} has chain id ${chainId}, not ${o.chainId}`,
    );
}

/** Leases the parent before it is built upon: otherwise a prune could take it away meanwhile. */
function begin(context: Context, o: AddLayerOptions, cacheId: string): StoredLayer | undefined {
  const present = findLayer(context, o.chainId);
  takeLease(context, o.chainId);
  if (present !== undefined) return present;
  if (o.parentChainId !== undefined) {
    requireLayer(context, o.parentChainId);
    takeLease(context, o.parentChainId);
  }
  run(context.database, "INSERT INTO image_unfinished VALUES (?, ?, 'adding')", cacheId, context.owner);
  return undefined;
}

function finish(context: Context, o: AddLayerOptions, cacheId: string, size: number): StoredLayer {
  const present = findLayer(context, o.chainId);
  takeLease(context, o.chainId);
  if (present !== undefined) return present;
  const { chainId, parentChainId, diffId } = o;
  run(context.database, "DELETE FROM image_unfinished WHERE cache_id = ?", cacheId);
  run(
    context.database,
    "INSERT INTO image_layer VALUES (?, ?, ?, ?, ?)",
    chainId,
    parentChainId ?? null,
    diffId,
    cacheId,
    size,
  );
  return requireLayer(context, chainId);
}

/** Remove a layer directory that no row of `image_layer` names. */
export async function discard(context: Context, cacheId: string): Promise<void> {
  await context.layerDirectories.removeLayerDirectory({ overlayRoot: overlayDirectory(context), cacheId });
  run(context.database, "DELETE FROM image_unfinished WHERE cache_id = ?", cacheId);
}

export function findLayer(context: Context, chainId: Digest): StoredLayer | undefined {
  const row = one(context.database, "SELECT * FROM image_layer WHERE chain_id = ?", chainId);
  return row === undefined ? undefined : layerOf(row);
}

function requireLayer(context: Context, chainId: Digest): StoredLayer {
  const layer = findLayer(context, chainId);
  if (layer === undefined)
    throw new ImageStoreError(
      "ERR_LAYER_NOT_FOUND",
      `layer ${chainId} is not unpacked in the store; unpack the image first`,
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
