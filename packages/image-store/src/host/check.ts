import type { Digest } from "@ctr/oci";
import { type BadBlob, findBadBlobs, repairBlobs } from "./check-blobs.ts";
import { checkContainers } from "./check-containers.ts";
import { checkImages } from "./check-images.ts";
import { checkLayers } from "./check-layers.ts";
import { checkStrays } from "./check-strays.ts";
import type { Context } from "./context.ts";
import { one } from "./database.ts";

/** Something that is not as it should be. */
export interface Finding {
  readonly about: "blob" | "layer" | "container" | "image" | "file" | "record";
  /** Digest, chain id, name, or path below the root. */
  readonly subject: string;
  readonly problem: string;
  /** What was done about it; absent when nothing was, and it is still so. */
  readonly repaired?: string;
}

/** What the store does not know about layers; `@ctr/layers` does. */
export interface LayerTools {
  /**
   * Unpack a layer's archive into an empty directory.
   *
   * @param o.lowers  `diff` directories of the layers below, newest first.
   * @throws when the archive is damaged, or has another diff id
   */
  unpack(o: {
    readonly archive: AsyncIterable<Uint8Array>;
    readonly directory: string;
    readonly lowers: readonly string[];
    readonly diffId: Digest;
  }): Promise<void>;
  /** What in `found` differs from `expected`, a sentence for each; nothing when they are equal. */
  compare(o: { readonly expected: string; readonly found: string }): AsyncIterable<string>;
  /** The diff id that a layer's directory has if it was made here. @throws when no layer can tell of it */
  diffIdOf(directory: string): Promise<Digest>;
}

/** A container's writable layer. */
export interface ContainerLayer {
  /** Its directory in `overlay2/`, and the name that it holds layers by. */
  readonly id: string;
  /** What it lies upon; absent when it has no layer. */
  readonly chainId?: Digest | undefined;
  /** The layers below it must not be exchanged then. */
  readonly isRunning: boolean;
}

export interface CheckOptions {
  /** Names, sizes and links only: no content is read. */
  readonly quick?: boolean;
  /** Also do what can be done about it. */
  readonly repair?: boolean;
  /** Without it, what is in layers is not compared. */
  readonly layers?: LayerTools;
  /** The containers that there are now: their directories in `overlay2/` and their holds are theirs. */
  readonly containers?: () => readonly ContainerLayer[];
  readonly signal?: AbortSignal;
}

/** What was looked at. */
export interface Checked {
  readonly blobs: number;
  readonly layers: number;
  readonly images: number;
  /** Chain ids of layers whose content could not be compared with anything: their archives are not here. */
  readonly unverified: readonly Digest[];
}

/**
 * Compare the records with the files, and the files with what their digests and archives say. Findings come as they
 * are made. What a repair does:
 *
 * - a file, directory or link that belongs to nothing, and is named as the store names its own, is removed
 * - a layer that was changed or is missing is unpacked again, unless a container runs on it
 * - a blob or a layer that cannot be made again is taken off the records, so that a pull fetches it; a layer that a
 *   container was made on stays
 *
 * Other processes may use the store meanwhile. A process that dies in a repair leaves what it would have left without it.
 */
export async function* check(context: Context, o: CheckOptions = {}): AsyncGenerator<Finding, Checked, undefined> {
  const bad: ReadonlyMap<Digest, BadBlob> = await findBadBlobs(context, o);
  const unverified = yield* checkLayers(context, o, bad);
  yield* checkContainers(context, o);
  yield* repairBlobs(context, o, bad);
  yield* checkImages(context, o);
  yield* checkStrays(context, o);
  const count = (table: string): number => one(context.database, `SELECT count(*) AS n FROM ${table}`)?.n as number;
  return { blobs: count("image_blob"), layers: count("image_layer"), images: count("image_target"), unverified };
}
