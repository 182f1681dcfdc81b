import { createHash } from "node:crypto";
import { createReadStream, lstatSync } from "node:fs";
import { type Digest, digestAlgorithm, makeDigest } from "@ctr/oci";
import { findRecipe, madeAgain, writeBlob } from "./blobs.ts";
import type { CheckOptions, Finding } from "./check.ts";
import { removeBlobFiles } from "./collect.ts";
import { blobPath, type Context } from "./context.ts";
import { all, one, run, transaction } from "./database.ts";

/** A blob whose file is not what its record says. */
export interface BadBlob {
  readonly problem: string;
  /** Of the file that was looked at; undefined when there was none. */
  readonly inode: number | undefined;
}

/** The blobs that are missing or damaged. */
export async function findBadBlobs(context: Context, o: CheckOptions): Promise<ReadonlyMap<Digest, BadBlob>> {
  const bad = new Map<Digest, BadBlob>();
  for (const { digest, size } of all(context.database, "SELECT digest, size FROM image_blob ORDER BY digest")) {
    o.signal?.throwIfAborted();
    const found = await examine(context, digest as Digest, size as number, o);
    if (found !== undefined && isRecorded(context, digest as Digest)) bad.set(digest as Digest, found);
  }
  return bad;
}

// Somebody else may have removed it since the list was made.
const isRecorded = (context: Context, digest: Digest): boolean =>
  one(context.database, "SELECT 1 FROM image_blob WHERE digest = ?", digest) !== undefined;

async function examine(context: Context, digest: Digest, size: number, o: CheckOptions): Promise<BadBlob | undefined> {
  const path = blobPath(context, digest);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return { problem: "its file is missing", inode: undefined };
  const inode = status.ino;
  if (!status.isFile()) return { problem: "it is no file", inode };
  if (status.size !== size) return { problem: `it has ${status.size} bytes, not ${size}`, inode };
  if (o.quick) return undefined;
  const found = await hashFile(path, digest, o.signal);
  return found === digest ? undefined : { problem: `its bytes have digest ${found}`, inode };
}

async function hashFile(path: string, digest: Digest, signal: AbortSignal | undefined): Promise<Digest | string> {
  const hash = createHash(digestAlgorithm(digest));
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk);
  } catch (error) {
    signal?.throwIfAborted();
    return `unknown: ${(error as Error).message}`; // a disk that fails
  }
  return makeDigest(digestAlgorithm(digest), hash.digest("hex"));
}

/** Report bad blobs, and take them off the records when that is wanted: the next pull fetches them. */
export async function* repairBlobs(
  context: Context,
  o: CheckOptions,
  bad: ReadonlyMap<Digest, BadBlob>,
): AsyncGenerator<Finding, void, undefined> {
  for (const [digest, { problem, inode }] of bad) {
    const finding = { about: "blob", subject: digest, problem } as const;
    if (!o.repair) yield finding;
    else if (await makeAgain(context, digest)) yield { ...finding, repaired: "made again from its layer" };
    else if (await forget(context, digest, inode))
      yield { ...finding, repaired: "taken off the records; pull the image again to have it back" };
  }
}

/** Write a layer's blob anew, if it was packed here. */
async function makeAgain(context: Context, digest: Digest): Promise<boolean> {
  const size = one(context.database, "SELECT size FROM image_blob WHERE digest = ?", digest)?.size as
    | number
    | undefined;
  const diffId = diffIdOf(context, digest);
  if (context.blobMaker === undefined || diffId === undefined || size === undefined) return false;
  const known = findRecipe(context, digest);
  for (const recipe of known === undefined ? await context.blobMaker.recipes() : [known.recipe])
    try {
      await writeBlob(context, madeAgain(context, { recipe, diffId, size }), { expected: { digest, size } });
      return true;
    } catch {
      // Another recipe, or another compressor's.
    }
  return false;
}

function diffIdOf(context: Context, blob: Digest): Digest | undefined {
  const row = one(
    context.database,
    `SELECT diff_ids, position FROM image_variant JOIN image_link ON parent = manifest WHERE child = ? AND position > 0`,
    blob,
  );
  return row === undefined ? undefined : (JSON.parse(row.diff_ids as string) as Digest[])[(row.position as number) - 1];
}

/** False when somebody has written the blob anew meanwhile. */
async function forget(context: Context, digest: Digest, inode: number | undefined): Promise<boolean> {
  const isSame = transaction(context.database, () => {
    if (lstatSync(blobPath(context, digest), { throwIfNoEntry: false })?.ino !== inode) return false;
    run(context.database, "DELETE FROM image_blob WHERE digest = ?", digest);
    return true;
  });
  if (isSame) await removeBlobFiles(context, [digest]);
  return isSame;
}
