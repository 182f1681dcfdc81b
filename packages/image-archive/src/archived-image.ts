import type { Descriptor, Digest, Platform } from "@ctr/oci";

/** Bytes by the name of their content. */
export interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Where the blobs of an archive go. `ImageStore` of `@ctr/image-store` has methods of these shapes.
 */
export interface ArchiveSink {
  /**
   * Keep a blob and say what it is: hashed while it is written, visible only when all of it was taken and is what
   * was expected. Without an expected digest sha256 is to be used.
   */
  write(
    chunks: AsyncIterable<Uint8Array>,
    o: { readonly expected: { readonly digest?: Digest; readonly size: number }; readonly signal?: AbortSignal },
  ): Promise<Blob>;
  /** All bytes of a blob that was written before, verified. Asked for documents only. */
  read(digest: Digest): Promise<Uint8Array | undefined>;
  /** Whether a blob is there already and need not be taken from the archive. */
  has?(digest: Digest): boolean | Promise<boolean>;
}

/** Where the blobs of an archive come from. */
export interface ArchiveSource {
  /** All bytes of a document, verified; undefined when it is not there: an index may be there in part. */
  read(digest: Digest): Promise<Uint8Array | undefined>;
  /** The bytes of a blob. Must throw at the end, at the latest, when they are not those that the digest names. */
  open(digest: Digest, o: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
}

/** An image that an archive holds: a manifest, or an index of several. */
export interface ArchivedImage {
  readonly root: Descriptor;
  /** In full, sorted: `docker.io/library/busybox:latest`. */
  readonly names: readonly string[];
  /** What of it can be run, in the order of its index. */
  readonly variants: readonly ArchivedVariant[];
}

/** An image for one platform. */
export interface ArchivedVariant {
  readonly manifest: Descriptor;
  /** What Docker calls the image's id. */
  readonly config: Digest;
  readonly platform: Platform;
}
