import { type Compression, detectCompression } from "@ctr/layers";
import {
  type Descriptor,
  type Digest,
  encodeJson,
  type ImageConfig,
  type Manifest,
  mediaTypes,
  normalizePlatform,
} from "@ctr/oci";
import type { ArchiveContents, KeptFile } from "./archive-contents.ts";
import type { ArchivedImage, ArchivedVariant, ArchiveSink, Blob } from "./archived-image.ts";
import type { DockerImage } from "./docker-manifest.ts";
import type { DocumentReader } from "./document-reader.ts";
import { ImageArchiveError, quote } from "./image-archive-error.ts";
import { ImageNames } from "./image-names.ts";
import { memberName } from "./member-name.ts";

// What Docker wrote before version 25, and Podman and skopeo do as docker-archive:
//
//   manifest.json           [{ Config: "<hex>.json", RepoTags: ["busybox:1"], Layers: ["<id>/layer.tar", …] }]
//   <hex>.json              the config, whose digest is the image's id
//   <id>/layer.tar          a layer, or a symlink to that of another id; <id>/json, <id>/VERSION for older Dockers
//
// There is no manifest in it, so one is made. It depends on nothing but the image: the same one every time.

/**
 * The images of an archive that has Docker's list only. Their manifests are written to the sink.
 *
 * @throws {ImageArchiveError}
 */
export async function dockerImages(
  contents: ArchiveContents,
  documents: DocumentReader,
  sink: ArchiveSink,
  docker: readonly DockerImage[],
): Promise<readonly ArchivedImage[]> {
  const names = new ImageNames();
  const images = new Map<Digest, { readonly root: Descriptor; readonly variants: readonly ArchivedVariant[] }>();
  for (const [index, image] of docker.entries()) {
    const made = await makeImage(contents, documents, sink, image, index);
    images.set(made.root.digest, made);
    for (const tag of image.RepoTags) names.claim(tag, made.root.digest);
  }
  return [...images.values()].map((image) => ({ ...image, names: names.of(image.root.digest) }));
}

async function makeImage(
  contents: ArchiveContents,
  documents: DocumentReader,
  sink: ArchiveSink,
  image: DockerImage,
  index: number,
): Promise<{ readonly root: Descriptor; readonly variants: readonly ArchivedVariant[] }> {
  const configName = memberName(image.Config);
  const role = `the config of image ${index} in manifest.json`;
  const configFile = contents.file(configName, { role, followLink: false });
  checkNamedDigest(configName, configFile);
  const config = await documents.config(configFile);
  const files = image.Layers.map((layer, position) =>
    contents.file(memberName(layer), {
      role: `layer ${position} of image ${index} in manifest.json`,
      followLink: true,
    }),
  );
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: configFile.digest, size: configFile.size },
    layers: layerDescriptors(files, config, image, index),
  };
  const bytes = new TextEncoder().encode(encodeJson(manifest));
  const root = { mediaType: mediaTypes.manifest, ...(await writeDocument(sink, bytes)) };
  const { os, architecture, variant } = config;
  const platform = normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
  return { root, variants: [{ manifest: root, config: configFile.digest, platform }] };
}

/** `<hex>.json`, and `sha256:<hex>` of go-containerregistry, say what the bytes must be. */
function checkNamedDigest(name: string, { digest }: Blob): void {
  const hex = /^(?:sha256:)?([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex !== undefined && digest !== `sha256:${hex}`)
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_MISMATCH",
      `the config ${quote(name)} has the digest ${digest}; the archive is damaged`,
    );
}

const layerTypes: Readonly<Record<string, string>> = {
  none: mediaTypes.layer,
  gzip: mediaTypes.layerGzip,
  zstd: mediaTypes.layerZstd,
} satisfies Partial<Record<Compression, string>>;

function layerDescriptors(
  files: readonly KeptFile[],
  config: ImageConfig,
  image: DockerImage,
  index: number,
): readonly Descriptor[] {
  const diffIds = config.rootfs.diff_ids;
  if (files.length !== diffIds.length)
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_MISMATCH",
      `image ${index} in manifest.json has ${files.length} layers, its config ${diffIds.length}`,
    );
  return files.map(({ digest, size, start }, position) => {
    const name = image.Layers[position]!;
    const compression = compressionOf(start, name);
    if (compression === "none" && digest !== diffIds[position])
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `the layer ${quote(name)} has the digest ${digest}, its image's config says ${diffIds[position]}; the archive is damaged`,
      );
    return { mediaType: layerTypes[compression]!, digest, size };
  });
}

function compressionOf(start: Uint8Array, name: string): string {
  const compression = detectCompression(start);
  if (layerTypes[compression] !== undefined) return compression;
  throw new ImageArchiveError(
    "ERR_IMAGE_ARCHIVE_DOCUMENT",
    `the layer ${quote(name)} is compressed in a way that layers are not: plain tar, gzip and zstd can be used`,
  );
}

function writeDocument(sink: ArchiveSink, bytes: Uint8Array): Promise<Blob> {
  const chunks = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield bytes;
  })();
  return sink.write(chunks, { expected: { size: bytes.length } });
}
