import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@ctr/oci";
import type { StoredLayer } from "../stored-image.ts";
import { bringToDisk } from "./add-layers.ts";
import { removeUnfinished } from "./collect.ts";
import { type Context, overlayDirectory } from "./context.ts";
import { all, durableTransaction, run } from "./database.ts";
import { linksTo } from "./layer-links.ts";
import { discard, findLayer } from "./layers.ts";

//  A layer is exchanged by giving its record another directory. The new one is unfinished work until the transaction
//  that names it, the old one from then on: whenever the process dies, one of them is the layer and the other goes.

/** A second copy of a layer, in a directory that belongs to no record. Thrown away unless it is adopted. */
export class Scratch implements AsyncDisposable {
  readonly cacheId: string;
  readonly diff: string;
  readonly #context: Context;
  #isAdopted = false;

  private constructor(context: Context, cacheId: string, diff: string) {
    this.#context = context;
    this.cacheId = cacheId;
    this.diff = diff;
  }

  /** @param parents  Cache ids of the layers below, newest first. */
  static async make(context: Context, parents: readonly string[]): Promise<Scratch> {
    const cacheId = randomBytes(32).toString("hex");
    run(context.database, "INSERT INTO image_unfinished VALUES (?, ?, 'adding')", cacheId, context.owner);
    const overlayRoot = overlayDirectory(context);
    const { diff } = await context.layerDirectories.createLayerDirectory({ overlayRoot, cacheId, parents });
    return new Scratch(context, cacheId, diff);
  }

  /** Let it be the layer from now on. False when the layer is gone or was exchanged meanwhile. */
  async adopt(layer: StoredLayer): Promise<boolean> {
    const context = this.#context;
    const [size] = await bringToDisk(context, [this]);
    this.#isAdopted = durableTransaction(context.database, () => {
      if (findLayer(context, layer.chainId)?.cacheId !== layer.cacheId) return false;
      const { database, owner } = context;
      run(database, "DELETE FROM image_unfinished WHERE cache_id = ?", this.cacheId);
      const sql = "UPDATE image_layer SET cache_id = ?, size = ? WHERE chain_id = ?";
      run(database, sql, this.cacheId, size!, layer.chainId);
      run(database, "INSERT OR REPLACE INTO image_unfinished VALUES (?, ?, 'removing')", layer.cacheId, owner);
      return true;
    });
    // A directory that is damaged may not say what its short name is.
    if (this.#isAdopted) for (const link of linksTo(context, layer.cacheId)) removeLink(context, link);
    await removeUnfinished(context, "removing");
    return this.#isAdopted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isAdopted) await discard(this.#context, this.cacheId);
  }
}

const above = `
  WITH RECURSIVE above(chain_id) AS (
    VALUES (?) UNION SELECT image_layer.chain_id FROM image_layer JOIN above ON image_layer.parent = above.chain_id)`;

/** Who holds a layer or one that lies upon it. */
export function holdersOf(context: Context, chainId: Digest): readonly string[] {
  const sql = `${above} SELECT DISTINCT holder FROM image_hold JOIN above USING (chain_id) ORDER BY holder`;
  return all(context.database, sql, chainId).map((row) => row.holder as string);
}

/** Blobs of a layer, and of what lies upon it, that were dropped. */
export function droppedAbove(context: Context, chainId: Digest): readonly Digest[] {
  const sql = `${above} SELECT DISTINCT digest FROM image_recipe JOIN image_layer USING (diff_id) JOIN above USING (chain_id)
    WHERE recipe <> '' AND digest NOT IN (SELECT digest FROM image_blob)`;
  return all(context.database, sql, chainId).map((row) => row.digest as Digest);
}

/** Take a layer, and what lies upon it, off the records. */
export async function dropLayer(context: Context, chainId: Digest): Promise<void> {
  const { database, owner } = context;
  durableTransaction(database, () => {
    const sql = `${above} SELECT chain_id, cache_id FROM image_layer JOIN above USING (chain_id)`;
    for (const { chain_id, cache_id } of all(database, sql, chainId)) {
      run(database, "DELETE FROM image_layer WHERE chain_id = ?", chain_id as string);
      run(database, "DELETE FROM image_hold WHERE chain_id = ?", chain_id as string);
      run(database, "INSERT OR REPLACE INTO image_unfinished VALUES (?, ?, 'removing')", cache_id as string, owner);
    }
    // What was dropped cannot be made again without its layer.
    run(
      database,
      `DELETE FROM image_recipe WHERE diff_id NOT IN (SELECT diff_id FROM image_layer)
       AND digest NOT IN (SELECT digest FROM image_blob)`,
    );
  });
  await removeUnfinished(context, "removing");
}

function removeLink(context: Context, link: string): void {
  rmSync(join(overlayDirectory(context), "l", link), { force: true });
}

/** `diff` directories of cache ids. */
export function diffDirectories(context: Context, cacheIds: readonly string[]): readonly string[] {
  return cacheIds.map((cacheId) => join(overlayDirectory(context), cacheId, "diff"));
}
