import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ImageSource, LayerSource } from "@ctr/image-reuse";
import type { ImageVariant, StoredImage } from "@ctr/image-store";
import { chainIds, type Digest, familiarReference, type ImageConfig, type Manifest, parseReference } from "@ctr/oci";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";

/**
 * The images of the store as lists of layers, one for each platform, by the digest of its manifest.
 *
 * @throws {ImageStoreError} for a damaged document
 */
export async function imageSources(
  context: Context,
  images: readonly StoredImage[],
): Promise<ReadonlyMap<Digest, ImageSource>> {
  const sources = new Map<Digest, ImageSource>(); // several indexes may name one manifest
  for (const image of images)
    for (const variant of image.variants) {
      const source = await imageSource(context, image, variant);
      const known = sources.get(variant.manifest.digest);
      sources.set(variant.manifest.digest, known === undefined ? source : merge(known, source));
    }
  return sources;
}

function merge(a: ImageSource, b: ImageSource): ImageSource {
  return { ...a, names: [...a.names, ...b.names], documents: [...(a.documents ?? []), ...(b.documents ?? [])] };
}

/** An image for one platform. @throws {ImageStoreError} for a damaged document */
export async function imageSource(context: Context, image: StoredImage, variant: ImageVariant): Promise<ImageSource> {
  const { manifest, config } = await context.store.read({ image, variant });
  return {
    id: variant.config,
    names: image.names.filter((name) => !name.includes("@")).map((name) => familiarReference(parseReference(name))),
    layers: layersOf(context, variant, manifest, config),
    documents: [image.target, variant.manifest, manifest.config].map(({ digest, size }) => ({ digest, size })),
  };
}

function layersOf(context: Context, variant: ImageVariant, manifest: Manifest, config: ImageConfig): LayerSource[] {
  const { chainId } = variant;
  if (chainId === undefined) return [];
  const chains = chainIds(variant.diffIds, sha256);
  const isUnpacked = context.store.findLayer(chainId) !== undefined;
  const cacheIds = isUnpacked ? context.store.overlayParents(chainId).toReversed() : [];
  const commands = (config.history ?? []).filter((entry) => entry.empty_layer !== true);
  return manifest.layers.map(({ digest, size }, index) => ({
    chainId: chains[index]!,
    diffId: variant.diffIds[index]!,
    blob: { digest, size },
    directory: isUnpacked ? diffDirectory(context, cacheIds[index]!) : undefined,
    // A history that does not fit the layers says nothing about them.
    createdBy: commands.length === manifest.layers.length ? commands[index]!.created_by : undefined,
  }));
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export const diffDirectory = (context: Context, cacheId: string): string => join(overlayRoot(context), cacheId, "diff");
