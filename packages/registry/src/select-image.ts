import {
  type Descriptor,
  formatPlatform,
  isIndexType,
  isManifestType,
  type Platform,
  selectPlatform as selectFrom,
} from "@ctr/oci";
import type { ImageDocument } from "./manifest.ts";
import { printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";

/** Indexes inside each other that are followed: one that lists images, and one that lists such lists. */
export const maxIndexDepth = 2;

/** An image for one platform, and the documents that led to it, outermost first. */
export interface SelectedImage {
  readonly image: Extract<ImageDocument, { kind: "manifest" }>;
  readonly indexes: readonly ImageDocument[];
}

/**
 * Go from what a name stands for to the manifest of one platform.
 *
 * @param o.fetch  Gets a document that an index names; it must verify it.
 * @param o.strict  Take exactly this platform, not one that the machine runs too.
 * @throws {RegistryError} `ERR_REGISTRY_PLATFORM` with the platforms there are; `ERR_REGISTRY_LIMIT`
 *   for indexes nested more than two deep
 */
export async function selectImage(o: {
  readonly root: ImageDocument;
  readonly platform: Platform;
  readonly strict?: boolean | undefined;
  readonly fetch: (descriptor: Descriptor) => Promise<ImageDocument>;
  readonly at: RegistryErrorDetails;
}): Promise<SelectedImage> {
  const indexes: ImageDocument[] = [];
  let current = o.root;
  while (current.kind === "index") {
    indexes.push(current);
    if (indexes.length > maxIndexDepth)
      throw new RegistryError("ERR_REGISTRY_LIMIT", `indexes are nested more than ${maxIndexDepth} deep`, o.at);
    const { manifests } = current.index;
    const found =
      selectFrom({ manifests, host: o.platform, ...(o.strict === true ? { strict: true } : {}) }) ??
      // An index that lists another one usually leaves the platform to it.
      onlyNested(manifests);
    if (found === undefined) throw noPlatform(manifests, o.platform, o.at);
    current = await o.fetch(found);
  }
  return { image: current, indexes };
}

function onlyNested(manifests: readonly Descriptor[]): Descriptor | undefined {
  const nested = manifests.filter((it) => it.platform === undefined && isIndexType(it.mediaType));
  return nested.length === 1 ? nested[0] : undefined;
}

function noPlatform(manifests: readonly Descriptor[], wanted: Platform, at: RegistryErrorDetails): RegistryError {
  // Attestations are listed as images for a platform that no machine has.
  const there = manifests
    .filter((it) => isManifestType(it.mediaType) && it.platform !== undefined && it.platform.os !== "unknown")
    .map((it) => formatPlatform(it.platform!));
  const list =
    there.length === 0 ? "it names no platform at all" : `there are ${printable([...new Set(there)].join(", "), 400)}`;
  return new RegistryError("ERR_REGISTRY_PLATFORM", `nothing for ${formatPlatform(wanted)}; ${list}`, at);
}
