import {
  type Descriptor,
  type Digest,
  isConfigType,
  isIndexType,
  isManifestType,
  layerCompression,
  type Manifest,
  maxManifestBytes,
  OciError,
  parseIndex,
  parseManifest,
} from "@ctr/oci";
import type { ArchiveSource } from "./archived-image.ts";
import { ImageArchiveError } from "./image-archive-error.ts";

/** What an image consists of, as far as the source has it. */
export interface ImageBlobs {
  /** Each blob once, documents too. */
  readonly all: readonly Descriptor[];
  /** In the order of the index. */
  readonly runnable: readonly RunnableImage[];
}

interface RunnableImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const deepestIndex = 4;

/**
 * Follow an image's documents down to its blobs. Manifests of an index that are not there are left out: a pull
 * fetches the platform that was asked for, and the index is kept as it is.
 *
 * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_INCOMPLETE`, `ERR_IMAGE_ARCHIVE_DOCUMENT`, `ERR_IMAGE_ARCHIVE_LIMIT`
 */
export async function readImageBlobs(source: ArchiveSource, root: Descriptor): Promise<ImageBlobs> {
  const walk = new Walk(source);
  if (!(await walk.visit(root, 0)))
    throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_INCOMPLETE", `${root.digest} is not there, so it cannot be saved`);
  return { all: [...walk.blobs.values()], runnable: walk.runnable };
}

class Walk {
  readonly blobs: Map<Digest, Descriptor> = new Map();
  readonly runnable: RunnableImage[] = [];
  readonly #source: ArchiveSource;

  constructor(source: ArchiveSource) {
    this.#source = source;
  }

  /** False when the source does not have it. */
  async visit(target: Descriptor, depth: number): Promise<boolean> {
    if (this.blobs.has(target.digest)) return true;
    if (depth > deepestIndex || target.size > maxManifestBytes)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_LIMIT",
        `${target.digest} is nested more than ${deepestIndex} deep, or larger than ${maxManifestBytes} bytes`,
      );
    const bytes = await this.#source.read(target.digest);
    if (bytes === undefined) return false;
    this.blobs.set(target.digest, target);
    if (isIndexType(target.mediaType)) await this.#visitIndex(target, bytes, depth);
    else if (isManifestType(target.mediaType)) this.#visitManifest(target, parse(target, bytes, parseManifest));
    else throw unusable(target, `its media type ${JSON.stringify(target.mediaType)} is no manifest's and no index's`);
    return true;
  }

  async #visitIndex(target: Descriptor, bytes: Uint8Array, depth: number): Promise<void> {
    const { manifests } = parse(target, bytes, parseIndex);
    let present = 0;
    for (const manifest of manifests) if (await this.visit(manifest, depth + 1)) present++;
    if (present === 0 && manifests.length > 0)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_INCOMPLETE",
        `none of the manifests that the index ${target.digest} names is there, so it cannot be saved`,
      );
  }

  #visitManifest(manifest: Descriptor, { config, layers }: Manifest): void {
    for (const blob of [config, ...layers]) this.blobs.set(blob.digest, blob);
    // Attestations have the config of an image, and no layers of one.
    const isImage =
      isConfigType(config.mediaType) && layers.every((it) => layerCompression(it.mediaType) !== undefined);
    if (isImage) this.runnable.push({ manifest, config, layers });
  }
}

function parse<T>(target: Descriptor, bytes: Uint8Array, read: (bytes: Uint8Array, mediaType: string) => T): T {
  try {
    return read(bytes, target.mediaType);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw unusable(target, error.message, error);
  }
}

function unusable({ digest }: Descriptor, why: string, cause?: unknown): ImageArchiveError {
  return new ImageArchiveError("ERR_IMAGE_ARCHIVE_DOCUMENT", `${digest} cannot be saved: ${why}`, { cause });
}
