import type { Digest, History } from "@ctr/oci";
import type { Context } from "./context.ts";

/** One instruction that an image was made by. */
export interface HistoryEntry {
  /** The image's own for the newest entry; the images in between have none. */
  readonly id: Digest | undefined;
  /** RFC 3339; absent when the image does not say. */
  readonly created: string | undefined;
  readonly createdBy: string;
  /** Bytes on disk of the layer that it made, unpacked; 0 when it made none, undefined when that is not unpacked here. */
  readonly size: number | undefined;
  readonly comment: string;
  /** Names with a tag, in full, of the newest entry. */
  readonly tags: readonly string[];
}

/**
 * How an image came to be, newest first. A layer that the history does not tell of is an entry by itself.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_PLATFORM`
 */
export async function imageHistory(context: Context, reference: string): Promise<HistoryEntry[]> {
  const resolved = context.store.resolve(reference);
  const { variant, image } = resolved;
  const { config } = await context.store.read(resolved);
  const sizes = layerSizes(context, variant.chainId, variant.diffIds.length);
  const told = config.history ?? [];
  const untold = sizes.length - told.filter((entry) => entry.empty_layer !== true).length;
  const entries: readonly History[] = [...told, ...Array<History>(Math.max(untold, 0)).fill({})];
  let layer = 0;
  return entries
    .map((entry, index) => ({
      id: index === entries.length - 1 ? variant.config : undefined,
      created: entry.created,
      createdBy: entry.created_by ?? "",
      size: entry.empty_layer === true ? 0 : sizes[layer++],
      comment: entry.comment ?? "",
      tags: index === entries.length - 1 ? image.names.filter((name) => !name.includes("@")) : [],
    }))
    .reverse();
}

/** Oldest first. */
function layerSizes(context: Context, chainId: Digest | undefined, count: number): readonly (number | undefined)[] {
  if (chainId === undefined || context.store.findLayer(chainId) === undefined) return Array(count).fill(undefined);
  return context.store
    .layerChain(chainId)
    .map((layer) => layer.size)
    .reverse();
}
