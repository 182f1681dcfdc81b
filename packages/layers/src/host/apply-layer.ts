import { createHash } from "node:crypto";
import { performLater } from "@ctr/kernel";
import { type Digest, makeDigest } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { type ArchiveEvent, type ArchiveLimits, ArchiveReader } from "../archive-reader.ts";
import { LayerSteps, type OverlayXattrs } from "../layer-steps.ts";
import { LayerError } from "../layers-error.ts";
import { type AcceptedCompression, decompress } from "./decompress.ts";
import { findBelow } from "./find-below.ts";

export interface ApplyLayerOptions {
  /** A tar archive, as it is or packed with gzip or zstd. Chunks must not change once they are given. */
  readonly archive: AsyncIterable<Uint8Array>;
  /** "any" unpacks bzip2 and xz too, which are no layers' compressions but are ADD's. Default "layer". */
  readonly accept?: AcceptedCompression;
  /** An existing directory, empty: the layer's `diff`. */
  readonly directory: string;
  /** Directories of the layers below, newest first: a directory that the layer only passes through is made like theirs. */
  readonly lowers?: readonly string[];
  readonly expectedDiffId?: Digest;
  /** Default "trusted"; "user" for overlay mounts with `userxattr`, as rootless ones are. */
  readonly overlayXattrs?: OverlayXattrs;
  readonly limits?: ArchiveLimits;
  readonly signal?: AbortSignal;
}

export interface AppliedLayer {
  /** SHA-256 of the archive without its compression. */
  readonly diffId: Digest;
  /** Bytes of the archive without its compression. */
  readonly size: number;
  readonly entries: number;
  /**
   * Directories that the archive only passes through and that `lowers` did not have, outermost first. They were
   * made 0755 and root's: see `matchLowers` for lowers that come later.
   */
  readonly passed: readonly string[];
}

/**
 * Unpack a layer into the directory that an overlay mount shows it from. The archive is read once, its
 * diff id computed on the way; memory does not grow with the size of the files.
 *
 * After a failure the directory holds a part of the layer: remove it.
 *
 * @throws {LayerError} `ERR_LAYERS_ENTRY`, `ERR_LAYERS_ARCHIVE`, `ERR_LAYERS_LIMIT`, `ERR_LAYERS_COMPRESSION`
 *   for what is wrong with the archive; `ERR_LAYERS_DIFF_ID` when it is not the one expected;
 *   `ERR_LAYERS_WRITE` when the kernel refused, with its error as `cause`.
 * @see image-spec layer.md, "Applying Changesets"
 */
export async function applyLayer(options: ApplyLayerOptions): Promise<AppliedLayer> {
  const { archive, accept = "layer", directory, lowers = [], expectedDiffId, overlayXattrs, limits, signal } = options;
  const hash = createHash("sha256");
  const reader = new ArchiveReader(limits);
  const steps = new LayerSteps({
    ...(overlayXattrs === undefined ? {} : { overlayXattrs }),
    below: (path) => findBelow(lowers, path),
  });
  await using batch = new Batch(directory);
  let size = 0;
  let entries = 0;
  for await (const chunk of decompress(archive, { accept })) {
    signal?.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
    for (const event of reader.push(chunk)) {
      if (event.type === "entry") entries++;
      batch.add(translate(steps, event));
    }
    if (batch.isFull) await batch.perform();
  }
  reader.end();
  for (const step of steps.finish()) {
    batch.add([step]);
    if (batch.isFull) await batch.perform();
  }
  await batch.end();
  const diffId = makeDigest("sha256", hash.digest("hex"));
  if (expectedDiffId !== undefined && diffId !== expectedDiffId)
    throw new LayerError({
      code: "ERR_LAYERS_DIFF_ID",
      message: `the layer's diff id is ${diffId}, but ${expectedDiffId} was promised; fetch it again`,
    });
  return { diffId, size, entries, passed: steps.passed };
}

function translate(steps: LayerSteps, event: ArchiveEvent): Step[] {
  if (event.type === "entry") return steps.entry(event.entry);
  return event.type === "data" ? steps.data(event.offset, event.bytes) : steps.done();
}

/** Steps on their way to the kernel, many at a time: one batch is performed while the next is gathered. */
class Batch implements AsyncDisposable {
  readonly #directory: string;
  #steps: Step[] = [];
  #bytes = 0;
  #underWay: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  add(steps: readonly Step[]): void {
    for (const step of steps) {
      this.#steps.push(step);
      if (step.do === "makeFile" || step.do === "extendFile") this.#bytes += step.bytes.length;
    }
  }

  get isFull(): boolean {
    return this.#steps.length >= 256 || this.#bytes >= 1 << 20;
  }

  /** Begin with what is gathered, once the batch before is done. */
  async perform(): Promise<void> {
    await this.#underWay;
    const because = { option: "directory", why: "the layer is unpacked here" };
    const steps: Step[] = [{ do: "enterRootfs", path: this.#directory, because }, ...this.#steps];
    this.#steps = [];
    this.#bytes = 0;
    this.#underWay = this.#write(steps);
    this.#underWay.catch(() => {}); // whoever waits for it next is told
  }

  async #write(steps: readonly Step[]): Promise<void> {
    try {
      await performLater(steps);
    } catch (cause) {
      throw new LayerError({
        code: "ERR_LAYERS_WRITE",
        message: `cannot write into ${this.#directory}: ${(cause as Error).message}`,
        cause,
      });
    }
  }

  async end(): Promise<void> {
    if (this.#steps.length > 0) await this.perform();
    await this.#underWay;
  }

  /** Nothing is written any more afterwards, also when the archive was found to be wrong meanwhile. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#underWay.catch(() => {});
  }
}
