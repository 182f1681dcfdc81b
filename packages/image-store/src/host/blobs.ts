import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { type Digest, digestAlgorithm, makeDigest } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import { blobPath, type Context, takeLease, temporaryPath } from "./context.ts";
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

/** What is known of a blob, or undefined. Cheap: the bytes are not read. */
export function findBlob(context: Context, digest: Digest): Blob | undefined {
  const row = one(context.database, "SELECT size FROM image_blob WHERE digest = ?", digest);
  return row === undefined ? undefined : { digest, size: row.size as number };
}

async function openBlob(context: Context, digest: Digest): Promise<FileHandle> {
  const blob = findBlob(context, digest);
  if (blob === undefined) throw new ImageStoreError("ERR_BLOB_NOT_FOUND", `no blob ${digest} in the store`);
  let file: FileHandle;
  try {
    file = await open(blobPath(context, digest), constants.O_RDONLY | constants.O_NOFOLLOW);
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
