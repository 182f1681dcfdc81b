import type { Descriptor, Digest, Platform } from "@ctr/oci";

/** What a name points to: one image for one platform, or an index of several. */
export interface StoredImage {
  /** The manifest or index. */
  readonly target: Descriptor;
  /** Names in full, sorted: `docker.io/library/busybox:latest`, `…@sha256:…`. None: the image is dangling. */
  readonly names: readonly string[];
  /** Where a registry is known to have it, sorted: `docker.io/library/busybox@sha256:…`. None for an image of this machine only. */
  readonly repoDigests: readonly string[];
  /** When it was added first, milliseconds since the epoch. */
  readonly addedAt: number;
  /** The platforms that are present. Of an index the others may be missing. */
  readonly variants: readonly ImageVariant[];
}

/** One image for one platform. */
export interface ImageVariant {
  readonly manifest: Descriptor;
  /** Digest of the image config: what Docker calls the image's id. */
  readonly config: Digest;
  readonly platform: Platform;
  /** Digests of the unpacked layer archives, oldest first. */
  readonly diffIds: readonly Digest[];
  /** Chain id of the newest layer; absent for an image of no layers. */
  readonly chainId?: Digest;
}

export interface ResolvedImage {
  readonly image: StoredImage;
  readonly variant: ImageVariant;
}

/** A layer as a directory. */
export interface StoredLayer {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent?: Digest;
  /** Name of its directory in `overlay2/`, 64 hexadecimal digits. */
  readonly cacheId: string;
  /** Bytes on disk. */
  readonly size: number;
}

/** What went away, with names and ids as Docker prints them. */
export interface Removal {
  readonly untagged: readonly string[];
  /** Ids of the images, then chain ids of their layers. */
  readonly deleted: readonly Digest[];
  /** Bytes on disk. */
  readonly reclaimed: number;
}
