import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import type { AddLayerOptions } from "@ctr/image-store";
import { perform } from "@ctr/kernel";
import { applyLayer, LayerError, matchLowers } from "@ctr/layers";
import { chainIds, type Digest, type ImageConfig, type Manifest } from "@ctr/oci";
import { lowerDirectories } from "@ctr/overlayfs";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";
import { Follower } from "./tee.ts";

export interface UnpackRequest {
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpack the layers of an image whose blobs are in the store, several at a time. What is unpacked already stays as it is.
 *
 * @throws {LayerError} {ImageStoreError}
 */
export async function unpackImage(context: Context, o: UnpackRequest): Promise<void> {
  const unpacking = new Unpacking(context, o);
  for (const { digest } of o.manifest.layers) unpacking.stored(digest);
  await unpacking.done;
}

/** Where a layer's archive comes from: the wire, while the blob is written, or the store. */
type Source = Follower | "store";

/** A layer that waits for its archive. */
interface Waiting {
  readonly digest: Digest;
  readonly give: (source: Source) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * The layers of an image on their way into the store. Each is unpacked as it arrives when there is room, else from its
 * blob. They appear together at the end.
 */
export class Unpacking {
  /** Resolves when all layers are in the store. @throws {LayerError} {ImageStoreError} or the signal's reason */
  readonly done: Promise<void>;
  readonly #context: Context;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<Waiting>();
  readonly #stored = new Set<Digest>();
  /** Layers that may be unpacked now; each takes some megabytes of memory. */
  #free: number = Math.max(2, availableParallelism());
  readonly #queue: (() => void)[] = [];

  constructor(context: Context, { manifest, config, signal }: UnpackRequest) {
    this.#context = context;
    this.#signal = signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
    this.#signal.addEventListener("abort", () => this.#giveUp());
    this.done = this.#run(manifest, config);
    this.done.catch(() => {}); // thrown to whoever waits for it
  }

  async #run(manifest: Manifest, config: ImageConfig): Promise<void> {
    const diffIds = config.rootfs.diff_ids;
    const chains = chainIds(diffIds, (text) => createHash("sha256").update(text).digest("hex"));
    const layers = chains.map(
      (chainId, index): AddLayerOptions => ({
        chainId,
        ...(index === 0 ? {} : { parentChainId: chains[index - 1]! }),
        diffId: diffIds[index]!,
        fill: (directory, parents) =>
          this.#fill({ directory, parents, diffId: diffIds[index]!, digest: manifest.layers[index]!.digest }),
      }),
    );
    await this.#context.store.addLayers(layers);
  }

  /** Pass a layer's blob on as it arrives, and unpack it meanwhile if it is wanted and there is room. */
  follow(digest: Digest, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const waiting = [...this.#waiting].find((layer) => layer.digest === digest);
    if (waiting === undefined || this.#free === 0) return chunks;
    this.#free--;
    const follower = new Follower(this.#signal);
    this.#waiting.delete(waiting);
    waiting.give(follower);
    return follower.follow(chunks);
  }

  /** A layer's blob is in the store. */
  stored(digest: Digest): void {
    this.#stored.add(digest);
    for (const layer of this.#waiting) {
      if (layer.digest !== digest) continue;
      this.#waiting.delete(layer);
      layer.give("store");
    }
  }

  /** Stop, and wait until nothing is written any more. */
  async abandon(reason: unknown): Promise<void> {
    this.#abort.abort(reason);
    await this.done.catch(() => {});
  }

  #giveUp(): void {
    for (const layer of this.#waiting) layer.fail(this.#signal.reason);
    this.#waiting.clear();
    for (const next of this.#queue.splice(0)) next();
  }

  async #fill(o: {
    readonly directory: string;
    readonly parents: () => Promise<readonly string[]>;
    readonly diffId: Digest;
    readonly digest: Digest;
  }): Promise<void> {
    const { directory } = o;
    try {
      const passed = await this.#apply(o);
      if (passed.length === 0) return;
      const lowers = lowerDirectories(overlayRoot(this.#context), await o.parents());
      matchLowers({ directory, lowers, passed });
    } catch (error) {
      this.#abort.abort(error); // what the others do is of no use any more
      throw error;
    }
  }

  async #apply(o: {
    readonly directory: string;
    readonly diffId: Digest;
    readonly digest: Digest;
  }): Promise<readonly string[]> {
    const { directory, diffId: expectedDiffId, digest } = o;
    for (;;) {
      const source = await this.#sourceOf(digest);
      if (source === "store") await this.#takeTurn();
      try {
        const archive = source === "store" ? this.#context.store.readBlobStream(digest) : source;
        return (await applyLayer({ archive, directory, expectedDiffId, signal: this.#signal })).passed;
      } catch (error) {
        // Bytes that turn out to be wrong are fetched again, from another mirror for instance.
        if (source === "store" || !(await source.wasCutOff())) throw naming(digest, error);
        empty(directory);
      } finally {
        this.#giveTurn();
      }
    }
  }

  #sourceOf(digest: Digest): Promise<Source> {
    this.#signal.throwIfAborted();
    if (this.#stored.has(digest)) return Promise.resolve("store");
    return new Promise((give, fail) => this.#waiting.add({ digest, give, fail }));
  }

  async #takeTurn(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#signal.throwIfAborted();
  }

  #giveTurn(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** An error of an archive says what is wrong in it, not which it is. */
function naming(digest: Digest, error: unknown): unknown {
  if (!(error instanceof LayerError)) return error;
  return new LayerError({ code: error.code, message: `layer ${digest}: ${error.message}`, cause: error });
}

function empty(directory: string): void {
  const because = { option: "layer", why: "the archive was cut off: its files are made again" };
  perform([{ do: "empty", in: "host", path: directory, because }]);
}
