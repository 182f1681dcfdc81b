import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type ItemUsage, measureTree, shortNameBytes } from "@ctr/image-store";
import type { Digest } from "@ctr/oci";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";
import { type ImageSummary, listImages } from "./image-list.ts";

/** What one kind of thing takes, bytes on disk. */
export interface UsageTotal {
  readonly count: number;
  /** How many of them are in use: by a container, or running themselves. */
  readonly active: number;
  readonly bytes: number;
  /** Of that, what removing everything that is not in use would give back. */
  readonly reclaimable: number;
}

/** What a state directory takes on disk. */
export interface SystemUsage {
  readonly images: readonly (ImageSummary & {
    readonly totalBytes: number;
    readonly sharedBytes: number;
    readonly uniqueBytes: number;
  })[];
  /** With what each has written, and its log and settings. */
  readonly containers: readonly { readonly record: ContainerRecord; readonly bytes: number }[];
  /** Layers that builds keep. */
  readonly cache: readonly { readonly chainId: Digest; readonly bytes: number; readonly isShared: boolean }[];
  readonly total: {
    readonly images: UsageTotal;
    readonly containers: UsageTotal;
    /** Bytes only of what no image has. */
    readonly cache: UsageTotal;
    /** The directories themselves, layers that only containers keep, work in progress, and what a crash left. */
    readonly other: UsageTotal;
  };
  /** All of it: what `du -sxc --block-size=1` says of `images`, `overlay2` and `containers`. */
  readonly bytes: number;
}

const cachePrefix = "build-cache:";

/** How much a state directory takes. Containers are measured; an unpacked layer has the size it was unpacked with. */
export async function systemUsage(context: Context): Promise<SystemUsage> {
  const summaries = await listImages(context);
  const usage = context.store.diskUsage();
  const ofImage = new Map(usage.images.map((one) => [one.image.target.digest, one]));
  const images = summaries.map((summary) => ({ ...summary, ...bytesOf(ofImage.get(summary.image.target.digest)) }));
  const containers: { readonly record: ContainerRecord; readonly bytes: number }[] = [];
  for (const record of context.table.all())
    containers.push({ record, bytes: await measureContainer(context, record.id) });
  const cached = usage.items.filter(isCached);
  const held = cached.filter((item) => item.holders.includes(`${cachePrefix}${item.id}`));
  const inUse = new Set(images.filter((image) => image.containers > 0).map(({ image }) => image.target.digest));
  const ofImages = usage.items.filter((item) => item.images.length > 0);
  const onlyCached = cached.filter((item) => item.images.length === 0);
  const idle = containers.filter(({ record }) => record.state === "created" || record.state === "exited");
  const bytes = await measureAll(context, containers);
  const sums = { images: sum(ofImages), containers: sum(containers), cache: sum(onlyCached) };
  return {
    images,
    containers,
    cache: held.map((item) => ({ chainId: item.id, bytes: item.bytes, isShared: item.images.length > 0 })),
    total: {
      images: {
        count: images.length,
        active: inUse.size,
        bytes: sums.images,
        reclaimable: sum(
          ofImages.filter((item) => item.holders.length === 0 && !item.images.some((target) => inUse.has(target))),
        ),
      },
      containers: {
        count: containers.length,
        active: containers.length - idle.length,
        bytes: sums.containers,
        reclaimable: sum(idle),
      },
      cache: {
        count: held.length,
        active: 0,
        bytes: sums.cache,
        reclaimable: sum(onlyCached.filter((item) => item.holders.every((holder) => holder.startsWith(cachePrefix)))),
      },
      other: {
        count: 0,
        active: 0,
        bytes: bytes - sums.images - sums.containers - sums.cache,
        reclaimable: sum(usage.items.filter((item) => item.images.length + item.holders.length === 0)),
      },
    },
    bytes,
  };
}

const isCached = ({ holders }: ItemUsage): boolean => holders.some((holder) => holder.startsWith(cachePrefix));

function bytesOf(usage: { totalBytes: number; sharedBytes: number; uniqueBytes: number } | undefined) {
  const { totalBytes = 0, sharedBytes = 0, uniqueBytes = 0 } = usage ?? {};
  return { totalBytes, sharedBytes, uniqueBytes };
}

const sum = (items: readonly { readonly bytes: number }[]): number =>
  items.reduce((total, { bytes }) => total + bytes, 0);

/** What a container has written, its log and its settings. */
export async function measureContainer(context: Context, id: string): Promise<number> {
  const overlay = overlayRoot(context);
  const writable = (await measureTree(join(overlay, id))) + shortNameBytes(overlay, id);
  return writable + (await measureTree(containerDirectory(context.root, id)));
}

async function measureAll(
  context: Context,
  containers: readonly { readonly record: ContainerRecord; readonly bytes: number }[],
): Promise<number> {
  const overlay = overlayRoot(context);
  const layers = context.store.layers();
  const known = new Set([...layers.map(({ cacheId }) => cacheId), ...containers.map(({ record }) => record.id)]);
  const counted = new Set(["l", ...known]);
  const others = [overlay, join(context.root, "containers")].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => !counted.has(name))
      .map((name) => join(directory, name)),
  );
  let bytes = sum(containers) + layers.reduce((total, { size }) => total + size, 0);
  for (const directory of [overlay, join(context.root, "containers")]) bytes += lstatSync(directory).blocks * 512;
  // The short names of layers and containers are counted with them.
  bytes += await measureTree(join(overlay, "l"));
  for (const cacheId of known) bytes -= shortNameBytes(overlay, cacheId);
  for (const path of [join(context.root, "images"), ...others]) bytes += await measureTree(path);
  return bytes;
}
