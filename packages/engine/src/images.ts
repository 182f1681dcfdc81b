import { join } from "node:path";
import type { TreeChange } from "@ctr/image-reuse";
import type { Removal, ResolvedImage, StoredImage } from "@ctr/image-store";
import { type Digest, familiarReference, parseReference } from "@ctr/oci";
import type { PullEvent } from "@ctr/registry";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import type { Filters } from "./image-filters.ts";
import type { HostImageRequest } from "./image-from-host.ts";
import type { HistoryEntry } from "./image-history.ts";
import { type ImageSummary, listImages } from "./image-list.ts";
import type { PruneImagesRequest } from "./image-prune.ts";
import type { ImportRequest } from "./import.ts";
import type { Document } from "./inspect.ts";
import type { LoadedImage, LoadRequest } from "./load.ts";
import type { PullRequest } from "./pull.ts";
import type { EnginePushEvent, PushRequest } from "./push.ts";
import type { RemoteImages } from "./remote.ts";
import type { CompareRequest, ReuseRequest, StoreReuse } from "./reuse.ts";
import { notePull, notePush } from "./reuse-transfers.ts";
import type { SaveRequest } from "./save.ts";

/** The images of a state directory. */
export class Images {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** @see {@link listImages} */
  list(o?: { readonly filters?: Filters }): Promise<ImageSummary[]> {
    return listImages(this.#context, o);
  }

  /** @see {@link imageHistory} */
  async history(reference: string): Promise<HistoryEntry[]> {
    const { imageHistory } = await import("./image-history.ts");
    return imageHistory(this.#context, reference);
  }

  /** @see {@link pruneImages} */
  async prune(o?: PruneImagesRequest): Promise<Removal> {
    const { pruneImages } = await import("./image-prune.ts");
    return pruneImages(this.#context, o);
  }

  /** @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND` */
  resolve(reference: string): ResolvedImage {
    return this.#context.store.resolve(reference);
  }

  tag(image: string, name: string): void {
    this.#context.store.tag({ image, name });
  }

  /**
   * Take a name away, and the image with its last one.
   *
   * @throws {EngineError} `ERR_ENGINE_IMAGE_IN_USE` while a container is made from it and `force` is not set
   */
  async remove(reference: string, o: { readonly force?: boolean } = {}): Promise<Removal> {
    const image = this.#context.store.find(reference);
    const ids = new Set<Digest | undefined>(image.variants.map(({ config }) => config));
    const user = this.#context.table.all().find((record) => ids.has(record.imageId));
    const last = image.names.length <= 1 || !isName(image, reference);
    if (user !== undefined && last && !o.force)
      throw new EngineError(
        "ERR_ENGINE_IMAGE_IN_USE",
        `conflict: unable to remove repository reference "${reference}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${short(user.imageId!)}`,
        { exitCode: 1 },
      );
    return this.#context.store.remove({ image: reference, ...(o.force === undefined ? {} : { force: o.force }) });
  }

  /** In Docker's shape. */
  async inspect(reference: string): Promise<Document> {
    const resolved = this.#context.store.resolve(reference);
    const { config } = await this.#context.store.read(resolved);
    const { variant, image } = resolved;
    // Not unpacked when it is for another machine, or was damaged.
    const isUnpacked = variant.chainId !== undefined && this.#context.store.findLayer(variant.chainId) !== undefined;
    const layers = isUnpacked ? this.#context.store.layerChain(variant.chainId) : [];
    const directory = (id: string): string => join(this.#context.root, "overlay2", id, "diff");
    const [top, ...below] = layers.map(({ cacheId }) => cacheId);
    return {
      Id: variant.config,
      RepoTags: image.names
        .filter((name) => !name.includes("@"))
        .map((name) => familiarReference(parseReference(name))),
      RepoDigests: [...new Set([...image.names.filter((name) => name.includes("@")), ...image.repoDigests])]
        .sort()
        .map((name) => familiarReference(parseReference(name))),
      Created: config.created ?? new Date(image.addedAt).toISOString(),
      Author: config.author ?? "",
      Config: config.config ?? {},
      Architecture: config.architecture,
      Os: config.os,
      Size: layers.reduce((sum, layer) => sum + layer.size, 0),
      GraphDriver: {
        Name: "overlay2",
        Data:
          top === undefined
            ? null
            : { ...(below.length > 0 ? { LowerDir: below.map(directory).join(":") } : {}), UpperDir: directory(top) },
      },
      RootFS: { Type: "layers", Layers: variant.diffIds },
    };
  }

  /** @see {@link pull} */
  async *pull(request: PullRequest): AsyncGenerator<PullEvent, void, undefined> {
    const { pull } = await import("./pull.ts");
    for await (const event of notePull(this.#context, request.reference, pull(this.#context, request))) {
      if (event.kind === "done") this.#rememberRegistry(event.root.digest, event.root.digest, request.reference);
      yield event;
    }
  }

  /** @see {@link push} */
  async *push(request: PushRequest): AsyncGenerator<EnginePushEvent, void, undefined> {
    const { push } = await import("./push.ts");
    const { target } = this.#context.store.find(request.reference);
    for await (const event of notePush(this.#context, request.reference, push(this.#context, request))) {
      if (event.kind === "done") this.#rememberRegistry(target.digest, event.root.digest, request.reference);
      yield event;
    }
  }

  /** What Docker lists as RepoDigests: where an image came from or went to, by the digest it has there. */
  #rememberRegistry(target: Digest, digest: Digest, reference: string): void {
    const { domain, path } = parseReference(reference);
    this.#context.store.addRepoDigest({ target, reference: { domain, path, digest } });
  }

  /** Images on registries, without the store. */
  async remote(): Promise<RemoteImages> {
    const { RemoteImages } = await import("./remote.ts");
    return new RemoteImages(this.#context);
  }

  /** @see {@link save} */
  async *save(request: SaveRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const { save } = await import("./save.ts");
    yield* save(this.#context, request);
  }

  /** @see {@link load} */
  async *load(request: LoadRequest): AsyncGenerator<LoadedImage, void, undefined> {
    const { load } = await import("./load.ts");
    yield* load(this.#context, request);
  }

  /** The new image's id. @see {@link importImage} */
  async import(request: ImportRequest): Promise<Digest> {
    const { importImage } = await import("./import.ts");
    return importImage(this.#context, request);
  }

  /** @see {@link reuse} */
  async reuse(request: ReuseRequest = {}): Promise<StoreReuse> {
    const { reuse } = await import("./reuse.ts");
    return reuse(this.#context, request);
  }

  /** @see {@link compare} */
  async *compare(request: CompareRequest): AsyncGenerator<TreeChange, void, undefined> {
    const { compare } = await import("./reuse.ts");
    yield* compare(this.#context, request);
  }

  /**
   * Make an image out of programs of this machine, and store it. An image that is there already is only named.
   *
   * @throws {HostImageError} for programs that are not there
   */
  async fromHost(request: HostImageRequest): Promise<{ readonly id: Digest; readonly label: string }> {
    // Loaded by whoever needs it: a start does not.
    const { imageFromHost } = await import("./image-from-host.ts");
    return imageFromHost(this.#context, request);
  }
}

const short = (digest: Digest): string => digest.slice("sha256:".length, "sha256:".length + 12);

function isName(image: StoredImage, reference: string): boolean {
  try {
    const { domain, path, tag } = parseReference(reference);
    return image.names.includes(`${domain}/${path}:${tag ?? "latest"}`);
  } catch {
    return false;
  }
}
