import { type ImageToWrite, writeImageArchive } from "@ctr/image-archive";
import { type StoredImage, thisPlatform } from "@ctr/image-store";
import { formatReference, fullName, parseReference, type Reference } from "@ctr/oci";
import type { Context } from "./context.ts";

export interface SaveRequest {
  /** Names and ids. A name without a tag stands for all tags of its repository, as for `docker save`. */
  readonly images: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * The bytes of an archive of images: an OCI layout that has Docker's manifest.json as well. Blobs are copied as
 * they are. The same images give the same bytes.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND` before the first byte; `ERR_BLOB_DIGEST_MISMATCH` behind the
 *   bytes of a blob that was damaged on disk; {ImageArchiveError}
 */
export async function* save(context: Context, o: SaveRequest): AsyncGenerator<Uint8Array, void, undefined> {
  const { store } = context;
  yield* writeImageArchive({
    images: o.images.flatMap((text) => imagesOf(context, text)),
    source: {
      read: async (digest) => (store.findBlob(digest) === undefined ? undefined : store.readBlob(digest)),
      open: (digest, options) => store.readBlobStream(digest, options),
    },
    platform: thisPlatform(),
    signal: o.signal,
  });
}

function imagesOf({ store }: Context, text: string): readonly ImageToWrite[] {
  const reference = nameIn(text);
  const isWholeRepository = reference !== undefined && !text.includes("@") && !text.endsWith(`:${reference.tag}`);
  if (isWholeRepository) {
    const tagged = repositoryImages(store.list(), reference);
    if (tagged.length > 0) return tagged;
  }
  const image = store.find(text);
  const name = reference === undefined ? undefined : formatReference(reference);
  return [{ root: image.target, names: image.names.filter((one) => one === name) }];
}

function repositoryImages(images: readonly StoredImage[], reference: Reference): readonly ImageToWrite[] {
  const prefix = `${fullName(reference)}:`;
  return images.flatMap(({ target, names }) => {
    const own = names.filter((name) => name.startsWith(prefix));
    return own.length === 0 ? [] : [{ root: target, names: own }];
  });
}

function nameIn(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined; // then it is an id, or nothing
  }
}
