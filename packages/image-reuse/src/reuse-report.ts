import type { Descriptor, Digest } from "@ctr/oci";

/** A blob in a store or a registry. */
export type BlobSize = Pick<Descriptor, "digest" | "size">;

/** A layer of an image, as its blob and as a directory. */
export interface LayerSource {
  /** Names the layer together with all below it. */
  readonly chainId: Digest;
  readonly diffId: Digest;
  /** The archive as the manifest names it, mostly compressed. */
  readonly blob: BlobSize;
  /** What it was unpacked to: overlay's whiteouts, no more changes. Undefined where only the blob is there. */
  readonly directory: string | undefined;
  /** The command behind it, when the image says so. */
  readonly createdBy?: string | undefined;
}

export interface ImageSource {
  /** Digest of the image config. */
  readonly id: Digest;
  readonly names: readonly string[];
  /** Oldest first. */
  readonly layers: readonly LayerSource[];
  /** What else an image is made of: manifest, config, index. */
  readonly documents?: readonly BlobSize[] | undefined;
}

/** Bytes of an image, by who else holds them. */
export interface Split {
  readonly total: number;
  /** What another image holds as well. */
  readonly shared: number;
  /** What is there for this image alone. */
  readonly unique: number;
}

/** Files and the bytes of their content. */
export interface Tally {
  readonly files: number;
  readonly bytes: number;
}

/** Bytes that a layer ships and nobody needs. */
export interface Waste {
  /** Same path, same content as below: what chmod, chown, touch or a second install leave. */
  readonly copied: Tally;
  /** Below, hidden by another content or another type at the same path. */
  readonly replaced: Tally;
  /** Below, removed here. */
  readonly deleted: Tally;
}

export interface LayerReuse {
  readonly chainId: Digest;
  readonly diffId: Digest;
  /** More than one when images hold it in different compression. */
  readonly blobs: readonly (BlobSize & {
    /** Ids of the images that hold it. */
    readonly images: readonly Digest[];
  })[];
  /** Allocated bytes of its directory, what `du -s --block-size=1` says of it: a file of several names counts once. */
  readonly diskBytes: number;
  /** Regular files by name, and their content, a file of several names once. */
  readonly content: Tally;
  /** Ids of the images that hold it unpacked. */
  readonly images: readonly Digest[];
  /** Layers of the same content that are unpacked again, as something else lies below them. */
  readonly unpackedAgainAs: readonly Digest[];
  readonly waste: Waste;
  readonly createdBy: string | undefined;
}

export interface ImageReuse {
  readonly id: Digest;
  readonly names: readonly string[];
  /** Oldest first. */
  readonly layers: readonly { readonly chainId: Digest; readonly blob: BlobSize }[];
  /** Layer blobs and documents, each blob once. */
  readonly blobs: Split;
  /** Allocated bytes of its unpacked layers. */
  readonly disk: Split;
  /** Of all its layers. */
  readonly waste: Waste;
}

/** What sharing saves on this machine. */
export interface HostReuse {
  readonly blobs: { readonly stored: number; readonly unshared: number };
  readonly disk: { readonly stored: number; readonly unshared: number };
}

/** One content that lies in several files which are not hard links of each other. */
export interface DuplicateGroup {
  readonly digest: Digest;
  /** Bytes of one of the files. */
  readonly size: number;
  readonly files: number;
  /** What one file instead of all of them would save. */
  readonly bytes: number;
  /** Of the first files. */
  readonly places: readonly { readonly layer: Digest; readonly path: string }[];
}

export interface Duplicates {
  /** Files more than contents, and the bytes of their content. */
  readonly extra: Tally;
  /** Those that waste most. */
  readonly groups: readonly DuplicateGroup[];
}

/** A path whose bytes are shipped and not needed. */
export interface WastedPath {
  readonly kind: keyof Waste;
  readonly path: string;
  readonly bytes: number;
  /** Chain id of the layer whose command did it. */
  readonly by: Digest;
  /** Chain id of the layer that ships the bytes. */
  readonly of: Digest;
}

/** Plain data, ready for JSON. */
export interface ReuseReport {
  readonly images: readonly ImageReuse[];
  /** Of those images, each once, lower before upper. */
  readonly layers: readonly LayerReuse[];
  readonly host: HostReuse;
  readonly duplicates: Duplicates;
  /** Those that cost most. */
  readonly wasted: readonly WastedPath[];
}

export const wasteBytes = ({ copied, replaced, deleted }: Waste): number =>
  copied.bytes + replaced.bytes + deleted.bytes;
