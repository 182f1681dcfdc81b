import type { DatabaseSync } from "node:sqlite";
import { compress } from "@ctr/layers";
import { type Descriptor, type Digest, encodeJson, type Manifest, mediaTypes } from "@ctr/oci";
import type { BuildEvent } from "../build-event.ts";
import { BuilderError } from "../builder-error.ts";
import { type ExportedMount, encodeCache } from "../cache-document.ts";
import { type CacheTarget, cacheConfigType } from "../cache-place.ts";
import type { CacheRecord } from "../cache-record.ts";
import type { ImageLayer } from "./base-image.ts";
import { exportCacheMount, listCacheMounts } from "./cache-mounts.ts";
import { type ArchiveOptions, archiveOf, writeJson } from "./commit-image.ts";

/**
 * Write the steps of a build, and the layers that they made, to where other machines find them.
 *
 * @throws {BuilderError} `ERR_BUILDER_CACHE_EXPORT`
 */
export async function exportCache(
  o: ArchiveOptions & {
    readonly records: readonly CacheRecord[];
    readonly targets: readonly CacheTarget[];
    readonly database: DatabaseSync | undefined;
    readonly emit: (event: BuildEvent) => void;
  },
): Promise<void> {
  const { store, targets, emit, signal } = o;
  for (const target of targets) {
    const started = performance.now();
    const records = [...o.records]
      .filter(({ isKept }) => target.mode === "max" || isKept)
      .sort((a, b) => (a.stage === b.stage ? a.ordinal - b.ordinal : a.stage < b.stage ? -1 : 1));
    const blobs = await archives(o, records);
    const mounts = await archiveMounts(o, target.mounts ?? []);
    const document = encodeCache(records, { blobOf: (id) => blobs.get(id)!, withParts: true, mounts });
    const config = await writeJson(store, cacheConfigType, document);
    const layers = [
      ...new Map([...blobs.values(), ...mounts.map(({ blob }) => blob)].map((it) => [it.digest, it])).values(),
    ];
    const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
    const root = await writeJson(store, mediaTypes.manifest, encodeJson(manifest));
    const read = (digest: Digest): AsyncIterable<Uint8Array> => store.readBlobStream(digest, signal && { signal });
    try {
      await target.write({ manifest: root, config, layers, read }, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const message = `failed to export the cache to ${target.name}: ${(cause as Error).message}`;
      throw new BuilderError({ code: "ERR_BUILDER_CACHE_EXPORT", message, cause });
    }
    const milliseconds = performance.now() - started;
    emit({ type: "cacheExported", to: target.name, steps: records.length, milliseconds });
  }
}

/** The files of cache mounts, those with an id that several bases share as well. */
async function archiveMounts(
  o: ArchiveOptions & { readonly database: DatabaseSync | undefined },
  ids: readonly string[],
): Promise<ExportedMount[]> {
  if (ids.length === 0) return [];
  const { store, database, signal } = o;
  const place = { store, ...(database && { database }) };
  const all = await listCacheMounts(place);
  const missing = ids.find((id) => !all.some((mount) => mount.id === id));
  if (missing !== undefined) {
    const message = `there is no cache mount ${JSON.stringify(missing)} to export`;
    throw new BuilderError({ code: "ERR_BUILDER_CACHE_EXPORT", message });
  }
  const found = new Map(all.map(({ id, base }) => [JSON.stringify([id, base]), { id, base }]));
  const mounts: ExportedMount[] = [];
  for (const { id, base } of found.values()) {
    if (!ids.includes(id)) continue;
    const source = exportCacheMount({ ...place, id, base });
    const blob = await store.writeBlob(compress({ source, format: "gzip" }), signal && { signal });
    mounts.push({ id, base, blob: { mediaType: mediaTypes.layerGzip, ...blob } });
  }
  return mounts;
}

/** The archive of every layer, made where there is none: layers of other stages are in no image. */
async function archives(o: ArchiveOptions, records: readonly CacheRecord[]): Promise<ReadonlyMap<Digest, Descriptor>> {
  const found = new Map<Digest, Descriptor>();
  for (const { result } of records) {
    const { layer } = result;
    if (layer === undefined || found.has(layer.diffId)) continue;
    const { diffId, chainId, sourceDateEpoch } = layer;
    const image: ImageLayer = {
      ...{ diffId, chainId, descriptor: undefined },
      ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
    };
    found.set(diffId, await archiveOf(o, image));
  }
  return found;
}
