import {
  type Descriptor,
  type Digest,
  isDigest,
  isIndexType,
  isManifestType,
  type Manifest,
  maxManifestBytes,
} from "@ctr/oci";
import { type Emit, eventsOf, forEachParallel } from "./event-stream.ts";
import { digestOf, type ImageDocument, readImageDocument } from "./manifest.ts";
import { type ManifestName, manifestLabel } from "./names.ts";
import { uniqueBlobs } from "./pull-image.ts";
import type { Registry } from "./registry.ts";
import { RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { maxIndexDepth } from "./select-image.ts";
import type { BlobSource } from "./upload.ts";

export interface PushOptions extends ManifestName {
  readonly registry: Registry;
  /** A manifest, or an index: then all that it names is pushed. */
  readonly root: Descriptor;
  readonly source: BlobSource;
  /** Repositories of this registry that a blob was pulled from or pushed to, best first. */
  readonly origins?: ((digest: Digest) => readonly string[]) | undefined;
  /** Bytes per upload request; a blob in one request by default. */
  readonly chunkBytes?: number | undefined;
  /** Blobs at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PushEvent =
  | { readonly kind: "present"; readonly descriptor: Descriptor }
  | { readonly kind: "mounted"; readonly descriptor: Descriptor; readonly from: string }
  /** Bytes that went out so far; more than the size when some had to go again. */
  | { readonly kind: "progress"; readonly descriptor: Descriptor; readonly sent: number }
  | { readonly kind: "sent"; readonly descriptor: Descriptor }
  | { readonly kind: "done"; readonly root: Descriptor; readonly sentBytes: number };

/**
 * Push an image: blobs in parallel, then manifests, then indexes, each only if the registry has it not.
 * When the name stands for this image already, one HEAD is the only request.
 *
 * @throws {RegistryError}, what the source throws, or the signal's reason
 */
export function pushImage(o: PushOptions): AsyncGenerator<PushEvent, void, undefined> {
  return eventsOf<PushEvent>(o.signal, (emit, signal) => new Push(o, emit, signal).run());
}

class Push {
  readonly #options: PushOptions;
  readonly #emit: Emit<PushEvent>;
  readonly #signal: AbortSignal;
  readonly #at: RegistryErrorDetails;
  readonly #done: Set<Digest> = new Set();
  #sentBytes = 0;

  constructor(options: PushOptions, emit: Emit<PushEvent>, signal: AbortSignal) {
    this.#options = options;
    this.#emit = emit;
    this.#signal = signal;
    this.#at = { host: options.registry.host, object: manifestLabel(options) };
  }

  async run(): Promise<void> {
    const { root, reference } = this.#options;
    if (isDigest(reference) && reference !== root.digest)
      throw new RegistryError("ERR_REGISTRY_ARGUMENT", `the image has the digest ${root.digest}`, this.#at);
    if (await this.#isThere(root, reference)) this.#emit({ kind: "present", descriptor: root });
    else await this.#document(root, reference, 0);
    this.#emit({ kind: "done", root, sentBytes: this.#sentBytes });
  }

  async #isThere(descriptor: Descriptor, reference: string): Promise<boolean> {
    const { registry, repository } = this.#options;
    const found = await registry.head({ repository, reference, signal: this.#signal, forPush: true });
    return found?.digest === descriptor.digest;
  }

  async #document(descriptor: Descriptor, reference: string, depth: number): Promise<void> {
    const { registry, repository, source } = this.#options;
    const document = await readDocument(source, descriptor, this.#at);
    if (document.kind === "index") await this.#children(document.index.manifests, depth + 1);
    else await this.#blobs(document.manifest);
    const { mediaType } = document.descriptor;
    await registry.pushManifest({ repository, reference, mediaType, bytes: document.bytes, signal: this.#signal });
    this.#sentBytes += document.bytes.length;
    this.#emit({ kind: "sent", descriptor });
  }

  async #children(manifests: readonly Descriptor[], depth: number): Promise<void> {
    if (depth > maxIndexDepth)
      throw new RegistryError("ERR_REGISTRY_LIMIT", `indexes are nested more than ${maxIndexDepth} deep`, this.#at);
    for (const child of manifests) {
      if (this.#done.has(child.digest)) continue;
      this.#done.add(child.digest);
      if (await this.#isThere(child, child.digest)) this.#emit({ kind: "present", descriptor: child });
      else if (isIndexType(child.mediaType) || isManifestType(child.mediaType))
        await this.#document(child, child.digest, depth);
      else await this.#blob(child, this.#signal);
    }
  }

  async #blobs(manifest: Manifest): Promise<void> {
    // What may not be passed on stays where its address says.
    const own = [manifest.config, ...manifest.layers].filter((it) => it.urls === undefined);
    const blobs = uniqueBlobs(own, this.#at).filter((it) => !this.#done.has(it.digest));
    const concurrency = this.#options.concurrency ?? 4;
    await forEachParallel(blobs, { concurrency, signal: this.#signal }, (it, signal) => this.#blob(it, signal));
    for (const { digest } of blobs) this.#done.add(digest);
  }

  async #blob(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    const { registry, repository, source, origins, chunkBytes } = this.#options;
    let sent = 0;
    const onBytes = (count: number): void => {
      sent += count;
      this.#sentBytes += count;
      this.#emit({ kind: "progress", descriptor, sent }, descriptor.digest);
    };
    const from = origins?.(descriptor.digest);
    const pushed = await registry.pushBlob({
      repository,
      descriptor,
      source,
      origins: from,
      chunkBytes,
      signal,
      onBytes,
    });
    if (pushed.how === "mounted") this.#emit({ kind: "mounted", descriptor, from: pushed.from ?? "" });
    else this.#emit({ kind: pushed.how, descriptor });
  }
}

async function readDocument(
  source: BlobSource,
  descriptor: Descriptor,
  at: RegistryErrorDetails,
): Promise<ImageDocument> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source.open(descriptor, 0)) {
    size += chunk.length;
    if (size > maxManifestBytes)
      throw new RegistryError("ERR_REGISTRY_LIMIT", `${descriptor.digest} has more than ${maxManifestBytes} bytes`, at);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks, size);
  if (digestOf(bytes, descriptor.digest) !== descriptor.digest)
    throw new RegistryError(
      "ERR_REGISTRY_DIGEST",
      `the bytes of ${descriptor.digest} at hand are others; nothing is sent`,
      at,
    );
  return readImageDocument(bytes, { digest: descriptor.digest, contentType: descriptor.mediaType, at });
}
