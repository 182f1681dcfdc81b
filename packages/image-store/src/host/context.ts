import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Digest, digestAlgorithm, digestHex } from "@ctr/oci";
import { run } from "./database.ts";
import { syncDirectory } from "./durable.ts";
import { temporaryName } from "./owner.ts";

/** Makes and removes one layer's directory in `overlay2/`; `@ctr/overlayfs` has the real one. */
export interface LayerDirectories {
  createLayerDirectory(o: {
    readonly overlayRoot: string;
    readonly cacheId: string;
    /** Cache ids, newest first. */
    readonly parents: readonly string[];
  }): Promise<{ readonly directory: string; readonly diff: string; readonly link: string }>;
  /** Say, durably, that other layers lie below one that is there. */
  setParents(o: {
    readonly overlayRoot: string;
    readonly cacheId: string;
    readonly parents: readonly string[];
  }): Promise<void>;
  /** Must not mind what is missing: it also clears up what a crash left half made. */
  removeLayerDirectory(o: { readonly overlayRoot: string; readonly cacheId: string }): Promise<void>;
}

/**
 * Makes the blob of a layer again from its directory. A recipe is a text that says how, kept beside the blob's digest;
 * nothing is believed without that digest.
 */
export interface BlobMaker {
  /** How layers are packed here, likeliest first. */
  recipes(): Promise<readonly string[]>;
  make(o: { readonly directory: string; readonly recipe: string }): AsyncIterable<Uint8Array>;
}

/** What every part of the store works with. */
export interface Context {
  readonly root: string;
  readonly database: DatabaseSync;
  /** This handle in this process, as work in progress is marked. */
  readonly owner: string;
  readonly layerDirectories: LayerDirectories;
  /** Bring a whole file system to disk; without it every file of a layer is synced by itself. */
  readonly syncFileSystem: ((path: string) => void | Promise<void>) | undefined;
  /** Without it no blob is dropped. */
  readonly blobMaker: BlobMaker | undefined;
  /** Bytes that a tree takes; without it each file is asked. */
  readonly diskUsage: ((path: string) => Promise<number>) | undefined;
}

export const imagesDirectory = (context: Context): string => join(context.root, "images");
export const overlayDirectory = (context: Context): string => join(context.root, "overlay2");
export const temporaryDirectory = (context: Context): string => join(context.root, "tmp");

/** `<root>/images/blobs/<algorithm>/<hex>`; a Digest is checked, so both parts are plain names. */
export function blobPath(context: Context, digest: Digest): string {
  return join(imagesDirectory(context), "blobs", digestAlgorithm(digest), digestHex(digest));
}

export function temporaryPath(context: Context): string {
  return join(temporaryDirectory(context), temporaryName(context.owner));
}

/**
 * Make the store's directories. Modes are set, not asked for: a wide umask must not open layers, with
 * their setuid programs, to other users of the machine (CVE-2021-41091). A root that is there already
 * is left as it is, it may be more than ours.
 */
export function createDirectories(root: string): void {
  const isNew = mkdirSync(root, { recursive: true, mode: 0o710 }) !== undefined;
  if (isNew) chmodSync(root, 0o710);
  const modes = {
    images: 0o700,
    "images/blobs": 0o700,
    "images/blobs/sha256": 0o700,
    "images/blobs/sha512": 0o700,
    overlay2: 0o710,
    tmp: 0o700,
  };
  for (const [name, mode] of Object.entries(modes)) {
    const path = join(root, name);
    const isMade = mkdirSync(path, { recursive: true }) !== undefined;
    chmodSync(path, mode);
    if (isMade) syncDirectory(dirname(path));
  }
}

/** Keep what was just written until it is part of an image, or this process ends. */
export function takeLease(context: Context, digest: Digest): void {
  run(context.database, "INSERT OR REPLACE INTO image_lease VALUES (?, ?, ?)", digest, context.owner, Date.now());
}
