import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Descriptor, digestHex, encodeJson, mediaTypes, parseIndex, parseManifest } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import { type CacheImage, type CacheSource, type CacheTarget, cacheConfigType } from "../cache-place.ts";
import { Tree } from "./tree.ts";

//  <directory>/oci-layout
//              index.json              names one manifest
//              blobs/sha256/<digest>   the manifest, its config (the steps) and its layers
//
//  Every export replaces the one before, and removes what no longer belongs to it: the directory does not grow.

const maxDocumentBytes = 64 << 20;

/** The cache in a directory (`type=local,src=DIRECTORY`). Links in it lead nowhere outside. */
export function localCacheSource(directory: string): CacheSource {
  const inTree = <T>(use: (tree: Tree) => T): T => {
    using tree = Tree.open(directory);
    return use(tree);
  };
  return {
    name: directory,
    read: async () => {
      if (!existsSync(directory)) return undefined;
      return inTree((tree) => readDocument(tree));
    },
    async *fetch(blob) {
      using tree = Tree.open(directory);
      yield* tree.content(blobPath(blob));
    },
  };
}

const blobPath = ({ digest }: Descriptor): string => `blobs/sha256/${digestHex(digest)}`;

function readDocument(tree: Tree): Uint8Array | undefined {
  const index = tree.text("index.json", maxDocumentBytes);
  if (index === undefined) return undefined;
  const [root] = parseIndex(Buffer.from(index)).manifests;
  if (root === undefined) return undefined;
  const manifest = parseManifest(Buffer.from(required(tree, root)));
  if (manifest.config.mediaType !== cacheConfigType) throw noCache("its manifest is an image's");
  return Buffer.from(required(tree, manifest.config));
}

function required(tree: Tree, blob: Descriptor): string {
  const text = tree.text(blobPath(blob), maxDocumentBytes);
  if (text === undefined) throw noCache(`blob ${blob.digest} is missing`);
  return text;
}

const noCache = (why: string): BuilderError =>
  new BuilderError({ code: "ERR_BUILDER_CACHE", message: `this directory is no build cache: ${why}` });

/** @throws {BuilderError} `ERR_BUILDER_CACHE` from `write` when the directory has something else in it */
export function localCacheTarget(
  directory: string,
  o: Pick<CacheTarget, "mode" | "mounts"> = { mode: "max" },
): CacheTarget {
  return { ...o, name: directory, write: (image) => writeCache(directory, image) };
}

async function writeCache(directory: string, image: CacheImage): Promise<void> {
  if (existsSync(join(directory, "index.json"))) {
    using tree = Tree.open(directory);
    readDocument(tree); // what is no cache is somebody's
  }
  const blobs = join(directory, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const all = [...image.layers, image.config, image.manifest];
  for (const blob of all) if (!existsSync(join(directory, blobPath(blob)))) await writeBlob(directory, blob, image);
  await replace(join(directory, "oci-layout"), encodeJson({ imageLayoutVersion: "1.0.0" }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [image.manifest] };
  await replace(join(directory, "index.json"), encodeJson(index));
  const kept = new Set(all.map(({ digest }) => digestHex(digest)));
  for (const name of await readdir(blobs))
    if (/^[0-9a-f]{64}$/.test(name) && !kept.has(name)) await rm(join(blobs, name));
}

async function writeBlob(directory: string, blob: Descriptor, image: CacheImage): Promise<void> {
  const path = join(directory, blobPath(blob));
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await using file = await open(temporary, "wx", 0o644);
    for await (const chunk of image.read(blob.digest)) await file.appendFile(chunk);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whole, or as it was before. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, text, { flag: "wx" });
  await rename(temporary, path);
}
