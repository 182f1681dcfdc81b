import type { Digest } from "@ctr/oci";
import type { StoredImage } from "../stored-image.ts";
import { blockBytes } from "./collect.ts";
import { blobPath, type Context } from "./context.ts";
import { all } from "./database.ts";
import { listImages } from "./images.ts";

/** Bytes on disk as du(1) counts them, in blocks: blobs as they are stored, layers as they are unpacked. */
export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  readonly items: readonly ItemUsage[];
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

/** A blob or an unpacked layer, and who needs it. */
export interface ItemUsage {
  readonly kind: "blob" | "layer";
  /** Digest of a blob, chain id of a layer. */
  readonly id: Digest;
  readonly bytes: number;
  /** Targets of the images that use it. */
  readonly images: readonly Digest[];
  /** Who holds it, or a layer above it: containers, the build cache. */
  readonly holders: readonly string[];
}

type GrowingItem = ItemUsage & { readonly images: Digest[]; readonly holders: string[] };

/**
 * How much each image takes, and how much of it is its own. A blob's file is asked for its size; a layer has
 * the size that it had when it was unpacked, since nobody may change it.
 */
export function diskUsage(context: Context): DiskUsage {
  const items = readItems(context);
  const found = listImages(context);
  for (const image of found) for (const item of itemsOf(context, items, image)) item.images.push(image.target.digest);
  for (const { holder, chain_id } of all(context.database, "SELECT holder, chain_id FROM image_hold"))
    for (const item of chainOf(context, items, chain_id as Digest)) item.holders.push(holder as string);
  const images = found.map((image) => {
    const own = [...itemsOf(context, items, image)];
    const totalBytes = sum(own);
    const uniqueBytes = sum(own.filter((item) => item.images.length === 1));
    return { image, totalBytes, uniqueBytes, sharedBytes: totalBytes - uniqueBytes };
  });
  const list = [...items.blobs.values(), ...items.layers.values()];
  return {
    images,
    items: list,
    blobBytes: sum(items.blobs.values()),
    layerBytes: sum(items.layers.values()),
    unreachableBytes: sum(list.filter((item) => item.images.length === 0)),
  };
}

const sum = (items: Iterable<ItemUsage>): number => Array.from(items).reduce((total, item) => total + item.bytes, 0);

// An uncompressed layer's blob has the same digest as its chain id.
interface Items {
  readonly blobs: ReadonlyMap<Digest, GrowingItem>;
  readonly layers: ReadonlyMap<Digest, GrowingItem>;
}

function readItems(context: Context): Items {
  const item = (kind: "blob" | "layer", id: Digest, bytes: number): [Digest, GrowingItem] => [
    id,
    { kind, id, bytes, images: [], holders: [] },
  ];
  const blobs = all(context.database, "SELECT digest FROM image_blob").map(({ digest }) =>
    item("blob", digest as Digest, blockBytes(blobPath(context, digest as Digest))),
  );
  const layers = all(context.database, "SELECT chain_id, size FROM image_layer").map(({ chain_id, size }) =>
    item("layer", chain_id as Digest, size as number),
  );
  return { blobs: new Map(blobs), layers: new Map(layers) };
}

function itemsOf(context: Context, items: Items, image: StoredImage): ReadonlySet<GrowingItem> {
  const blobs = all(
    context.database,
    `WITH RECURSIVE tree(digest) AS (VALUES (?) UNION SELECT child FROM image_link JOIN tree ON parent = digest)
     SELECT digest FROM tree JOIN image_blob USING (digest)`,
    image.target.digest,
  ).map((row) => items.blobs.get(row.digest as Digest));
  const layers = image.variants.flatMap(({ chainId }) =>
    chainId === undefined ? [] : chainOf(context, items, chainId),
  );
  return new Set([...blobs, ...layers].filter((item) => item !== undefined));
}

function chainOf(context: Context, items: Items, chainId: Digest): readonly GrowingItem[] {
  return all(
    context.database,
    `WITH RECURSIVE chain(chain_id) AS (
       VALUES (?) UNION SELECT parent FROM image_layer JOIN chain USING (chain_id) WHERE parent IS NOT NULL)
     SELECT chain_id FROM chain`,
    chainId,
  )
    .map((row) => items.layers.get(row.chain_id as Digest))
    .filter((item) => item !== undefined);
}
