import { type Descriptor, type Digest, type ImageConfig, isDigest, type Manifest, type Platform } from "@ctr/oci";
import { type Emit, eventsOf, forEachParallel } from "./event-stream.ts";
import { checkImage, checkPlatform, readConfig } from "./image-config.ts";
import { digestOf, type ImageDocument, readImageDocument } from "./manifest.ts";
import { type ManifestName, manifestLabel } from "./names.ts";
import type { Registry } from "./registry.ts";
import { isRegistryError, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { selectImage } from "./select-image.ts";

// An event for every chunk costs more than the chunk, and no eye sees it.
const progressBytes = 256 * 1024;

/** Where pulled blobs go. It makes a blob visible only when `chunks` has ended without an error. */
export interface BlobSink {
  /** Take a blob: layer, config, manifest or index. The bytes are verified at the end of `chunks`. */
  write(descriptor: Descriptor, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Called once, before the first layer: what is going to come. */
  expect?(image: { readonly manifest: Manifest; readonly config: ImageConfig }): void;
  /** The bytes of a document that is there already, to save a request. */
  read?(digest: Digest): Promise<Uint8Array | undefined>;
}

export interface PullOptions extends ManifestName {
  readonly registry: Registry;
  /** What the image is to run on; the best one of an index is taken. */
  readonly platform: Platform;
  /** Take exactly `platform`, not one that it runs as well. */
  readonly strict?: boolean | undefined;
  /** Whether a verified blob is there already and need not be fetched. */
  readonly have: (digest: Digest) => boolean | Promise<boolean>;
  readonly sink: BlobSink;
  /** What the tag stood for last time. When it still does and all is there, one HEAD is the only request. */
  readonly known?: Digest | undefined;
  /** Blobs at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PullEvent =
  /** What the name stands for. */
  | { readonly kind: "resolved"; readonly descriptor: Descriptor }
  /** The manifest of the platform, and the blobs that it names. */
  | { readonly kind: "selected"; readonly descriptor: Descriptor; readonly manifest: Manifest }
  | { readonly kind: "present"; readonly descriptor: Descriptor }
  /** `received` of `descriptor.size` bytes. At most every 256 KiB; the newest when the reader is slow. */
  | { readonly kind: "progress"; readonly descriptor: Descriptor; readonly received: number }
  | { readonly kind: "stored"; readonly descriptor: Descriptor }
  | {
      readonly kind: "done";
      readonly root: Descriptor;
      readonly manifest: Manifest;
      readonly config: ImageConfig;
      /** Bytes of blobs and documents that came over the wire, and of those that did not have to. */
      readonly fetchedBytes: number;
      readonly reusedBytes: number;
    };

/**
 * Pull the image of one platform: its config, its layers in parallel, then its manifest, then the indexes
 * that led to it, so that whatever is in the sink has everything it names.
 *
 * @throws {RegistryError}, what the sink throws, or the signal's reason
 */
export function pullImage(o: PullOptions): AsyncGenerator<PullEvent, void, undefined> {
  return eventsOf<PullEvent>(o.signal, (emit, signal) => new Pull(o, emit, signal).run());
}

class Pull {
  readonly #options: PullOptions;
  readonly #emit: Emit<PullEvent>;
  readonly #signal: AbortSignal;
  readonly #at: RegistryErrorDetails;
  #fetchedBytes = 0;
  #reusedBytes = 0;

  constructor(options: PullOptions, emit: Emit<PullEvent>, signal: AbortSignal) {
    this.#options = options;
    this.#emit = emit;
    this.#signal = signal;
    this.#at = { host: options.registry.host, object: manifestLabel(options) };
  }

  async run(): Promise<void> {
    const { platform, strict, registry, repository } = this.#options;
    const root = await this.#root();
    this.#emit({ kind: "resolved", descriptor: root.descriptor });
    const { image, indexes } = await selectImage({
      root,
      platform,
      strict,
      at: this.#at,
      fetch: async (descriptor) =>
        (await this.#kept(descriptor)) ??
        this.#fetched(await registry.fetchManifest({ repository, descriptor, signal: this.#signal })),
    });
    checkImage(image.manifest, this.#at);
    const { manifest } = image;
    this.#emit({ kind: "selected", descriptor: image.descriptor, manifest });
    const config = await this.#blobs(manifest);
    if (strict === true && root.kind === "manifest") checkPlatform(config, platform, this.#at);
    for (const document of [image, ...indexes.toReversed()]) await this.#keep(document);
    const [fetchedBytes, reusedBytes] = [this.#fetchedBytes, this.#reusedBytes];
    this.#emit({ kind: "done", root: root.descriptor, manifest, config, fetchedBytes, reusedBytes });
  }

  async #root(): Promise<ImageDocument> {
    const { registry, repository, reference, known } = this.#options;
    const name = { repository, reference, signal: this.#signal };
    const promised =
      known === undefined || isDigest(reference) ? undefined : await registry.head({ ...name, reference });
    const digest = isDigest(reference) ? reference : promised?.digest === known ? known : undefined;
    const kept = digest === undefined ? undefined : await this.#kept({ digest, mediaType: promised?.mediaType });
    return kept ?? this.#fetched(await registry.resolve(name));
  }

  /** A document from the sink, verified: a broken one is fetched again. */
  async #kept(descriptor: {
    readonly digest: Digest;
    readonly mediaType: string | undefined;
  }): Promise<ImageDocument | undefined> {
    const { digest, mediaType } = descriptor;
    if (!(await this.#options.have(digest))) return undefined;
    const bytes = await this.#options.sink.read?.(digest);
    if (bytes === undefined || digestOf(bytes, digest) !== digest) return undefined;
    try {
      const document = readImageDocument(bytes, { digest, contentType: mediaType, at: this.#at });
      this.#reusedBytes += bytes.length;
      return document;
    } catch (error) {
      // Without the type that the registry promises, a document may not say enough about itself.
      if (isRegistryError(error) && mediaType === undefined) return undefined;
      throw error;
    }
  }

  #fetched(document: ImageDocument): ImageDocument {
    this.#fetchedBytes += document.bytes.length;
    return document;
  }

  async #keep(document: ImageDocument): Promise<void> {
    if (await this.#options.have(document.descriptor.digest)) return;
    await this.#options.sink.write(document.descriptor, once(document.bytes), this.#signal);
    this.#emit({ kind: "stored", descriptor: document.descriptor });
  }

  async #blobs(manifest: Manifest): Promise<ImageConfig> {
    const blobs = uniqueBlobs([manifest.config, ...manifest.layers], this.#at);
    // First, since it says what the layers unpack to.
    const config = await this.#config(manifest, this.#signal);
    this.#options.sink.expect?.({ manifest, config });
    const layers = blobs.filter(({ digest }) => digest !== manifest.config.digest);
    const concurrency = this.#options.concurrency ?? 4;
    await forEachParallel(layers, { concurrency, signal: this.#signal }, (descriptor, signal) =>
      this.#layer(descriptor, signal),
    );
    return config;
  }

  async #config(manifest: Manifest, signal: AbortSignal): Promise<ImageConfig> {
    const descriptor = manifest.config;
    const { have, sink } = this.#options;
    const kept = (await have(descriptor.digest)) ? await sink.read?.(descriptor.digest) : undefined;
    const isKept = kept !== undefined && digestOf(kept, descriptor.digest) === descriptor.digest;
    const bytes = isKept ? kept : await this.#withoutLiars(() => this.#bytesOf(descriptor, signal));
    const config = readConfig(bytes, manifest, this.#at.host);
    if (isKept) this.#present(descriptor);
    else {
      await sink.write(descriptor, once(bytes), signal);
      this.#emit({ kind: "stored", descriptor });
    }
    return config;
  }

  async #bytesOf(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#counted(descriptor, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #layer(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    const { have, sink } = this.#options;
    if (await have(descriptor.digest)) return this.#present(descriptor);
    await this.#withoutLiars(() => this.#take(descriptor, sink, signal));
    this.#emit({ kind: "stored", descriptor });
  }

  async #take(descriptor: Descriptor, sink: BlobSink, signal: AbortSignal): Promise<void> {
    let isWhole = false;
    const counted = this.#counted(descriptor, signal);
    const chunks = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield* counted;
      isWhole = true;
    })();
    await sink.write(descriptor, chunks, signal);
    // The last step of the stream is the check of the digest.
    if (!isWhole) throw new Error(`the sink took ${descriptor.digest} without reading it to its end`);
  }

  /** A mirror that sent wrong bytes is not asked again, so the next time they come from another place. */
  async #withoutLiars<T>(fetch: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await fetch();
      } catch (error) {
        const isMirrors = isRegistryError(error) && error.host !== this.#at.host;
        if (!isMirrors || error.code !== "ERR_REGISTRY_DIGEST") throw error;
      }
    }
  }

  #present(descriptor: Descriptor): void {
    this.#reusedBytes += descriptor.size;
    this.#emit({ kind: "present", descriptor });
  }

  async *#counted(descriptor: Descriptor, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { registry, repository } = this.#options;
    let received = 0;
    let told = 0;
    for await (const chunk of registry.fetchBlob({ repository, descriptor, signal })) {
      received += chunk.length;
      this.#fetchedBytes += chunk.length;
      if (received - told >= progressBytes || received === descriptor.size) {
        told = received;
        this.#emit({ kind: "progress", descriptor, received }, descriptor.digest);
      }
      yield chunk;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** Each blob once. @throws {RegistryError} `ERR_REGISTRY_SIZE` when one has two sizes */
export function uniqueBlobs(blobs: readonly Descriptor[], at: RegistryErrorDetails): readonly Descriptor[] {
  const unique = new Map<Digest, Descriptor>();
  for (const blob of blobs) {
    const other = unique.get(blob.digest);
    if (other !== undefined && other.size !== blob.size)
      throw new RegistryError(
        "ERR_REGISTRY_SIZE",
        `${blob.digest} is named with ${other.size} and with ${blob.size} bytes`,
        at,
      );
    unique.set(blob.digest, other ?? blob);
  }
  return [...unique.values()];
}
