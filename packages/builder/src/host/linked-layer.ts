import { join } from "node:path";
import { type ImageStore, isImageStoreError } from "@ctr/image-store";
import { applyLayer, diffLayer } from "@ctr/layers";
import type { Digest } from "@ctr/oci";
import type { BuildCache, StepResult } from "./cache-database.ts";
import { chainIdOf } from "./seal-layer.ts";

//  COPY --link makes its layer on nothing. What lies below is no part of its key, so on another base the same layer is
//  found, and only its directory is missing there:
//
//     base A ── link ── …        diff id the same, chain id another
//     base B ── link ── …   ◀── made of the directory beside A, or of its archive

/**
 * A layer that knows nothing of those below it, placed on `parent` and held for `holder`.
 *
 * @returns undefined when neither its directory nor its archive is in the store any more
 */
export async function placeLayer(o: {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly layer: NonNullable<StepResult["layer"]>;
  readonly parent: Digest | undefined;
  readonly holder: string;
  readonly signal: AbortSignal | undefined;
}): Promise<StepResult["layer"]> {
  const { store, layer, parent, holder, signal } = o;
  const { diffId } = layer;
  const chainId = chainIdOf(parent, diffId);
  if (!hold(store, chainId, holder)) {
    const archive = archiveOf(o);
    if (archive === undefined) return undefined;
    await store.addLayer({
      chainId,
      diffId,
      ...(parent === undefined ? {} : { parentChainId: parent }),
      fill: async (directory) => {
        await applyLayer({ archive, directory, expectedDiffId: diffId, ...(signal && { signal }) });
      },
    });
    store.hold({ chainId, holder });
  }
  return { ...layer, chainId };
}

function archiveOf(o: {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly layer: NonNullable<StepResult["layer"]>;
  readonly holder: string;
  readonly signal: AbortSignal | undefined;
}): AsyncIterable<Uint8Array> | undefined {
  const { store, cache, layer, signal } = o;
  const { diffId, chainId, sourceDateEpoch } = layer;
  const options = { ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }), ...(signal && { signal }) };
  if (hold(store, chainId, o.holder)) {
    const { cacheId } = store.layerChain(chainId)[0]!;
    return diffLayer({ upper: join(store.root, "overlay2", cacheId, "diff"), ...options });
  }
  const blob = cache.findBlob(diffId);
  if (blob === undefined || store.leaseBlob(blob.digest) === undefined) return undefined;
  return store.readBlobStream(blob.digest, signal && { signal });
}

function hold(store: ImageStore, chainId: Digest, holder: string): boolean {
  try {
    store.hold({ chainId, holder });
    return true;
  } catch (error) {
    if (isImageStoreError(error) && error.code === "ERR_LAYER_NOT_FOUND") return false;
    throw error;
  }
}
