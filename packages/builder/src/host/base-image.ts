import { join } from "node:path";
import { type ImageStore, isImageStoreError, type ResolvedImage } from "@ctr/image-store";
import { applyLayer } from "@ctr/layers";
import {
  type Descriptor,
  type Digest,
  familiarReference,
  type ImageConfig,
  isOciError,
  layerCompression,
  type Manifest,
  mediaTypes,
  type Platform,
  parseReference,
} from "@ctr/oci";
import { lowerDirectories } from "@ctr/overlayfs";
import { BuilderError, type Place } from "../builder-error.ts";
import { chainOf } from "./seal-layer.ts";

/** An image of the store that a stage begins with or copies from, unpacked. */
export interface BaseImage {
  /** As Docker prints it. */
  readonly name: string;
  /** Digest of its config. */
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Oldest first. */
  readonly layers: readonly ImageLayer[];
}

/** One layer of an image that is being built. */
export interface ImageLayer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** Of its archive; undefined when it has to be found or made. */
  readonly descriptor: Descriptor | undefined;
  readonly sourceDateEpoch?: number;
}

/**
 * Find an image in the store, unpacking what of it is not unpacked. Its layers are held for `holder`.
 *
 * @throws {BuilderError} `ERR_BUILDER_IMAGE`
 */
export async function loadImage(o: {
  readonly store: ImageStore;
  readonly name: string;
  readonly platform: Platform | undefined;
  readonly place: Place;
  readonly holder: string;
  readonly signal: AbortSignal | undefined;
}): Promise<BaseImage> {
  const resolved = resolve(o);
  const { manifest, config } = await o.store.read(resolved);
  return unpackImage({ ...o, manifest, config, id: resolved.variant.config, shown: shownName(o.name) });
}

/**
 * Unpack what of an image is not unpacked; its blobs are in the store. Its layers are held for `holder`.
 *
 * @throws {BuilderError} `ERR_BUILDER_IMAGE`
 */
export async function unpackImage(o: {
  readonly store: ImageStore;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly id: Digest;
  /** Its name for people. */
  readonly shown: string;
  readonly place: Place;
  readonly holder: string;
  readonly signal: AbortSignal | undefined;
}): Promise<BaseImage> {
  const { store, manifest, config, id, shown, place } = o;
  const chain = chainOf(config.rootfs.diff_ids);
  if (manifest.layers.length !== chain.length)
    throw new BuilderError({ code: "ERR_BUILDER_IMAGE", message: `image ${shown} contradicts itself`, place });
  const layers = chain.map((chainId, index) => ({
    diffId: config.rootfs.diff_ids[index]!,
    chainId,
    descriptor: ociDescriptor(manifest.layers[index]!),
  }));
  for (const [index, layer] of layers.entries())
    await unpack({ ...o, layer, archive: manifest.layers[index]!.digest, parent: layers[index - 1]?.chainId });
  const top = layers.at(-1);
  if (top !== undefined) store.hold({ chainId: top.chainId, holder: o.holder });
  return { name: shown, id, config, layers };
}

function shownName(name: string): string {
  try {
    return familiarReference(parseReference(name));
  } catch {
    return name; // an id
  }
}

function resolve(o: {
  readonly store: ImageStore;
  readonly name: string;
  readonly platform: Platform | undefined;
  readonly place: Place;
}): ResolvedImage {
  const { store, name, platform, place } = o;
  try {
    return store.resolve(name, platform === undefined ? {} : { platform });
  } catch (cause) {
    const unknown = isImageStoreError(cause) && cause.code === "ERR_IMAGE_NOT_FOUND";
    if (!unknown && !isImageStoreError(cause) && !isOciError(cause)) throw cause;
    const message = unknown
      ? `${name}: not found in the store, and a build pulls no images yet; pull or build it first`
      : (cause as Error).message;
    throw new BuilderError({ code: "ERR_BUILDER_IMAGE", message, place, cause });
  }
}

async function unpack(o: {
  readonly store: ImageStore;
  readonly layer: ImageLayer;
  readonly archive: Digest;
  readonly parent: Digest | undefined;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { store, layer, archive, parent, signal } = o;
  if (store.findLayer(layer.chainId) !== undefined) return;
  await store.addLayer({
    chainId: layer.chainId,
    diffId: layer.diffId,
    ...(parent === undefined ? {} : { parentChainId: parent }),
    fill: async (directory) => {
      await applyLayer({
        archive: store.readBlobStream(archive, signal && { signal }),
        directory,
        lowers: layerDirectories(store, parent),
        expectedDiffId: layer.diffId,
        ...(signal && { signal }),
      });
    },
  });
}

/** Directories of a layer and all below it, newest first: an overlay's lowers. */
export function layerDirectories(store: ImageStore, chainId: Digest | undefined): string[] {
  return chainId === undefined ? [] : lowerDirectories(join(store.root, "overlay2"), store.overlayParents(chainId));
}

// One manifest does not mix the two families of names; the bytes are the same.
function ociDescriptor(descriptor: Descriptor): Descriptor {
  const types = { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd };
  const compression = layerCompression(descriptor.mediaType);
  return compression === undefined ? descriptor : { ...descriptor, mediaType: types[compression] };
}
