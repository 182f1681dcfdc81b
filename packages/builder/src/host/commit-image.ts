import { join } from "node:path";
import type { ImageStore, StoredImage } from "@ctr/image-store";
import { type Descriptor, type Digest, encodeJson, type ImageConfig, type Manifest, mediaTypes } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import type { ImageLayer } from "./base-image.ts";
import type { BuildCache } from "./cache-database.ts";
import { readArchive } from "./seal-layer.ts";
import type { StageState } from "./stage-state.ts";

/** Give a finished stage its documents, and the image its names. */
export async function commitImage(o: {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly state: StageState;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly signal: AbortSignal | undefined;
}): Promise<{ readonly id: Digest; readonly image: StoredImage }> {
  const { store, state } = o;
  const layers: Descriptor[] = [];
  for (const layer of state.layers) layers.push(layer.descriptor ?? (await archiveOf(o, layer)));
  const config = await writeJson(store, mediaTypes.config, configOf(o));
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  const target = await writeJson(store, mediaTypes.manifest, manifest);
  return { id: config.digest, image: await store.addImage({ target, names: o.tags }) };
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

// A layer of an intermediate stage, or one whose archive was pruned: its directory makes the same bytes again.
async function archiveOf(
  o: { readonly store: ImageStore; readonly cache: BuildCache; readonly signal: AbortSignal | undefined },
  layer: ImageLayer,
): Promise<Descriptor> {
  const { store, cache, signal } = o;
  const known = cache.findBlob(layer.diffId);
  const blob = known === undefined ? undefined : store.findBlob(known.digest);
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

async function writeJson(store: ImageStore, mediaType: string, value: object): Promise<Descriptor> {
  return { mediaType, ...(await store.writeBlob(new TextEncoder().encode(encodeJson(value)))) };
}
