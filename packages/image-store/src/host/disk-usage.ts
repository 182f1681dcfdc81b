import type { Digest } from "@ctr/oci";
import type { StoredImage } from "../stored-image.ts";
import type { Context } from "./context.ts";
import { all } from "./database.ts";
import { listImages } from "./images.ts";

/** Bytes on disk: blobs as they are stored, layers as they are unpacked. */
export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  readonly blobBytes: number;
  readonly layerBytes: number;
  /** What no image reaches: the least that a prune gives back, unless running work or a container needs it. */
  readonly unreachableBytes: number;
}

export interface ImageUsage {
  readonly image: StoredImage;
  readonly totalBytes: number;
  /** Of that, what another image uses as well. */
  readonly sharedBytes: number;
  /** Of that, what removing this image alone would free. */
  readonly uniqueBytes: number;
}

/** How much each image takes, and how much of it is its own. Reads the database only. */
export function diskUsage(context: Context): DiskUsage {
  const blobs = sizes(context, "SELECT digest AS id, size FROM image_blob");
  const layers = sizes(context, "SELECT chain_id AS id, size FROM image_layer");
  const items = listImages(context).map((image) => ({ image, ids: itemsOf(context, image) }));
  const users = new Map<string, number>();
  for (const { ids } of items) for (const id of ids) users.set(id, (users.get(id) ?? 0) + 1);
  const sizeOf = (id: string): number => (id.startsWith("layer ") ? layers.get(id.slice(6)) : blobs.get(id)) ?? 0;
  const sum = (ids: Iterable<string>): number => Array.from(ids).reduce((total, id) => total + sizeOf(id), 0);

  const images = items.map(({ image, ids }) => {
    const totalBytes = sum(ids);
    const uniqueBytes = sum([...ids].filter((id) => users.get(id) === 1));
    return { image, totalBytes, uniqueBytes, sharedBytes: totalBytes - uniqueBytes };
  });
  const total = (of: ReadonlyMap<string, number>): number => of.values().reduce((bytes, size) => bytes + size, 0);
  const [blobBytes, layerBytes] = [total(blobs), total(layers)];
  return { images, blobBytes, layerBytes, unreachableBytes: blobBytes + layerBytes - sum(users.keys()) };
}

function sizes(context: Context, sql: string): ReadonlyMap<string, number> {
  return new Map(all(context.database, sql).map((row) => [row.id as string, row.size as number]));
}

/** Blobs by digest, layers marked: an uncompressed layer's blob has the same digest as its chain id. */
function itemsOf(context: Context, image: StoredImage): ReadonlySet<string> {
  const blobs = all(
    context.database,
    `WITH RECURSIVE tree(digest) AS (VALUES (?) UNION SELECT child FROM image_link JOIN tree ON parent = digest)
     SELECT digest AS id FROM tree JOIN image_blob USING (digest)`,
    image.target.digest,
  );
  const layers = image.variants.flatMap(({ chainId }) => (chainId === undefined ? [] : chainOf(context, chainId)));
  return new Set([...blobs.map((row) => row.id as string), ...layers.map((chainId) => `layer ${chainId}`)]);
}

function chainOf(context: Context, chainId: Digest): readonly string[] {
  return all(
    context.database,
    `WITH RECURSIVE chain(chain_id) AS (
       VALUES (?) UNION SELECT parent FROM image_layer JOIN chain USING (chain_id) WHERE parent IS NOT NULL)
     SELECT chain_id FROM chain`,
    chainId,
  ).map((row) => row.chain_id as string);
}
