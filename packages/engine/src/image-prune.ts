import type { Removal } from "@ctr/image-store";
import type { Digest } from "@ctr/oci";
import type { Context } from "./context.ts";
import { type Filters, parseImageFilters } from "./image-filters.ts";
import { containersByImage, listImages } from "./image-list.ts";

export interface PruneImagesRequest {
  /** Also images with a tag. Default: only those without. */
  readonly all?: boolean;
  /** `until=`, `label=`, `label!=`, `dangling=`. */
  readonly filters?: Filters;
}

/**
 * Remove images that no container was made from, and what only they used.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION` for what is no filter
 */
export async function pruneImages(context: Context, o: PruneImagesRequest = {}): Promise<Removal> {
  const filter = parseImageFilters(o.filters ?? [], {
    names: ["dangling", "until", "label", "label!"],
    createdOf: () => 0,
  });
  const images = await listImages(context);
  const meant = new Set<Digest>(
    images.filter((image) => filter.conditions.every((holds) => holds(image))).map(({ image }) => image.target.digest),
  );
  let made: ReturnType<typeof containersByImage> | undefined;
  return context.store.prune({
    images: (o.all ?? false) || filter.dangling === false ? "all" : "dangling",
    // Asked inside the transaction that removes: a container that was made meanwhile counts.
    keep: (image) => {
      made ??= containersByImage(context);
      return !meant.has(image.target.digest) || image.variants.some(({ config }) => made?.has(config));
    },
  });
}
