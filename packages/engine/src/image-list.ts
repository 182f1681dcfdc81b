import { type ImageVariant, isDangling, type StoredImage } from "@ctr/image-store";
import { type Digest, type ImageConfig, parseImageConfig } from "@ctr/oci";
import type { Context } from "./context.ts";
import {
  type FilteredImage,
  type Filters,
  type ImageFilter,
  matchesReference,
  parseImageFilters,
  timeOf,
} from "./image-filters.ts";

/** One image, as `ctr images` lists it. An index of several platforms is one image: what it has for this machine. */
export interface ImageSummary extends FilteredImage {
  readonly image: StoredImage;
  /** Absent for an artifact, which has nothing to run. */
  readonly variant: ImageVariant | undefined;
  /** Digest of its config, as Docker's; of an artifact, its own digest. */
  readonly id: Digest;
  /** Names with a tag, in full, as far as the filter lets them through. */
  readonly repoTags: readonly string[];
  /** Names with a digest, in full: what it was pulled by, and where a registry has it. */
  readonly repoDigests: readonly string[];
  /** Bytes of its unpacked layers on disk. */
  readonly size: number;
  /** How many containers were made from it. */
  readonly containers: number;
}

/** Configs that are open at the same time. */
const readAtOnce = 64;

const filterNames = ["dangling", "label", "before", "since", "until", "reference"];

/**
 * The images that the filters let through, newest first by the time in their config.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION` for what is no filter; {ImageStoreError} for an image that a filter names
 */
export async function listImages(context: Context, o: { readonly filters?: Filters } = {}): Promise<ImageSummary[]> {
  const made = containersByImage(context);
  const images = context.store.list();
  const all: ImageSummary[] = [];
  while (all.length < images.length) {
    const some = images.slice(all.length, all.length + readAtOnce);
    all.push(...(await Promise.all(some.map((image) => summarize(context, image, made)))));
  }
  const createdOf = (name: string): number => {
    const { target } = context.store.find(name);
    return timeOf(all.find(({ image }) => image.target.digest === target.digest) ?? { created: undefined });
  };
  const filter = parseImageFilters(o.filters ?? [], { names: filterNames, createdOf });
  return all
    .flatMap((summary) => filtered(summary, filter))
    .sort((a, b) => Math.sign(timeOf(b) - timeOf(a)) || b.image.addedAt - a.image.addedAt);
}

/** What is known of an image. Its config is read, and may be damaged: then it says nothing. */
async function summarize(
  context: Context,
  image: StoredImage,
  made: ReadonlyMap<Digest | undefined, number>,
): Promise<ImageSummary> {
  const variant = context.store.variantOf(image) ?? image.variants[0];
  const config = variant === undefined ? undefined : await configOf(context, variant.config);
  return {
    image,
    variant,
    id: variant?.config ?? image.target.digest,
    created: config?.created,
    labels: config?.config?.Labels ?? {},
    repoTags: image.names.filter((name) => !name.includes("@")),
    repoDigests: [...new Set([...image.names.filter((name) => name.includes("@")), ...image.repoDigests])].sort(),
    size: variant?.chainId === undefined ? 0 : sizeOf(context, variant.chainId),
    containers: image.variants.reduce((sum, { config: id }) => sum + (made.get(id) ?? 0), 0),
  };
}

/** How many containers were made from each image, by its id. */
export function containersByImage(context: Context): ReadonlyMap<Digest | undefined, number> {
  const made = new Map<Digest | undefined, number>();
  for (const { imageId } of context.table.all()) made.set(imageId, (made.get(imageId) ?? 0) + 1);
  return made;
}

async function configOf(context: Context, digest: Digest): Promise<ImageConfig | undefined> {
  try {
    return parseImageConfig(await context.store.readBlob(digest));
  } catch {
    return undefined; // the list must not fail for one image; `system check` says what is wrong with it
  }
}

/** What of a chain is unpacked: all of it, unless the image is for another machine or was damaged. */
function sizeOf(context: Context, chainId: Digest): number {
  if (context.store.findLayer(chainId) === undefined) return 0;
  return context.store.layerChain(chainId).reduce((sum, layer) => sum + layer.size, 0);
}

function filtered(summary: ImageSummary, filter: ImageFilter): ImageSummary[] {
  if (filter.dangling !== undefined && filter.dangling !== isDangling(summary.image)) return [];
  if (!filter.conditions.every((holds) => holds(summary))) return [];
  if (filter.references.length === 0) return [summary];
  const fits = (name: string): boolean => filter.references.some((pattern) => matchesReference(pattern, name));
  const [repoTags, repoDigests] = [summary.repoTags.filter(fits), summary.repoDigests.filter(fits)];
  return repoTags.length + repoDigests.length === 0 ? [] : [{ ...summary, repoTags, repoDigests }];
}
