import type { Descriptor, Digest } from "@ctr/oci";

/** Where a cache of another machine is read. The builder knows directories; registries are brought by whoever uses it. */
export interface CacheSource {
  /** For messages. */
  readonly name: string;
  /** The cache's document, not to be trusted; undefined when there is none yet. */
  read(signal: AbortSignal | undefined): Promise<Uint8Array | undefined>;
  /** The bytes of a layer that the document names, not verified. */
  fetch(blob: Descriptor, signal: AbortSignal | undefined): AsyncIterable<Uint8Array>;
}

/** A cache as an image: the steps are its config, their layers its layers. */
export interface CacheImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly read: (digest: Digest) => AsyncIterable<Uint8Array>;
}

/** Where a cache goes. */
export interface CacheTarget {
  /** For messages. */
  readonly name: string;
  /** `min`: only the steps whose layers are in the image. */
  readonly mode: "min" | "max";
  /** Ids of the cache mounts (`RUN --mount=type=cache`) that go along. */
  readonly mounts?: readonly string[];
  write(image: CacheImage, signal: AbortSignal | undefined): Promise<void>;
}

/** What the config of a cache is called. */
export const cacheConfigType = "application/vnd.ctr.buildcache.config.v1+json";

/** The annotation of a manifest that is its own cache (`--cache-to type=inline`). */
export const inlineCacheAnnotation = "vnd.ctr.buildcache.v1";
