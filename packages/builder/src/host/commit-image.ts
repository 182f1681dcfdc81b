import { join } from "node:path";
import type { ImageStore } from "@ctr/image-store";
import { type Descriptor, type Digest, encodeJson, type ImageConfig, type Manifest, mediaTypes } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import { encodeCache } from "../cache-document.ts";
import { inlineCacheAnnotation } from "../cache-place.ts";
import type { CacheRecord } from "../cache-record.ts";
import type { ImageLayer } from "./base-image.ts";
import type { BuildCache } from "./cache-database.ts";
import { readArchive } from "./seal-layer.ts";
import { chainOfState, type StageState } from "./stage-state.ts";

export interface ArchiveOptions {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly signal: AbortSignal | undefined;
}

/** A finished stage with its documents. */
export interface Committed {
  readonly id: Digest;
  readonly target: Descriptor;
  readonly chainId: Digest | undefined;
  readonly names: readonly string[];
}

/**
 * Give a finished stage its documents, and the image its names.
 *
 * @param o.keep  `documents`: they are in the store as long as it is open, for whoever writes them elsewhere, and no
 *   image is listed.
 * @param o.inline  Steps to note in the manifest, so that the image is a cache as well.
 */
export async function commitImage(
  o: ArchiveOptions & {
    readonly state: StageState;
    readonly labels: Readonly<Record<string, string>>;
    readonly tags: readonly string[];
    readonly keep: "image" | "documents";
    readonly inline: readonly CacheRecord[] | undefined;
  },
): Promise<Committed> {
  const { store, state, inline } = o;
  const layers: Descriptor[] = [];
  for (const layer of state.layers) layers.push(layer.descriptor ?? (await archiveOf(o, layer)));
  const config = await writeJson(store, mediaTypes.config, encodeJson(configOf(o)));
  const annotations = inline && { [inlineCacheAnnotation]: inlineCache(inline, state, layers) };
  const manifest: Manifest = {
    ...{ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers },
    ...(annotations && { annotations }),
  };
  const target = await writeJson(store, mediaTypes.manifest, encodeJson(manifest));
  const names = o.keep === "documents" ? [] : (await store.addImage({ target, names: o.tags })).names;
  return { id: config.digest, target, chainId: chainOfState(state), names };
}

function inlineCache(records: readonly CacheRecord[], state: StageState, layers: readonly Descriptor[]): string {
  const blobs = new Map(state.layers.map(({ diffId }, index) => [diffId, layers[index]!]));
  return encodeCache(
    records.filter(({ isKept }) => isKept),
    { blobOf: (diffId) => blobs.get(diffId)!, withParts: false },
  );
}

function configOf(o: { readonly state: StageState; readonly labels: Readonly<Record<string, string>> }): ImageConfig {
  const { config, author, created, history, layers, platform } = o.state;
  const labels = { ...config.Labels, ...o.labels };
  return {
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    ...platform,
    config: Object.keys(labels).length === 0 ? config : { ...config, Labels: labels },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history,
  };
}

/**
 * The archive of a layer. One of an intermediate stage, or one whose archive was pruned: its directory makes the same
 * bytes again.
 */
export async function archiveOf(o: ArchiveOptions, layer: ImageLayer): Promise<Descriptor> {
  const { store, cache, signal } = o;
  const known = cache.findBlob(layer.diffId);
  const blob = known === undefined ? undefined : store.leaseBlob(known.digest);
  if (blob !== undefined) return { mediaType: mediaTypes.layerGzip, digest: blob.digest, size: blob.size };
  const { cacheId } = store.layerChain(layer.chainId)[0]!;
  const directory = join(store.root, "overlay2", cacheId, "diff");
  const made = await readArchive({ store, archive: true, sourceDateEpoch: layer.sourceDateEpoch, signal }, directory);
  if (made.diffId !== layer.diffId || made.blob === undefined) {
    const message = `layer ${layer.diffId} was changed in the store; prune the build cache and build again`;
    throw new BuilderError({ code: "ERR_BUILDER_CHANGED", message });
  }
  cache.recordBlob(layer.diffId, made.blob);
  return { mediaType: mediaTypes.layerGzip, ...made.blob };
}

/** Store a document. */
export async function writeJson(store: ImageStore, mediaType: string, text: string): Promise<Descriptor> {
  return { mediaType, ...(await store.writeBlob(new TextEncoder().encode(text))) };
}
