import type { DatabaseSync } from "node:sqlite";
import type { ImageStore } from "@ctr/image-store";
import { applyLayer } from "@ctr/layers";
import { type Digest, makeDigest } from "@ctr/oci";
import type { BuildEvent } from "../build-event.ts";
import { BuilderError } from "../builder-error.ts";
import { decodeCache, type ExportedMount, type ImportedLayer, type ImportedStep } from "../cache-document.ts";
import type { CacheSource } from "../cache-place.ts";
import type { StepResult } from "../cache-record.ts";
import type { StepRecord } from "../step-parts.ts";
import { layerDirectories } from "./base-image.ts";
import type { BuildCache } from "./cache-database.ts";
import { importCacheMount, listCacheMounts } from "./cache-mounts.ts";
import { sha256 } from "./seal-layer.ts";

/** Steps of other machines: asked when the own cache knows nothing. Layers come only when a step is found. */
export class ImportedCache {
  readonly #store: ImageStore;
  readonly #cache: BuildCache;
  readonly #database: DatabaseSync | undefined;
  readonly #emit: (event: BuildEvent) => void;
  readonly #steps = new Map<string, ImportedStep & { readonly source: CacheSource }>();

  constructor(o: {
    readonly store: ImageStore;
    readonly cache: BuildCache;
    readonly database: DatabaseSync | undefined;
    readonly emit: (event: BuildEvent) => void;
  }) {
    this.#store = o.store;
    this.#cache = o.cache;
    this.#database = o.database;
    this.#emit = o.emit;
  }

  /** Read a cache. One that cannot be read is a warning: a build needs no cache. */
  async add(source: CacheSource, signal: AbortSignal | undefined): Promise<void> {
    try {
      const document = await source.read(signal);
      const { steps, mounts } = document === undefined ? { steps: [], mounts: [] } : decodeCache(document);
      for (const step of steps) if (!this.#steps.has(step.key)) this.#steps.set(step.key, { ...step, source });
      for (const mount of mounts) await this.#bringMount(mount, source, signal);
      this.#emit({ type: "cacheImported", from: source.name, steps: steps.length });
    } catch (error) {
      signal?.throwIfAborted();
      this.#warn(`failed to import the cache ${source.name}: ${(error as Error).message}`);
    }
  }

  /** The steps of a stage, to explain a miss where nothing was built before. */
  records(stage: string): StepRecord[] {
    return [...this.#steps.values()].flatMap(({ stage: of, ordinal, parts }) =>
      of === stage && parts !== undefined ? [{ ordinal, parts }] : [],
    );
  }

  /**
   * What a step with this key made elsewhere, its layer in the store and held for `holder`. Undefined when nobody
   * knows, or what they say turns out wrong.
   *
   * @param o.parent  What the layer lies on.
   */
  async find(
    key: string,
    o: { readonly parent: Digest | undefined; readonly holder: string; readonly signal: AbortSignal | undefined },
  ): Promise<StepResult | undefined> {
    const step = this.#steps.get(key);
    if (step === undefined) return undefined;
    const { created, layer, source } = step;
    if (layer === undefined) return { created };
    const chainId = o.parent === undefined ? layer.diffId : makeDigest("sha256", sha256(`${o.parent} ${layer.diffId}`));
    try {
      await this.#bring(layer, source, { ...o, chainId });
    } catch (error) {
      o.signal?.throwIfAborted();
      this.#warn(`the cache ${source.name} is of no use for a step: ${(error as Error).message}`);
      return undefined;
    }
    const { diffId, size, files, sourceDateEpoch } = layer;
    return {
      created,
      layer: { diffId, chainId, size, files, ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }) },
    };
  }

  async #bring(
    layer: ImportedLayer,
    source: CacheSource,
    o: {
      readonly parent: Digest | undefined;
      readonly chainId: Digest;
      readonly holder: string;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<void> {
    const { parent, chainId, holder, signal } = o;
    const { diffId, blob } = layer;
    const store = this.#store;
    if (store.findLayer(chainId) === undefined) {
      if (store.leaseBlob(blob.digest) === undefined)
        await store.writeBlob(gzipOnly(source.fetch(blob, signal)), { expected: blob, ...(signal && { signal }) });
      await store.addLayer({
        chainId,
        diffId,
        ...(parent === undefined ? {} : { parentChainId: parent }),
        fill: async (directory) => {
          const archive = store.readBlobStream(blob.digest, signal && { signal });
          const lowers = layerDirectories(store, parent);
          await applyLayer({ archive, directory, lowers, expectedDiffId: diffId, ...(signal && { signal }) });
        },
      });
      // Now it is known that the one is the other.
      this.#cache.recordBlob(diffId, { digest: blob.digest, size: blob.size });
    }
    store.hold({ chainId, holder });
  }

  /** Fill a cache mount that this machine has not. What its own commands put there is newer. */
  async #bringMount(
    { id, base, blob }: ExportedMount,
    source: CacheSource,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const store = this.#store;
    const place = { store, ...(this.#database && { database: this.#database }) };
    const there = await listCacheMounts(place);
    if (there.some((mount) => mount.id === id && mount.base === base)) return;
    if (store.leaseBlob(blob.digest) === undefined)
      await store.writeBlob(source.fetch(blob, signal), { expected: blob, ...(signal && { signal }) });
    await importCacheMount({ ...place, id, base, archive: store.readBlobStream(blob.digest, signal && { signal }) });
  }

  #warn(message: string): void {
    this.#emit({ type: "warning", message, line: undefined });
  }
}

/** What the manifest of an image will call gzip must be that. @see RFC 1952, section 2.3.1 */
async function* gzipOnly(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (start !== undefined) {
      start = Buffer.concat([start, chunk.subarray(0, 2)]);
      if (start.length >= 2) {
        if (start[0] !== 0x1f || start[1] !== 0x8b)
          throw new BuilderError({ code: "ERR_BUILDER_CACHE", message: "a layer is not compressed with gzip" });
        start = undefined;
      }
    }
    yield chunk;
  }
}
