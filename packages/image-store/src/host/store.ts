import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseReference,
  type Reference,
} from "@ctr/oci";
import { createLayerDirectory, removeLayerDirectory, setParents } from "@ctr/overlayfs";
import type { ImageVariant, Removal, ResolvedImage, StoredImage, StoredLayer } from "../stored-image.ts";
import { type AddLayerOptions, addLayer, addLayers } from "./add-layers.ts";
import {
  type Blob,
  type BlobSource,
  blobFile,
  findBlob,
  leaseBlob,
  readBlob,
  readBlobStream,
  writeBlob,
} from "./blobs.ts";
import { type Checked, type CheckOptions, check, type Finding } from "./check.ts";
import { type BlobMaker, blobPath, type Context, createDirectories, type LayerDirectories } from "./context.ts";
import { createTables, openDatabase, run, transaction } from "./database.ts";
import { type DiskUsage, diskUsage } from "./disk-usage.ts";
import { type BlobChoice, blobChoice, chooseBlobs, type Dropped, dropBlobs, remakeAll } from "./drop-blobs.ts";
import { housekeeping, type Tidied } from "./housekeeping.ts";
import { addImage, addRepoDigest, listImages, nameImage, unname } from "./images.ts";
import { findLayer, hold, layerChain, listLayers, overlayParents, release } from "./layers.ts";
import { ensureLayout } from "./layout.ts";
import { newOwner } from "./owner.ts";
import { readConfig, readManifest } from "./read-image.ts";
import { prune, removeImage } from "./remove.ts";
import { bestVariant, findImage, nameOf, resolveImage } from "./resolve.ts";

export interface OpenStoreOptions {
  /** Made if missing, with the store's directories below it. */
  readonly root: string;
  /** An open `<root>/ctr.db` to share; `close` then leaves it open. */
  readonly database?: DatabaseSync;
  /** Makes and removes the directories of layers; Docker's overlay2 layout unless said otherwise. */
  readonly layerDirectories?: LayerDirectories;
  /** Brings the file system that holds a path to disk, like syncfs(2). Without it each file of a layer is synced. */
  readonly syncFileSystem?: (path: string) => void | Promise<void>;
  /** Makes blobs of layers again, so that they need not be kept. */
  readonly blobMaker?: BlobMaker;
  /** Whether blobs are kept that can be made again from their layers. Remembered by the store; "keep" at first. */
  readonly blobs?: BlobChoice;
  /** Bytes that a directory takes on disk with all below it, like du(1). Without it each file is asked. */
  readonly diskUsage?: (path: string) => Promise<number>;
}

/**
 * Open a store, making it if there is none. Any number of processes may have the same one open.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_STORE_BUSY`, `ERR_IMAGE_STORE_VERSION`
 */
export function openStore(o: OpenStoreOptions): ImageStore {
  createDirectories(o.root);
  const database = o.database ?? openDatabase(join(o.root, "ctr.db"));
  const context: Context = {
    root: o.root,
    database,
    owner: newOwner(),
    layerDirectories: o.layerDirectories ?? { createLayerDirectory, removeLayerDirectory, setParents },
    syncFileSystem: o.syncFileSystem,
    blobMaker: o.blobMaker,
    diskUsage: o.diskUsage,
  };
  createTables(database);
  if (o.blobs !== undefined) chooseBlobs(context, o.blobs);
  transaction(database, () => ensureLayout(context));
  return new ImageStore(context, o.database === undefined);
}

/** Images, their blobs and their unpacked layers, in one directory. Every method is described where it is implemented. */
export class ImageStore implements Disposable {
  readonly #context: Context;
  readonly #ownsDatabase: boolean;
  #isClosed = false;

  constructor(context: Context, ownsDatabase: boolean) {
    this.#context = context;
    this.#ownsDatabase = ownsDatabase;
  }

  get root(): string {
    return this.#context.root;
  }

  /** @see {@link writeBlob} */
  writeBlob(
    source: BlobSource,
    o?: { readonly expected?: Partial<Blob>; readonly signal?: AbortSignal },
  ): Promise<Blob> {
    return writeBlob(this.#context, source, o);
  }

  /** @see {@link readBlob} */
  readBlob(digest: Digest, o?: { readonly maxBytes?: number }): Promise<Uint8Array> {
    return readBlob(this.#context, digest, o);
  }

  /** @see {@link readBlobStream} */
  readBlobStream(digest: Digest, o?: { readonly signal?: AbortSignal }): AsyncGenerator<Uint8Array, void, undefined> {
    return readBlobStream(this.#context, digest, o);
  }

  /** @see {@link findBlob} */
  findBlob(digest: Digest): Blob | undefined {
    return findBlob(this.#context, digest);
  }

  /** @see {@link leaseBlob} */
  leaseBlob(digest: Digest): Blob | undefined {
    return leaseBlob(this.#context, digest);
  }

  /** Where a blob's file is, if it was not dropped. Its bytes are not verified. */
  blobPath(digest: Digest): string {
    return blobPath(this.#context, digest);
  }

  /** A blob's bytes from `start` on, not verified: for whoever sends them on to somebody that does. @see {@link blobFile} */
  async *sendBlob(digest: Digest, o: { readonly start?: number } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    yield* createReadStream(await blobFile(this.#context, digest), { start: o.start ?? 0, highWaterMark: 1 << 18 });
  }

  /** Whether blobs are kept that can be made again from their layers. */
  get blobChoice(): BlobChoice {
    return blobChoice(this.#context);
  }

  /**
   * Keep all blobs from now on, and make those again that were dropped; or drop what can be made again, now and
   * whenever an image is added. @see {@link dropBlobs}
   */
  async chooseBlobs(choice: BlobChoice, o?: { readonly signal?: AbortSignal }): Promise<Dropped> {
    chooseBlobs(this.#context, choice);
    if (choice === "drop") return dropBlobs(this.#context, o);
    return { blobs: await remakeAll(this.#context, (digest) => blobFile(this.#context, digest)), reclaimed: 0 };
  }

  /** Make written blobs an image. @see {@link addImage} */
  async addImage(o: {
    readonly target: Descriptor;
    readonly names?: readonly (string | Reference)[];
  }): Promise<StoredImage> {
    const image = await addImage(this.#context, { target: o.target, names: (o.names ?? []).map(keyOf) });
    if (blobChoice(this.#context) === "drop") await dropBlobs(this.#context);
    return image;
  }

  /** Give `image`, a name or id, the further name `name`. @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`; {OciError} */
  tag(o: { readonly image: string; readonly name: string | Reference }): void {
    nameImage(this.#context, findImage(this.#context, o.image).image.target.digest, keyOf(o.name));
  }

  /** Take a name away and keep the image; false when nothing had it. @throws {OciError} for what is no name */
  untag(name: string | Reference): boolean {
    return unname(this.#context, keyOf(name));
  }

  /** A registry has this image: `reference` is where, `ghcr.io/a/b@sha256:…`. @throws {OciError} for what is no such name */
  addRepoDigest(o: { readonly target: Digest; readonly reference: string | Reference }): void {
    addRepoDigest(this.#context, { target: o.target, reference: keyOf(o.reference) });
  }

  /** @see {@link bestVariant} */
  variantOf(image: StoredImage, o: { readonly platform?: Platform } = {}): ImageVariant | undefined {
    return bestVariant(image, o.platform);
  }

  /** @see {@link resolveImage} */
  resolve(image: string, o: { readonly platform?: Platform } = {}): ResolvedImage {
    return resolveImage(this.#context, image, o.platform);
  }

  /** The image itself, whatever its platforms. @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_AMBIGUOUS` */
  find(image: string): StoredImage {
    return findImage(this.#context, image).image;
  }

  /** All images, newest first. */
  list(): readonly StoredImage[] {
    return listImages(this.#context);
  }

  /** The documents of a resolved image, verified. @throws {ImageStoreError} {OciError} */
  async read({ variant }: ResolvedImage): Promise<{ readonly manifest: Manifest; readonly config: ImageConfig }> {
    const manifest = await readManifest(this.#context, variant.manifest);
    return { manifest, config: await readConfig(this.#context, variant.config) };
  }

  /** @see {@link removeImage} */
  remove(o: { readonly image: string; readonly force?: boolean }): Promise<Removal> {
    return removeImage(this.#context, o);
  }

  /** @see {@link prune} */
  prune(o?: {
    readonly images?: "none" | "dangling" | "all";
    readonly keep?: (image: StoredImage) => boolean;
  }): Promise<Removal> {
    return prune(this.#context, o);
  }

  /** @see {@link addLayer} */
  addLayer(o: AddLayerOptions): Promise<StoredLayer> {
    return addLayer(this.#context, o);
  }

  /** @see {@link addLayers} */
  addLayers(layers: readonly AddLayerOptions[]): Promise<readonly StoredLayer[]> {
    return addLayers(this.#context, layers);
  }

  /** Every unpacked layer, each after the one below it. */
  layers(): readonly StoredLayer[] {
    return listLayers(this.#context);
  }

  findLayer(chainId: Digest): StoredLayer | undefined {
    return findLayer(this.#context, chainId);
  }

  /** @see {@link layerChain} */
  layerChain(chainId: Digest): readonly StoredLayer[] {
    return layerChain(this.#context, chainId);
  }

  /** @see {@link overlayParents} */
  overlayParents(chainId: Digest): readonly string[] {
    return overlayParents(this.#context, chainId);
  }

  /** @see {@link hold} */
  hold(o: { readonly chainId: Digest; readonly holder: string }): void {
    hold(this.#context, o);
  }

  /** @see {@link release} */
  release(holder: string): void {
    release(this.#context, holder);
  }

  /** @see {@link diskUsage} */
  diskUsage(): DiskUsage {
    return diskUsage(this.#context);
  }

  /** @see {@link check} */
  check(o?: CheckOptions): AsyncGenerator<Finding, Checked, undefined> {
    return check(this.#context, o);
  }

  /** @see {@link housekeeping} */
  housekeeping(): Promise<Tidied> {
    return housekeeping(this.#context);
  }

  /** Let go of all that was written through this handle and is no image: after a pull that failed. */
  dropLeases(): void {
    run(this.#context.database, "DELETE FROM image_lease WHERE owner = ?", this.#context.owner);
  }

  /** Drop this handle's leases and close the database, if `openStore` opened it. Again is fine. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.dropLeases();
    } catch {
      // The disk is full or broken, and whoever closes has been told of that. Leases end with their process.
    }
    if (this.#ownsDatabase) this.#context.database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function keyOf(name: string | Reference): string {
  return nameOf(typeof name === "string" ? parseReference(name) : name);
}
