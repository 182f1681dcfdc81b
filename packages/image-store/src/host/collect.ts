import { lstatSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Digest } from "@ctr/oci";
import { blobPath, type Context, temporaryPath } from "./context.ts";
import { all, durableTransaction, one, run, transaction } from "./database.ts";
import { discard } from "./layers.ts";
import { writeLayoutIndex } from "./layout.ts";
import { isAlive } from "./owner.ts";

/** A lease of a process that lives longer than any pull takes: it forgot, or failed and went on. */
const leaseMilliseconds = 24 * 60 * 60 * 1000;

export interface Collected {
  readonly blobs: readonly Digest[];
  /** Chain ids. */
  readonly layers: readonly Digest[];
  /** Bytes on disk. */
  readonly reclaimed: number;
}

// Everything reachable from an image's name, from a lease of running work or from a container's hold
// lives; mark and sweep are one statement each. Rows go first, files after the commit: a crash in
// between leaves files that nothing lists, which `housekeeping` finds.

const liveBlobs = `
  live_blob(digest) AS (
    SELECT digest FROM image_target UNION SELECT digest FROM image_lease
    UNION SELECT child FROM image_link JOIN live_blob ON parent = digest)`;

const liveLayers = `
  live_layer(chain_id) AS (
    SELECT chain_id FROM image_variant JOIN live_blob ON manifest = digest WHERE chain_id IS NOT NULL
    UNION SELECT digest FROM image_lease UNION SELECT chain_id FROM image_hold
    UNION SELECT chain_id FROM image_layer JOIN image_recipe USING (diff_id)
      JOIN live_blob ON live_blob.digest = image_recipe.digest
      WHERE recipe <> '' AND image_recipe.digest NOT IN (SELECT digest FROM image_blob)
    UNION SELECT image_layer.parent FROM image_layer JOIN live_layer USING (chain_id) WHERE image_layer.parent IS NOT NULL)`;

/**
 * Drop what nothing reaches.
 *
 * @param before  Runs first, in the same transaction: whatever takes away names and targets.
 */
export async function collect(context: Context, before: () => void = () => {}): Promise<Collected> {
  const collected = durableTransaction(context.database, () => {
    before();
    dropDeadLeases(context);
    const result = { ...sweepLayers(context), ...sweepBlobs(context) };
    writeLayoutIndex(context);
    return result;
  });
  const blobBytes = await removeBlobFiles(context, collected.blobs);
  await removeUnfinished(context, "removing");
  const { layerBytes, ...ids } = collected;
  return { ...ids, reclaimed: blobBytes + layerBytes };
}

export function dropDeadLeases(context: Context): void {
  run(context.database, "DELETE FROM image_lease WHERE taken_at < ?", Date.now() - leaseMilliseconds);
  for (const { owner } of all(context.database, "SELECT DISTINCT owner FROM image_lease"))
    if (!isAlive(owner as string)) run(context.database, "DELETE FROM image_lease WHERE owner = ?", owner as string);
}

function sweepLayers(context: Context): { readonly layers: readonly Digest[]; readonly layerBytes: number } {
  const rows = all(
    context.database,
    `WITH RECURSIVE ${liveBlobs}, ${liveLayers}
     DELETE FROM image_layer WHERE chain_id NOT IN (SELECT chain_id FROM live_layer) RETURNING chain_id, cache_id, size`,
  );
  for (const { cache_id } of rows)
    run(context.database, "INSERT INTO image_unfinished VALUES (?, ?, 'removing')", cache_id as string, context.owner);
  return {
    layers: rows.map((row) => row.chain_id as Digest),
    layerBytes: rows.reduce((sum, row) => sum + (row.size as number), 0),
  };
}

function sweepBlobs(context: Context): { readonly blobs: readonly Digest[] } {
  const rows = all(
    context.database,
    `WITH RECURSIVE ${liveBlobs}
     DELETE FROM image_blob WHERE digest NOT IN (SELECT digest FROM live_blob) RETURNING digest`,
  );
  run(
    context.database,
    `WITH RECURSIVE ${liveBlobs} DELETE FROM image_recipe WHERE digest NOT IN (SELECT digest FROM live_blob)`,
  );
  run(context.database, "DELETE FROM image_repo_digest WHERE target NOT IN (SELECT digest FROM image_target)");
  run(context.database, "DELETE FROM image_link WHERE parent NOT IN (SELECT digest FROM image_blob)");
  run(context.database, "DELETE FROM image_variant WHERE manifest NOT IN (SELECT digest FROM image_blob)");
  return { blobs: rows.map((row) => row.digest as Digest) };
}

/**
 * Remove the files of blobs that have no row. Moved away under the write lock, since another process
 * may be writing the same blob again just now; deleted after it, since that may take long.
 *
 * @returns bytes on disk that they took
 */
export async function removeBlobFiles(context: Context, digests: readonly Digest[]): Promise<number> {
  if (digests.length === 0) return 0;
  const moved = transaction(context.database, () =>
    digests
      .filter((digest) => one(context.database, "SELECT 1 FROM image_blob WHERE digest = ?", digest) === undefined)
      .map((digest) => moveAway(context, digest)),
  );
  let bytes = 0;
  for (const path of moved) {
    if (path === undefined) continue;
    bytes += blockBytes(path);
    await rm(path, { recursive: true, force: true });
  }
  return bytes;
}

/** Bytes that a file takes on disk; 0 when it is not there. @see stat(2): st_blocks counts 512 bytes each */
export function blockBytes(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

function moveAway(context: Context, digest: Digest): string | undefined {
  const path = temporaryPath(context);
  try {
    renameSync(blobPath(context, digest), path);
    return path;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Remove layer directories that are not, or no more, in the store: our own, and those whose process is gone. */
export async function removeUnfinished(context: Context, work: "adding" | "removing"): Promise<number> {
  const rows = all(context.database, "SELECT cache_id, owner FROM image_unfinished WHERE work = ?", work);
  let removed = 0;
  for (const { cache_id, owner } of rows) {
    const isOurs = work === "removing" && owner === context.owner;
    if (!isOurs && (isAlive(owner as string) || !takeOver(context, cache_id as string, owner as string))) continue;
    await discard(context, cache_id as string);
    removed++;
  }
  return removed;
}

/** One alone removes a directory: two would take each other's files away. */
function takeOver(context: Context, cacheId: string, owner: string): boolean {
  const sql = "UPDATE image_unfinished SET owner = ?, work = 'removing' WHERE cache_id = ? AND owner = ?";
  return run(context.database, sql, context.owner, cacheId, owner) > 0;
}
