import {
  type Descriptor,
  type Digest,
  isConfigType,
  isIndexType,
  isManifestType,
  layerCompression,
  normalizePlatform,
  type Platform,
  parseImageLayout,
  parseIndex,
  parseManifest,
} from "@ctr/oci";
import type { ArchiveContents } from "./archive-contents.ts";
import type { ArchivedImage, ArchivedVariant } from "./archived-image.ts";
import type { DockerImage } from "./docker-manifest.ts";
import { type DocumentReader, readAs } from "./document-reader.ts";
import { ImageArchiveError, quote } from "./image-archive-error.ts";
import { annotatedName, ImageNames } from "./image-names.ts";
import { memberName } from "./member-name.ts";

/** Indexes may name indexes; no honest one does so deeper. */
const deepestIndex = 4;
/** Documents that are read, each time that one is named. */
const mostVisits = 20_000;

/**
 * The images of an archive that is an OCI layout.
 *
 * @param docker  What `manifest.json`, if there is one, says of the same images.
 * @throws {ImageArchiveError}
 * @see image-spec image-layout.md
 */
export async function layoutImages(
  contents: ArchiveContents,
  documents: DocumentReader,
  docker: readonly DockerImage[],
): Promise<readonly ArchivedImage[]> {
  const roots = await readRoots(contents);
  const names = new ImageNames();
  const visitor = new Visitor(documents);
  const images = new Map<Digest, { readonly root: Descriptor; readonly variants: readonly ArchivedVariant[] }>();
  for (const descriptor of roots) {
    const { mediaType, digest, size } = descriptor;
    const root = { mediaType, digest, size };
    if (!images.has(digest)) images.set(digest, { root, variants: await visitor.variants(root) });
    else documents.check("the image", root);
    const name = annotatedName(descriptor.annotations);
    if (name !== undefined) names.claim(name, digest);
  }
  claimDockerNames(docker, [...images.values()], contents, names);
  return [...images.values()].map((image) => ({ ...image, names: names.of(image.root.digest) }));
}

async function readRoots(contents: ArchiveContents): Promise<readonly Descriptor[]> {
  const marker = contents.documents.get("oci-layout");
  if (marker === undefined)
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_FORMAT",
      "the archive has index.json, but no oci-layout beside it; it may have been cut short",
    );
  await readAs("oci-layout", () => marker, parseImageLayout);
  return (await readAs("index.json", () => contents.documents.get("index.json")!, parseIndex)).manifests;
}

class Visitor {
  readonly #documents: DocumentReader;
  #visits = 0;

  constructor(documents: DocumentReader) {
    this.#documents = documents;
  }

  async variants(root: Descriptor): Promise<readonly ArchivedVariant[]> {
    const found: ArchivedVariant[] = [];
    await this.#visit(root, 0, found);
    return found;
  }

  async #visit(target: Descriptor, depth: number, found: ArchivedVariant[]): Promise<void> {
    if (depth > deepestIndex)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_LIMIT",
        `the index ${target.digest} is nested more than ${deepestIndex} deep`,
      );
    if (++this.#visits > mostVisits)
      throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_LIMIT", `the archive names more than ${mostVisits} manifests`);
    if (isIndexType(target.mediaType)) await this.#visitIndex(target, depth, found);
    else if (isManifestType(target.mediaType)) await this.#visitManifest(target, found);
    else
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_DOCUMENT",
        `${target.digest} is neither a manifest nor an index but ${quote(target.mediaType)}`,
      );
  }

  async #visitIndex(target: Descriptor, depth: number, found: ArchivedVariant[]): Promise<void> {
    const index = await this.#documents.document("the index", target, (bytes) => parseIndex(bytes, target.mediaType));
    // Docker and containerd write the whole index, and of its platforms those that they have.
    const present = index.manifests.filter(({ digest }) => this.#documents.has(digest));
    if (present.length === 0 && index.manifests.length > 0)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_INCOMPLETE",
        `none of the manifests that the index ${target.digest} names is in the archive`,
      );
    for (const manifest of present) await this.#visit(manifest, depth + 1, found);
  }

  async #visitManifest(target: Descriptor, found: ArchivedVariant[]): Promise<void> {
    const manifest = await this.#documents.document("the manifest", target, (bytes) =>
      parseManifest(bytes, target.mediaType),
    );
    this.#documents.check("the config", manifest.config);
    for (const layer of manifest.layers) this.#documents.check("the layer", layer);
    if (!isConfigType(manifest.config.mediaType)) return; // an artifact: nothing to run
    const config = await this.#documents.config(manifest.config);
    const { os, architecture, variant } = target.platform ?? config;
    // Builders file their attestations beside the images, under a platform that nothing is.
    if (os === "unknown") return;
    if (config.rootfs.diff_ids.length !== manifest.layers.length)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `the manifest ${target.digest} has ${manifest.layers.length} layers, its config ${config.rootfs.diff_ids.length}`,
      );
    for (const [index, { mediaType }] of manifest.layers.entries())
      if (layerCompression(mediaType) === undefined)
        throw new ImageArchiveError(
          "ERR_IMAGE_ARCHIVE_DOCUMENT",
          `layer ${index} of the manifest ${target.digest} has the media type ${quote(mediaType)}, which is no layer's`,
        );
    const platform: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    found.push({ manifest: target, config: manifest.config.digest, platform: normalizePlatform(platform) });
  }
}

/** Two lists of images in one archive must be one list, or two programs would load two different images. */
function claimDockerNames(
  docker: readonly DockerImage[],
  images: readonly Omit<ArchivedImage, "names">[],
  contents: ArchiveContents,
  names: ImageNames,
): void {
  for (const [index, { Config, RepoTags }] of docker.entries()) {
    const role = `the config of image ${index} in manifest.json`;
    const { digest } = contents.file(memberName(Config), { role, followLink: false });
    const holders = images.filter(({ variants }) => variants.some(({ config }) => config === digest));
    if (holders[0] === undefined)
      throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_MISMATCH", `${role} is ${digest}, which index.json does not have`);
    for (const tag of RepoTags) {
      const known = names.find(tag);
      if (known === undefined) names.claim(tag, holders[0].root.digest);
      else if (!holders.some(({ root }) => root.digest === known))
        throw new ImageArchiveError(
          "ERR_IMAGE_ARCHIVE_MISMATCH",
          `manifest.json and index.json give the name ${quote(tag)} to different images`,
        );
    }
  }
}
