import type { Descriptor, ImageConfig, Index, Manifest, Platform } from "@ctr/oci";
import { checkImage, readConfig } from "./image-config.ts";
import { type ManifestName, manifestLabel } from "./names.ts";
import type { Registry } from "./registry.ts";
import { selectImage } from "./select-image.ts";

/** What an image is, without its layers. */
export interface InspectedImage {
  /** What the name stands for: an index, or the manifest itself. */
  readonly root: Descriptor;
  /** When it is an index. */
  readonly index: Index | undefined;
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** Fetch the documents of an image for one platform; nothing is stored. @throws {RegistryError}, or the signal's reason */
export async function inspectImage(
  o: ManifestName & {
    readonly registry: Registry;
    readonly platform: Platform;
    /** Take exactly `platform`, not one that it runs as well. */
    readonly strict?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<InspectedImage> {
  const { registry, repository, reference, platform, strict, signal } = o;
  const at = { host: registry.host, object: manifestLabel(o) };
  const root = await registry.resolve({ repository, reference, signal });
  const fetch = (descriptor: Descriptor) => registry.fetchManifest({ repository, descriptor, signal });
  const { image } = await selectImage({ root, platform, strict, fetch, at });
  const { descriptor, manifest } = image;
  checkImage(manifest, at);
  const chunks: Uint8Array[] = [];
  for await (const chunk of registry.fetchBlob({ repository, descriptor: manifest.config, signal })) chunks.push(chunk);
  return {
    root: root.descriptor,
    index: root.kind === "index" ? root.index : undefined,
    descriptor,
    manifest,
    config: readConfig(Buffer.concat(chunks), manifest, registry.host),
  };
}
