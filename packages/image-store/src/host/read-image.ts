import { createHash } from "node:crypto";
import {
  chainIds,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Index,
  isConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
  maxImageConfigBytes,
  maxManifestBytes,
  normalizePlatform,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { ImageVariant } from "../stored-image.ts";
import { findBlob, readBlob } from "./blobs.ts";
import type { Context } from "./context.ts";

/** Indexes may name indexes; no honest one does so deeper. */
const maxIndexDepth = 4;

/** Everything a target consists of, as far as it is in the store. */
export interface ImageTree {
  /** Every document with what it names, in its order. */
  readonly links: readonly { readonly parent: Digest; readonly children: readonly Descriptor[] }[];
  readonly variants: readonly ImageVariant[];
  /** Blobs that must be there for the image to be whole; layer blobs only where nothing is unpacked. */
  readonly needed: readonly Descriptor[];
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export async function readManifest(context: Context, descriptor: Descriptor): Promise<Manifest> {
  return parseManifest(await readDocument(context, descriptor, maxManifestBytes), descriptor.mediaType);
}

async function readIndex(context: Context, descriptor: Descriptor): Promise<Index> {
  return parseIndex(await readDocument(context, descriptor, maxManifestBytes), descriptor.mediaType);
}

export async function readConfig(context: Context, digest: Digest): Promise<ImageConfig> {
  return parseImageConfig(await readBlob(context, digest, { maxBytes: maxImageConfigBytes }));
}

async function readDocument(context: Context, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
  const bytes = await readBlob(context, descriptor.digest, { maxBytes });
  if (bytes.length !== descriptor.size)
    throw new ImageStoreError(
      "ERR_BLOB_SIZE_MISMATCH",
      `${descriptor.digest} has ${bytes.length} bytes, its descriptor says ${descriptor.size}`,
    );
  return bytes;
}

/**
 * Read a manifest or an index and all documents below it, and check that they fit together.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_INVALID`, `ERR_IMAGE_INCOMPLETE` when an index has none of its
 *   platforms here; {OciError} for a malformed document
 */
export async function readImageTree(context: Context, target: Descriptor): Promise<ImageTree> {
  const tree = { links: [], variants: [], needed: [] };
  await visit(context, target, tree, 0);
  return tree;
}

interface GrowingTree {
  readonly links: { readonly parent: Digest; readonly children: readonly Descriptor[] }[];
  readonly variants: ImageVariant[];
  readonly needed: Descriptor[];
}

async function visit(context: Context, target: Descriptor, tree: GrowingTree, depth: number): Promise<void> {
  if (depth > maxIndexDepth)
    throw new ImageStoreError("ERR_IMAGE_INVALID", `indexes are nested more than ${maxIndexDepth} deep`);
  tree.needed.push(target);
  if (isIndexType(target.mediaType)) await visitIndex(context, target, tree, depth);
  else if (isManifestType(target.mediaType)) await visitManifest(context, target, tree);
  else
    throw new ImageStoreError(
      "ERR_IMAGE_INVALID",
      `${target.digest} is neither manifest nor index but ${target.mediaType}`,
    );
}

async function visitIndex(context: Context, target: Descriptor, tree: GrowingTree, depth: number): Promise<void> {
  const { manifests } = await readIndex(context, target);
  tree.links.push({ parent: target.digest, children: manifests });
  const present = manifests.filter((manifest) => findBlob(context, manifest.digest) !== undefined);
  if (present.length === 0 && manifests.length > 0)
    throw new ImageStoreError(
      "ERR_IMAGE_INCOMPLETE",
      `none of the manifests that index ${target.digest} names is in the store`,
    );
  for (const manifest of present) await visit(context, manifest, tree, depth + 1);
}

async function visitManifest(context: Context, target: Descriptor, tree: GrowingTree): Promise<void> {
  const manifest = await readManifest(context, target);
  tree.links.push({ parent: target.digest, children: [manifest.config, ...manifest.layers] });
  tree.needed.push(manifest.config, ...manifest.layers);
  if (!isConfigType(manifest.config.mediaType)) return; // an artifact: kept, but nothing to run
  const config = await readConfig(context, manifest.config.digest);
  const variant = variantOf(target, manifest, config);
  // Builders file their attestations beside the images, under a platform that nothing is.
  if (variant.platform.os !== "unknown") tree.variants.push(variant);
}

function variantOf(target: Descriptor, manifest: Manifest, config: ImageConfig): ImageVariant {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length)
    throw new ImageStoreError(
      "ERR_IMAGE_INVALID",
      `manifest ${target.digest} has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    );
  const { os, architecture, variant } = target.platform ?? config;
  const platform = normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
  const chainId = chainIds(diffIds, sha256).at(-1);
  return {
    manifest: target,
    config: manifest.config.digest,
    platform,
    diffIds,
    ...(chainId === undefined ? {} : { chainId }),
  };
}
