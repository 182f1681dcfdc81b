import { type ArchiveMember, LayerError, tarEntry, writeArchive } from "@ctr/layers";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  encodeJson,
  mediaTypes,
  type Platform,
  selectPlatform,
} from "@ctr/oci";
import type { ArchiveSource } from "./archived-image.ts";
import { ImageArchiveError } from "./image-archive-error.ts";
import { type ImageBlobs, readImageBlobs } from "./image-blobs.ts";
import { containerdName, refName } from "./image-names.ts";

export interface ImageToWrite {
  /** A manifest or an index. */
  readonly root: Descriptor;
  /** In full, as `formatReference` gives them. */
  readonly names: readonly string[];
}

export interface WriteImageArchiveOptions {
  readonly images: readonly ImageToWrite[];
  readonly source: ArchiveSource;
  /** Which image of an index programs are shown that know no indexes. Default: the first. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of an archive that is an OCI layout and has Docker's `manifest.json` as well, as Docker writes since
 * version 25. The same images give the same bytes, on every machine and in any order of `images`.
 *
 * Nothing is yielded before all documents are read and known to be there.
 *
 * @throws {ImageArchiveError}, what `source` throws, or the signal's reason
 */
export async function* writeImageArchive(o: WriteImageArchiveOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const images: Image[] = [];
  for (const image of merge(o.images)) images.push({ ...image, blobs: await readImageBlobs(o.source, image.root) });
  const blobs = new Map(images.flatMap((image) => image.blobs.all.map((blob) => [blob.digest, blob])));
  try {
    yield* writeArchive(members(o, images, blobs));
  } catch (error) {
    if (!(error instanceof LayerError)) throw error;
    throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_MISMATCH", error.message, { cause: error });
  }
}

interface Image extends ImageToWrite {
  readonly blobs: ImageBlobs;
}

/** Each root once, in an order that depends on the images alone. */
function merge(images: readonly ImageToWrite[]): readonly ImageToWrite[] {
  const merged = new Map<Digest, ImageToWrite>();
  for (const { root, names } of images) {
    const all = new Set([...(merged.get(root.digest)?.names ?? []), ...names]);
    merged.set(root.digest, { root, names: [...all].sort() });
  }
  const key = ({ root, names }: ImageToWrite): string => `${names[0] ?? "~"} ${root.digest}`;
  return [...merged.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function* members(
  o: WriteImageArchiveOptions,
  images: readonly Image[],
  blobs: ReadonlyMap<Digest, Descriptor>,
): Generator<ArchiveMember, void, undefined> {
  const { source, signal } = o;
  const sorted = [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  yield directory("blobs/");
  for (const algorithm of new Set(sorted.map(({ digest }) => digestAlgorithm(digest)))) {
    yield directory(`blobs/${algorithm}/`);
    for (const { digest, size } of sorted) {
      if (digestAlgorithm(digest) !== algorithm) continue;
      signal?.throwIfAborted();
      const content = source.open(digest, signal === undefined ? {} : { signal });
      yield { entry: tarEntry({ name: blobName(digest), type: "file", size }), content };
    }
  }
  yield file("index.json", { schemaVersion: 2, mediaType: mediaTypes.index, manifests: images.flatMap(layoutEntries) });
  yield file(
    "manifest.json",
    images.flatMap((image) => dockerEntry(image, o.platform)),
  );
  yield file("oci-layout", { imageLayoutVersion: "1.0.0" });
}

const directory = (name: string): ArchiveMember => ({ entry: tarEntry({ name, type: "directory" }) });

function file(name: string, document: unknown): ArchiveMember {
  const bytes = new TextEncoder().encode(encodeJson(document));
  return { entry: tarEntry({ name, type: "file", size: bytes.length }), content: [bytes] };
}

/** `blobs/sha256/<hex>` @see image-spec image-layout.md#blobs */
const blobName = (digest: Digest): string => `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;

/** One for each name, as containerd and Docker write and expect it. */
function layoutEntries({ root: { mediaType, digest, size }, names }: Image): readonly Descriptor[] {
  const descriptor = { mediaType, digest, size };
  if (names.length === 0) return [descriptor];
  return names.map((name) => ({ ...descriptor, annotations: { [containerdName]: name, [refName]: name } }));
}

/** For Docker's list an image is one platform's. What cannot be run, an artifact, is not in it. */
function dockerEntry({ names, blobs: { runnable } }: Image, platform: Platform | undefined): readonly unknown[] {
  const selected =
    platform === undefined
      ? undefined
      : selectPlatform({ manifests: runnable.map(({ manifest }) => manifest), host: platform });
  const variant = runnable.find(({ manifest }) => manifest.digest === selected?.digest) ?? runnable[0];
  if (variant === undefined) return [];
  // In full: Podman takes a short name for one of its own "localhost".
  const tags = names.filter((name) => !name.includes("@"));
  return [
    {
      Config: blobName(variant.config.digest),
      RepoTags: tags.length === 0 ? null : tags,
      Layers: variant.layers.map(({ digest }) => blobName(digest)),
    },
  ];
}
