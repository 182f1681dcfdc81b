import { type Descriptor, isIndexType, isManifestType, type Platform } from "@ctr/oci";
import { eventsOf } from "./event-stream.ts";
import type { ImageDocument } from "./manifest.ts";
import { type ManifestName, manifestLabel } from "./names.ts";
import { type PushEvent, pushImage } from "./push-image.ts";
import type { Registry } from "./registry.ts";
import { selectImage } from "./select-image.ts";
import type { BlobSource } from "./upload.ts";

/** An image's place on a registry. */
export interface ImagePlace extends ManifestName {
  readonly registry: Registry;
}

export interface CopyOptions {
  readonly from: ImagePlace;
  readonly to: ImagePlace;
  /** Copy the image of one platform only. By default the whole index goes. */
  readonly platform?: Platform | undefined;
  /** Take exactly `platform`, not one that it runs as well. */
  readonly strict?: boolean | undefined;
  readonly chunkBytes?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copy an image from one registry to another, or inside of one, without storing it. What is there is
 * not sent; on one registry blobs are mounted.
 *
 * @throws {RegistryError}, or the signal's reason
 */
export function copyImage(o: CopyOptions): AsyncGenerator<PushEvent, void, undefined> {
  return eventsOf<PushEvent>(o.signal, async (emit, signal) => {
    const { registry, repository, reference } = o.from;
    const root = await registry.resolve({ repository, reference, signal });
    const document = o.platform === undefined ? root : await selected(o, { root, platform: o.platform, signal });
    const isSameRegistry = registry.host === o.to.registry.host;
    const push = pushImage({
      ...o.to,
      root: document.descriptor,
      source: remoteSource(o.from, document, signal),
      origins: isSameRegistry ? () => [repository] : undefined,
      chunkBytes: o.chunkBytes,
      concurrency: o.concurrency,
      signal,
    });
    for await (const event of push) emit(event, event.kind === "progress" ? event.descriptor.digest : undefined);
  });
}

async function selected(
  { from, strict }: CopyOptions,
  o: { readonly root: ImageDocument; readonly platform: Platform; readonly signal: AbortSignal },
): Promise<ImageDocument> {
  const { registry, repository } = from;
  const { image } = await selectImage({
    root: o.root,
    platform: o.platform,
    strict,
    at: { host: registry.host, object: manifestLabel(from) },
    fetch: (descriptor) => registry.fetchManifest({ repository, descriptor, signal: o.signal }),
  });
  return image;
}

function remoteSource(from: ImagePlace, root: ImageDocument, signal: AbortSignal): BlobSource {
  const { registry, repository } = from;
  return {
    async *open(descriptor: Descriptor, start: number): AsyncGenerator<Uint8Array, void, undefined> {
      if (descriptor.digest === root.descriptor.digest) yield root.bytes.subarray(start);
      else if (isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType))
        yield (await registry.fetchManifest({ repository, descriptor, signal })).bytes.subarray(start);
      else {
        // Read from the beginning even for the rest of a cut upload: only the whole can be verified.
        let skip = start;
        for await (const chunk of registry.fetchBlob({ repository, descriptor, signal })) {
          if (chunk.length > skip) yield chunk.subarray(skip);
          skip = Math.max(skip - chunk.length, 0);
        }
      }
    },
  };
}
