import { createHash } from "node:crypto";
import { readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ImageStore } from "@ctr/image-store";
import { compress, diffLayer, listChanges } from "@ctr/layers";
import { chainIds, type Digest, makeDigest } from "@ctr/oci";
import type { BuildCache, StepResult } from "./cache-database.ts";
import { type LayerDraft, removeTree } from "./workspace.ts";

export interface SealOptions {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly draft: LayerDraft;
  readonly parent: Digest | undefined;
  /** Also write the compressed archive: the layer is one of the image that is built. */
  readonly archive: boolean;
  readonly sourceDateEpoch: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Make the changes of a draft a layer of the store. The upper directory is not unpacked again, it becomes the
 * layer's directory. Undefined when nothing changed: no layer then, as in BuildKit.
 *
 * @throws {LayerError} `ERR_LAYERS_SOURCE` for a file that no layer can tell of
 */
export async function sealLayer(o: SealOptions): Promise<StepResult["layer"]> {
  const { store, cache, draft, parent, sourceDateEpoch, signal } = o;
  if (isUnchanged(draft)) {
    removeTree(join(draft.upper, ".."));
    return undefined;
  }
  const { diffId, size, blob } = await readArchive(o, draft.upper);
  let files = 0;
  for await (const _ of listChanges({ upper: draft.upper, lowers: [], ...(signal && { signal }) })) files++;
  const chainId = chainIdOf(parent, diffId);
  await store.addLayer({
    chainId,
    diffId,
    ...(parent === undefined ? {} : { parentChainId: parent }),
    // rename(2) replaces an empty directory; both lie on the store's file system.
    fill: async (diff) => renameSync(draft.upper, diff),
  });
  if (blob !== undefined) cache.recordBlob(diffId, blob);
  removeTree(join(draft.upper, ".."));
  return { diffId, chainId, size, files, ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }) };
}

/** Keep a layer in the store as long as the build cache knows it. */
export function holdLayer(store: ImageStore, chainId: Digest): void {
  store.hold({ chainId, holder: layerHolder(chainId) });
}

/** What holders of the cache are called; the rest is a chain id. */
export const holderPrefix = "build-cache:";

export const layerHolder = (chainId: Digest): string => `${holderPrefix}${chainId}`;

/** The archive of a layer's directory: read once, hashed on its way into the store or nowhere. */
export async function readArchive(
  o: Pick<SealOptions, "store" | "archive" | "sourceDateEpoch" | "signal">,
  directory: string,
): Promise<{ diffId: Digest; size: number; blob: { digest: Digest; size: number } | undefined }> {
  const { store, sourceDateEpoch, signal } = o;
  const hash = createHash("sha256");
  let size = 0;
  async function* archive(): AsyncGenerator<Uint8Array, void> {
    const options = { ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }), ...(signal && { signal }) };
    for await (const chunk of diffLayer({ upper: directory, ...options })) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  let blob: { digest: Digest; size: number } | undefined;
  if (o.archive) blob = await store.writeBlob(compress({ source: archive(), format: "gzip" }), signal && { signal });
  else for await (const _ of archive());
  return { diffId: makeDigest("sha256", hash.digest("hex")), size, blob };
}

export function chainIdOf(parent: Digest | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : makeDigest("sha256", sha256(`${parent} ${diffId}`));
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
export const chainOf = (diffIds: readonly Digest[]): readonly Digest[] => chainIds(diffIds, sha256);

// The root directory itself is part of a layer: `chmod /` changes nothing else.
function isUnchanged({ upper, lowers }: LayerDraft): boolean {
  if (readdirSync(upper).length > 0) return false;
  const [now, before] = [statSync(upper), statSync(lowers[0]!)];
  return now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
}
