import { type ArchivedImage, readImageArchive } from "@ctr/image-archive";
import { thisPlatform } from "@ctr/image-store";
import { type Digest, parseImageConfig, parseManifest } from "@ctr/oci";
import type { Context } from "./context.ts";
import { noteLoad } from "./reuse-transfers.ts";
import { unpackImage } from "./unpack.ts";

export interface LoadRequest {
  /** An archive of images, compressed or not, as it comes from a file or a pipe. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** An image that is in the store now. */
export interface LoadedImage {
  /** What Docker calls its id; for an image of several platforms that of this machine's. */
  readonly id: Digest;
  /** In full: `docker.io/library/busybox:latest`. */
  readonly names: readonly string[];
}

/**
 * Load the images of an archive. Blobs that are in the store are not written again, and layers that are unpacked
 * stay as they are. An image has its names when all images of the archive are there, unpacked and verified.
 *
 * @throws {ImageArchiveError} {LayerError} {ImageStoreError}; the store lists what it listed before
 */
export async function* load(context: Context, o: LoadRequest): AsyncGenerator<LoadedImage, void, undefined> {
  const { store } = context;
  const written = new Set<Digest>();
  const images = await readImageArchive({
    archive: o.archive,
    sink: {
      write: async (chunks, options) => {
        const blob = await store.writeBlob(chunks, options);
        written.add(blob.digest);
        return blob;
      },
      read: (digest) => store.readBlob(digest),
      has: (digest) => store.leaseBlob(digest) !== undefined,
    },
    signal: o.signal,
  });
  for (const image of images) await unpack(context, image, o.signal);
  for (const { root, names } of images) {
    const image = await store.addImage({ target: root, names });
    await noteLoad(context, image, written);
    yield { id: idOf(context, image.target.digest), names };
  }
}

/** All platforms: an image that is listed has its diff ids verified, and can be run where an interpreter for it is. */
async function unpack(context: Context, image: ArchivedImage, signal: AbortSignal | undefined): Promise<void> {
  const { store } = context;
  for (const { manifest, config } of image.variants)
    await unpackImage(context, {
      manifest: parseManifest(await store.readBlob(manifest.digest), manifest.mediaType),
      config: parseImageConfig(await store.readBlob(config)),
      signal,
    });
}

function idOf({ store }: Context, root: Digest): Digest {
  const { variants } = store.find(root);
  const [only] = variants;
  if (variants.length <= 1) return only?.config ?? root;
  const here = thisPlatform();
  const own = variants.find((it) => it.platform.os === here.os && it.platform.architecture === here.architecture);
  return (own ?? only)!.config;
}
