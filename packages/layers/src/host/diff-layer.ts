import type { OverlayXattrs } from "../layer-steps.ts";
import { writeArchive } from "../write-archive.ts";
import { treeMembers } from "./tree-members.ts";

export interface DiffLayerOptions {
  /** The upper directory of an overlay mount: everything that changed since it was mounted. */
  readonly upper: string;
  /** Default "trusted"; "user" for a mount with `userxattr`. */
  readonly overlayXattrs?: OverlayXattrs;
  /** Seconds since the epoch: later times are set to it. */
  readonly sourceDateEpoch?: number;
  readonly signal?: AbortSignal;
}

/**
 * The changes in an overlay upper directory as a layer: a tar archive, uncompressed, with whiteouts as
 * `.wh.` names. Takes time for what changed, not for what lies below. Safe while a container is running in
 * it, but then some files may be old and some new: freeze it for a layer that fits together.
 *
 * @throws {LayerError} `ERR_LAYERS_SOURCE` (while it is read) when a file cannot be told in a layer, or changed meanwhile.
 * @see image-spec layer.md, "Representing Changes"
 */
export function diffLayer({
  upper,
  overlayXattrs = "trusted",
  ...rest
}: DiffLayerOptions): AsyncGenerator<Uint8Array, void> {
  return writeArchive(treeMembers({ directory: upper, overlayXattrs, ...rest }));
}

export interface TarDirectoryOptions {
  readonly directory: string;
  /** Seconds since the epoch: later times are set to it. */
  readonly sourceDateEpoch?: number;
  readonly signal?: AbortSignal;
}

/**
 * A whole tree as a layer: a tar archive, uncompressed, names in the order of their bytes.
 * @throws {LayerError} `ERR_LAYERS_SOURCE` (while it is read) when a file cannot be told in a layer, or changed meanwhile.
 */
export function tarDirectory({ directory, ...rest }: TarDirectoryOptions): AsyncGenerator<Uint8Array, void> {
  return writeArchive(treeMembers({ directory, ...rest }));
}
