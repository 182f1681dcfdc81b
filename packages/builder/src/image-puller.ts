import type { Digest, Platform } from "@ctr/oci";

/** One message of a pull. */
export type PullProgress =
  /** Bytes of a layer that arrived so far. */
  | { readonly kind: "layer"; readonly digest: Digest; readonly received: number; readonly size: number }
  | { readonly kind: "done"; readonly digest: Digest; readonly fetchedBytes: number };

/**
 * Brings an image into the store, under the name it was asked for. The builder knows no registries: whoever uses it
 * brings this.
 */
export type ImagePuller = (o: {
  /** In full: `docker.io/library/node:22`. */
  readonly name: string;
  /** Undefined: whatever this machine runs best. */
  readonly platform: Platform | undefined;
  readonly progress: (message: PullProgress) => void;
  readonly signal: AbortSignal | undefined;
}) => Promise<void>;
