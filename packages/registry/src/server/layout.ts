import { randomUUID } from "node:crypto";
import { createReadStream, type ReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  encodeJson,
  type Index,
  maxManifestBytes,
  parseImageLayout,
  parseIndex,
} from "@ctr/oci";

//  <directory>/oci-layout          {"imageLayoutVersion":"1.0.0"}
//              index.json          every manifest, with its repository and tag as ref name
//              blobs/sha256/<hex>
//              uploads/<uuid>      on their way in; gone after a restart

/** The files of a registry: an OCI image layout that other tools open too. @see image-spec image-layout.md */
export interface Layout {
  /** index.json as it is now. */
  readIndex(): Promise<Index>;
  /** Changes whenever index.json is replaced. */
  indexVersion(): Promise<string>;
  /** Bytes, or undefined when there is no such blob. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** A small blob. @throws when it is missing or larger than `maxBytes` */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /** A part of a blob, `start` to `end` inclusive. */
  stream(digest: Digest, range: { readonly start: number; readonly end: number }): ReadStream;
  /** A new empty file for bytes that have no digest yet. */
  createUpload(): Promise<{ readonly path: string; readonly file: FileHandle }>;
  /** Make a verified file the blob, so that it is there whole or not at all. */
  commit(path: string, file: FileHandle, digest: Digest): Promise<void>;
  /** Remove an upload that comes to nothing. */
  discard(path: string, file: FileHandle): Promise<void>;
  write(digest: Digest, bytes: Uint8Array): Promise<void>;
  remove(digest: Digest): Promise<void>;
  /** Replace index.json; calls are made one after the other. */
  writeIndex(index: Index): Promise<void>;
}

/**
 * Open a layout directory, or make one. Uploads that a crash left behind are removed.
 *
 * @param o.readOnly  Nothing is made or removed: somebody else keeps the directory.
 */
export async function openLayout(directory: string, o: { readonly readOnly: boolean }): Promise<Layout> {
  const uploads = join(directory, "uploads");
  if (o.readOnly) parseImageLayout(await readSmall(join(directory, "oci-layout"), 4096));
  else await prepare(directory, uploads);

  const pathOf = (digest: Digest): string => join(directory, "blobs", digestAlgorithm(digest), digestHex(digest));
  const createUpload: Layout["createUpload"] = async () => {
    const path = join(uploads, randomUUID());
    return { path, file: await open(path, "wx+", 0o600) };
  };
  const commit: Layout["commit"] = async (path, file, digest) => {
    await file.sync();
    await file.close();
    await rename(path, pathOf(digest));
    await syncDirectory(dirname(pathOf(digest)));
  };
  const discard: Layout["discard"] = async (path, file) => {
    // Closed already when it was the rename that failed.
    await file.close().catch(() => {});
    await rm(path, { force: true });
  };
  return {
    readIndex: async () => parseIndex(await readSmall(join(directory, "index.json"), maxManifestBytes)),
    indexVersion: async () => {
      const { ino, mtimeNs, size } = await stat(join(directory, "index.json"), { bigint: true });
      return `${ino} ${mtimeNs} ${size}`;
    },
    sizeOf: async (digest) => {
      const found = await stat(pathOf(digest)).catch(() => undefined);
      return found?.isFile() === true ? found.size : undefined;
    },
    read: (digest, maxBytes) => readSmall(pathOf(digest), maxBytes),
    stream: (digest, range) => createReadStream(pathOf(digest), { ...range, highWaterMark: 256 * 1024 }),
    createUpload,
    commit,
    discard,
    write: async (digest, bytes) => {
      const { path, file } = await createUpload();
      try {
        await file.writeFile(bytes);
        await commit(path, file, digest);
      } catch (error) {
        await discard(path, file);
        throw error;
      }
    },
    remove: (digest) => rm(pathOf(digest), { force: true }),
    writeIndex: (next) => replaceFile(directory, "index.json", encodeJson(next)),
  };
}

async function prepare(directory: string, uploads: string): Promise<void> {
  await rm(uploads, { recursive: true, force: true });
  for (const path of [directory, uploads, join(directory, "blobs", "sha256"), join(directory, "blobs", "sha512")])
    await mkdir(path, { recursive: true, mode: 0o700 });
  const marker = join(directory, "oci-layout");
  if ((await stat(marker).catch(() => undefined)) !== undefined) {
    parseImageLayout(await readSmall(marker, 4096));
    return;
  }
  const empty: Index = { schemaVersion: 2, manifests: [] };
  await replaceFile(directory, "index.json", encodeJson(empty));
  await replaceFile(directory, "oci-layout", '{"imageLayoutVersion":"1.0.0"}');
}

async function readSmall(path: string, maxBytes: number): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new RangeError(`${path} has ${size} bytes, more than ${maxBytes}`);
  return readFile(path);
}

async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, "uploads", randomUUID());
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, join(directory, name));
  await syncDirectory(directory);
}

/** A rename is safe from a power cut only when its directory is on the disk. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
