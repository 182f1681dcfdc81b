import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestAlgorithm, makeDigest } from "@ctr/oci";
import { ImageStoreError, isImageStoreError } from "../image-store-error.ts";
import { blobPath, type Context, overlayDirectory, takeLease, temporaryPath } from "./context.ts";
import { one, run, transaction } from "./database.ts";
import { ioError, renameDurably } from "./durable.ts";

export type BlobSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface Blob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Bytes of a document that are read into memory unless the caller says otherwise. */
const defaultMaxBytes = 8 * 1024 * 1024;

const chunkBytes = 256 * 1024;

/**
 * Keep a blob. It is hashed while it is written and gets its name only when all of it is on disk and
 * is what was expected. Writing a blob that is there already repairs it, should it have been damaged.
 *
 * @param o.expected  Refuse anything else; more bytes than `size` are refused as they come.
 * @throws {ImageStoreError} `ERR_BLOB_DIGEST_MISMATCH`, `ERR_BLOB_SIZE_MISMATCH`, `ERR_IMAGE_STORE_NO_SPACE`
 */
export async function writeBlob(
  context: Context,
  source: BlobSource,
  o: { readonly expected?: Partial<Blob>; readonly signal?: AbortSignal } = {},
): Promise<Blob> {
  const temporary = temporaryPath(context);
  try {
    const blob = await writeVerified(temporary, source, o);
    transaction(context.database, () => {
      run(context.database, "INSERT OR REPLACE INTO image_blob VALUES (?, ?)", blob.digest, blob.size);
      takeLease(context, blob.digest);
      renameDurably(temporary, blobPath(context, blob.digest));
    });
    return blob;
  } catch (error) {
    await rm(temporary, { force: true });
    throw ioError("writing a blob", error);
  }
}

async function writeVerified(
  path: string,
  source: BlobSource,
  o: { readonly expected?: Partial<Blob>; readonly signal?: AbortSignal },
): Promise<Blob> {
  const { digest: expected, size: expectedSize } = o.expected ?? {};
  const algorithm = expected === undefined ? "sha256" : digestAlgorithm(expected);
  const hash = createHash(algorithm);
  let size = 0;
  let written = Promise.resolve();
  await using file = await open(path, "wx", 0o600);
  for await (const chunk of source instanceof Uint8Array ? [source] : source) {
    o.signal?.throwIfAborted();
    size += chunk.length;
    if (expectedSize !== undefined && size > expectedSize)
      throw sizeMismatch(expected, expectedSize, `more than ${expectedSize}`);
    hash.update(chunk);
    await written;
    written = file.appendFile(chunk); // goes on while the next chunk is fetched and hashed
    written.catch(() => {}); // reported by whoever waits for it, if the source does not fail first
  }
  await written;
  if (expectedSize !== undefined && size !== expectedSize) throw sizeMismatch(expected, expectedSize, String(size));
  const digest = makeDigest(algorithm, hash.digest("hex"));
  if (expected !== undefined && digest !== expected) throw digestMismatch(expected, digest);
  await file.sync();
  return { digest, size };
}

/**
 * All of a blob's bytes, verified. For documents; layers are read with `readBlobStream`.
 *
 * @param o.maxBytes  Refuse larger blobs; 8 MiB unless said otherwise.
 * @throws {ImageStoreError} `ERR_BLOB_NOT_FOUND`, `ERR_BLOB_TOO_LARGE`, `ERR_BLOB_SIZE_MISMATCH`, `ERR_BLOB_DIGEST_MISMATCH`
 */
export async function readBlob(
  context: Context,
  digest: Digest,
  o: { readonly maxBytes?: number } = {},
): Promise<Uint8Array> {
  const maxBytes = o.maxBytes ?? defaultMaxBytes;
  await using file = await openBlob(context, digest);
  const { size } = await file.stat();
  if (size > maxBytes)
    throw new ImageStoreError(
      "ERR_BLOB_TOO_LARGE",
      `blob ${digest} has ${size} bytes, more than the ${maxBytes} that were asked for`,
    );
  const bytes = await file.readFile();
  const found = makeDigest(digestAlgorithm(digest), createHash(digestAlgorithm(digest)).update(bytes).digest("hex"));
  if (found !== digest) throw digestMismatch(digest, found);
  return bytes;
}

/**
 * A blob's bytes as they come from disk. The digest is known only at the end: the iteration throws
 * there when it is another one, so nothing read before may be believed until then.
 *
 * @throws {ImageStoreError} as `readBlob`
 */
export async function* readBlobStream(
  context: Context,
  digest: Digest,
  o: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await openBlob(context, digest);
  const hash = createHash(digestAlgorithm(digest));
  const read = () => file.read({ buffer: new Uint8Array(chunkBytes), position: null });
  let next = read();
  for (;;) {
    const { bytesRead, buffer } = await next;
    if (bytesRead === 0) break;
    next = read(); // goes on while this chunk is hashed and used
    next.catch(() => {}); // nobody waits for it when the caller has enough
    o.signal?.throwIfAborted();
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    yield chunk;
  }
  const found = makeDigest(digestAlgorithm(digest), hash.digest("hex"));
  if (found !== digest) throw digestMismatch(digest, found);
}

/** What is known of a blob, or undefined. Cheap: the bytes are not read. One that was dropped is known: it can be read. */
export function findBlob(context: Context, digest: Digest): Blob | undefined {
  const row =
    one(context.database, "SELECT size FROM image_blob WHERE digest = ?", digest) ?? findRecipe(context, digest);
  return row === undefined ? undefined : { digest, size: row.size as number };
}

/** What is known of a blob, which stays for this handle as if it had been written now: no prune takes it away meanwhile. */
export function leaseBlob(context: Context, digest: Digest): Blob | undefined {
  return transaction(context.database, () => {
    const blob = findBlob(context, digest);
    if (blob !== undefined) takeLease(context, digest);
    return blob;
  });
}

/**
 * The file of a blob. One that was dropped is made again first, and stays until this handle is closed and somebody
 * tidies up.
 *
 * @throws {ImageStoreError} `ERR_BLOB_NOT_FOUND`; `ERR_BLOB_DIGEST_MISMATCH` when it cannot be made again
 */
export async function blobFile(context: Context, digest: Digest): Promise<string> {
  if (one(context.database, "SELECT 1 FROM image_blob WHERE digest = ?", digest) === undefined) {
    const recipe = findRecipe(context, digest);
    if (recipe === undefined)
      throw new ImageStoreError("ERR_BLOB_NOT_FOUND", `no blob ${digest} in the store; pull the image that needs it`);
    await remake(context, digest, recipe);
  }
  return blobPath(context, digest);
}

/** How a blob was made, when it was made here and may be dropped. */
export interface Recipe {
  readonly recipe: string;
  readonly diffId: Digest;
  readonly size: number;
}

export function findRecipe(context: Context, digest: Digest): Recipe | undefined {
  const row = one(context.database, "SELECT * FROM image_recipe WHERE digest = ? AND recipe <> ''", digest);
  if (row === undefined) return undefined;
  return { recipe: row.recipe as string, diffId: row.diff_id as Digest, size: row.size as number };
}

/** The bytes that a blob would have if it were made now. */
export function madeAgain(context: Context, { recipe, diffId }: Recipe): AsyncIterable<Uint8Array> {
  const row = one(context.database, "SELECT cache_id FROM image_layer WHERE diff_id = ? LIMIT 1", diffId);
  if (row === undefined || context.blobMaker === undefined)
    throw new ImageStoreError(
      "ERR_BLOB_NOT_FOUND",
      row === undefined
        ? `layer ${diffId} is not unpacked, and its blob was dropped; pull the image again`
        : `the blob of layer ${diffId} was dropped, and this program does not know how to make it again`,
    );
  const directory = join(overlayDirectory(context), row.cache_id as string, "diff");
  return context.blobMaker.make({ directory, recipe });
}

async function remake(context: Context, digest: Digest, recipe: Recipe): Promise<void> {
  try {
    await writeBlob(context, madeAgain(context, recipe), { expected: { digest, size: recipe.size } });
  } catch (cause) {
    const code = isImageStoreError(cause) ? cause.code : undefined;
    if (code !== "ERR_BLOB_DIGEST_MISMATCH" && code !== "ERR_BLOB_SIZE_MISMATCH") throw cause;
    throw new ImageStoreError(
      "ERR_BLOB_DIGEST_MISMATCH",
      `blob ${digest} was dropped and cannot be made again: its layer was changed (see ctr system check), or this program is not the one that made it (${recipe.recipe})`,
      { cause },
    );
  }
}

async function openBlob(context: Context, digest: Digest): Promise<FileHandle> {
  const path = await blobFile(context, digest);
  const blob = findBlob(context, digest)!;
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw ioError(`reading blob ${digest}`, error);
  }
  const { size } = await file.stat();
  if (size === blob.size) return file;
  await file.close();
  throw sizeMismatch(digest, blob.size, String(size));
}

function sizeMismatch(digest: Digest | undefined, expected: number, found: string): ImageStoreError {
  return new ImageStoreError(
    "ERR_BLOB_SIZE_MISMATCH",
    `blob ${digest ?? "of unknown digest"}: expected ${expected} bytes, found ${found}; fetch it again`,
  );
}

function digestMismatch(expected: Digest, found: Digest): ImageStoreError {
  return new ImageStoreError(
    "ERR_BLOB_DIGEST_MISMATCH",
    `blob ${expected}: the bytes have digest ${found}; fetch it again`,
  );
}
