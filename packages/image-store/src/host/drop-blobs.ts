import { open } from "node:fs/promises";
import type { Digest } from "@ctr/oci";
import { madeAgain, type Recipe } from "./blobs.ts";
import { blockBytes, removeBlobFiles } from "./collect.ts";
import { blobPath, type Context } from "./context.ts";
import { all, durableTransaction, one, run, transaction } from "./database.ts";

//  A layer is there twice: unpacked, and packed as it came or as it was made. Where it was made here, the second can be
//  made again from the first:
//
//     directory ── archive ── compressor ──▶ the very same bytes?  yes: drop them and note the recipe
//                                                                  no:  another's compressor, kept and noted as that
//
//  A blob is dropped only after this was done once and compared byte for byte.

/** `drop`: blobs that can be made again from their layers are not kept. */
export type BlobChoice = "keep" | "drop";

export function blobChoice(context: Context): BlobChoice {
  const row = one(context.database, "SELECT value FROM image_setting WHERE name = 'blobs'");
  return row?.value === "drop" ? "drop" : "keep";
}

export function chooseBlobs(context: Context, choice: BlobChoice): void {
  const sql = "INSERT OR REPLACE INTO image_setting VALUES ('blobs', ?)";
  if (blobChoice(context) !== choice) transaction(context.database, () => run(context.database, sql, choice));
}

export interface Dropped {
  readonly blobs: readonly Digest[];
  /** Bytes on disk. */
  readonly reclaimed: number;
}

/**
 * Drop the blobs of layers that can be made again from their directories. Each is tried once; what another program
 * packed shows that in its first bytes and is kept.
 */
export async function dropBlobs(context: Context, o: { readonly signal?: AbortSignal } = {}): Promise<Dropped> {
  if (context.blobMaker === undefined) return { blobs: [], reclaimed: 0 };
  for (const { digest, diffId, size } of untried(context)) {
    o.signal?.throwIfAborted();
    const recipe = await recipeOf(context, { digest, diffId, size });
    if (recipe === undefined) continue; // gone meanwhile
    const sql = "INSERT OR REPLACE INTO image_recipe VALUES (?, ?, ?, ?)";
    transaction(context.database, () => run(context.database, sql, digest, diffId, size, recipe));
  }
  return dropKnown(context, { leased: true });
}

/**
 * Drop the blobs whose recipe is known: those that were made again for a push or a save, once they are not used.
 *
 * @param o.leased  Also those that this handle has leased.
 */
export async function dropKnown(context: Context, o: { readonly leased?: boolean } = {}): Promise<Dropped> {
  const { database, owner } = context;
  const blobs = durableTransaction(database, () => {
    if (o.leased)
      run(database, "DELETE FROM image_lease WHERE owner = ? AND digest IN (SELECT digest FROM image_recipe)", owner);
    return all(
      database,
      `DELETE FROM image_blob WHERE digest IN (
         SELECT digest FROM image_recipe JOIN image_layer USING (diff_id) WHERE recipe <> '')
       AND digest NOT IN (SELECT digest FROM image_lease) RETURNING digest`,
    ).map((row) => row.digest as Digest);
  });
  return { blobs, reclaimed: await removeBlobFiles(context, blobs) };
}

/** Make every dropped blob again, for a store that is to keep them. */
export async function remakeAll(
  context: Context,
  make: (digest: Digest) => Promise<unknown>,
): Promise<readonly Digest[]> {
  const rows = all(
    context.database,
    "SELECT digest FROM image_recipe WHERE recipe <> '' AND digest NOT IN (SELECT digest FROM image_blob)",
  );
  for (const { digest } of rows) await make(digest as Digest);
  return rows.map((row) => row.digest as Digest);
}

interface Candidate {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly size: number;
}

/** Blobs of unpacked layers of images, that nobody has tried to make again. */
function untried(context: Context): readonly Candidate[] {
  const rows = all(
    context.database,
    `SELECT DISTINCT image_blob.digest, image_blob.size, diff_ids, position FROM image_variant
     JOIN image_link ON parent = manifest JOIN image_blob ON image_blob.digest = child
     WHERE position > 0 AND image_blob.digest NOT IN (SELECT digest FROM image_recipe)`,
  );
  return rows.flatMap(({ digest, size, diff_ids, position }): Candidate[] => {
    const diffId = (JSON.parse(diff_ids as string) as Digest[])[(position as number) - 1];
    const sql = "SELECT 1 FROM image_layer WHERE diff_id = ?";
    if (diffId === undefined || one(context.database, sql, diffId) === undefined) return [];
    return [{ digest: digest as Digest, size: size as number, diffId }];
  });
}

/** The recipe that makes a blob, "" when none does, undefined when it cannot be told. */
async function recipeOf(context: Context, { digest, diffId, size }: Candidate): Promise<string | undefined> {
  const path = blobPath(context, digest);
  if (blockBytes(path) === 0) return undefined;
  for (const recipe of await context.blobMaker!.recipes())
    try {
      if (await isMadeSo(context, path, { recipe, diffId, size })) return recipe;
    } catch {
      return undefined; // a layer that no archive can tell of, or removed meanwhile
    }
  return "";
}

async function isMadeSo(context: Context, path: string, recipe: Recipe): Promise<boolean> {
  await using file = await open(path);
  let offset = 0;
  for await (const chunk of madeAgain(context, recipe)) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(chunk.length), position: offset });
    if (bytesRead !== chunk.length || buffer.compare(chunk) !== 0) return false;
    offset += chunk.length;
  }
  return offset === recipe.size && (await file.stat()).size === offset;
}
