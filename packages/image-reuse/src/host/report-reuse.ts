import type { Digest } from "@ctr/oci";
import type {
  BlobSize,
  ImageReuse,
  ImageSource,
  LayerReuse,
  LayerSource,
  ReuseReport,
  Split,
  Tally,
  Waste,
  WastedPath,
} from "../reuse-report.ts";
import { findDuplicates } from "./find-duplicates.ts";
import { findWaste, keepLargest, type LayerWaste, noWaste } from "./find-waste.ts";
import { type MeasuredLayer, measureLayer, type SizedFile } from "./measure-layer.ts";

export interface ReportReuseOptions {
  /** What to report on. */
  readonly images: readonly ImageSource[];
  /** Images that only count as holders of bytes: their files are not looked at. */
  readonly others?: readonly ImageSource[] | undefined;
  /** Duplicates and wasted paths to tell, largest first; the others are only counted. Default 100. */
  readonly most?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Who holds which bytes: per layer, per image, on this machine. Every file of the images is looked at, and
 * read where another one has its size or its path.
 *
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE` for a layer that is not there or changes; the signal's reason
 */
export async function reportReuse(o: ReportReuseOptions): Promise<ReuseReport> {
  const { images, others = [], most = 100, signal } = o;
  const holders = holdersOf([...images, ...others]);
  const files = new Map<number, SizedFile[]>();
  const seen = new Map<Digest, Seen>();
  for (const { layers } of images)
    for (const [index, layer] of layers.entries()) {
      if (seen.has(layer.chainId)) continue;
      const measured = await measureLayer(layer, files, signal);
      const below = layers[index - 1];
      const goneNames = below === undefined ? new Map<string, number>() : seen.get(below.chainId)!.goneNames;
      const chain = [layer, ...layers.slice(0, index).reverse()] as const;
      seen.set(layer.chainId, { layer, ...measured, ...(await findWaste(chain, { goneNames, most, signal })) });
    }
  const reported = images.map((image) => describeImage(image, seen, holders));
  return {
    images: reported,
    layers: [...seen.values()].map((layer) => describeLayer(layer, seen, holders)),
    host: describeHost(images, reported, seen),
    duplicates: await findDuplicates(files, most, signal),
    wasted: largest([...seen.values()], most),
  };
}

type Seen = MeasuredLayer & LayerWaste & { readonly layer: LayerSource };

/** Ids of images by what they hold. */
interface Holders {
  readonly ofBlob: ReadonlyMap<Digest, ReadonlySet<ImageSource>>;
  readonly ofLayer: ReadonlyMap<Digest, ReadonlySet<ImageSource>>;
}

function holdersOf(images: readonly ImageSource[]): Holders {
  const [ofBlob, ofLayer] = [new Map<Digest, Set<ImageSource>>(), new Map<Digest, Set<ImageSource>>()];
  const add = (map: Map<Digest, Set<ImageSource>>, key: Digest, image: ImageSource): void => {
    const set = map.get(key);
    if (set === undefined) map.set(key, new Set([image]));
    else set.add(image);
  };
  for (const image of images) {
    for (const blob of blobsOf(image).keys()) add(ofBlob, blob, image);
    for (const { chainId } of image.layers) add(ofLayer, chainId, image);
  }
  return { ofBlob, ofLayer };
}

/** Each once: an image may name a blob twice. */
function blobsOf({ layers, documents = [] }: ImageSource): Map<Digest, number> {
  return new Map([...layers.map(({ blob }) => blob), ...documents].map(({ digest, size }) => [digest, size]));
}

function describeImage(image: ImageSource, seen: ReadonlyMap<Digest, Seen>, holders: Holders): ImageReuse {
  const layers = image.layers.map(({ chainId }) => seen.get(chainId)!);
  return {
    id: image.id,
    names: image.names,
    layers: image.layers.map(({ chainId, blob }) => ({ chainId, blob: sizeOf(blob) })),
    blobs: split([...blobsOf(image)].map(([digest, size]) => [size, isShared(holders.ofBlob, digest)])),
    disk: split(layers.map(({ layer, diskBytes }) => [diskBytes, isShared(holders.ofLayer, layer.chainId)])),
    waste: layers.reduce((sum, { waste }) => addWaste(sum, waste), noWaste),
  };
}

const sizeOf = ({ digest, size }: BlobSize): BlobSize => ({ digest, size });

const isShared = (holders: Holders[keyof Holders], id: Digest): boolean => (holders.get(id)?.size ?? 0) > 1;

function split(parts: readonly (readonly [bytes: number, isShared: boolean])[]): Split {
  const total = parts.reduce((sum, [bytes]) => sum + bytes, 0);
  const shared = parts.reduce((sum, [bytes, isShared]) => sum + (isShared ? bytes : 0), 0);
  return { total, shared, unique: total - shared };
}

function addWaste(a: Waste, b: Waste): Waste {
  return {
    copied: addTally(a.copied, b.copied),
    replaced: addTally(a.replaced, b.replaced),
    deleted: addTally(a.deleted, b.deleted),
  };
}

const addTally = (a: Tally, b: Tally): Tally => ({ files: a.files + b.files, bytes: a.bytes + b.bytes });

function describeLayer(it: Seen, seen: ReadonlyMap<Digest, Seen>, holders: Holders): LayerReuse {
  const { chainId, diffId, createdBy } = it.layer;
  const ids = (holding: ReadonlySet<ImageSource> | undefined): Digest[] => [...(holding ?? [])].map(({ id }) => id);
  const images = holders.ofLayer.get(chainId);
  const blobs = new Map<Digest, BlobSize>();
  for (const { layers } of images ?? [])
    for (const layer of layers) if (layer.chainId === chainId) blobs.set(layer.blob.digest, sizeOf(layer.blob));
  return {
    chainId,
    diffId,
    blobs: [...blobs.values()].map((blob) => ({ ...blob, images: ids(holders.ofBlob.get(blob.digest)) })),
    diskBytes: it.diskBytes,
    content: it.content,
    images: ids(images),
    unpackedAgainAs: [...seen.values()]
      .filter(({ layer }) => layer.diffId === diffId && layer.chainId !== chainId)
      .map(({ layer }) => layer.chainId),
    waste: it.waste,
    createdBy,
  };
}

function describeHost(
  images: readonly ImageSource[],
  reported: readonly ImageReuse[],
  seen: ReadonlyMap<Digest, Seen>,
): ReuseReport["host"] {
  const blobs = new Map(images.flatMap((image) => [...blobsOf(image)]));
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, bytes) => total + bytes, 0);
  return {
    blobs: { stored: sum(blobs.values()), unshared: sum(reported.map((image) => image.blobs.total)) },
    disk: {
      stored: sum([...seen.values()].map(({ diskBytes }) => diskBytes)),
      unshared: sum(reported.map((image) => image.disk.total)),
    },
  };
}

function largest(layers: readonly Seen[], most: number): readonly WastedPath[] {
  const paths = layers.flatMap((layer) => layer.paths);
  keepLargest(paths, most);
  return paths;
}
