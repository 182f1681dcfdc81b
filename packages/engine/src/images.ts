import { join } from "node:path";
import type { Removal, ResolvedImage, StoredImage } from "@ctr/image-store";
import { type Digest, familiarReference, parseReference } from "@ctr/oci";
import type { PullEvent, PushEvent } from "@ctr/registry";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import type { HostImageRequest } from "./image-from-host.ts";
import type { Document } from "./inspect.ts";
import type { PullRequest } from "./pull.ts";
import type { PushRequest } from "./push.ts";

/** What `ctr images` lists. */
export interface ImageSummary {
  readonly image: StoredImage;
  readonly id: Digest;
  /** Bytes of its layers on disk. */
  readonly size: number;
}

/** The images of a state directory. */
export class Images {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** One entry for each image and platform, newest first. */
  list(): ImageSummary[] {
    return this.#context.store.list().flatMap((image) =>
      image.variants.map((variant) => ({
        image,
        id: variant.config,
        size: variant.chainId === undefined ? 0 : this.#sizeOf(variant.chainId),
      })),
    );
  }

  #sizeOf(chainId: Digest): number {
    return this.#context.store.layerChain(chainId).reduce((sum, layer) => sum + layer.size, 0);
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
    const { variant, image } = this.#context.store.resolve(reference);
    const user = this.#context.table.all().find((record) => record.imageId === variant.config);
    const last = image.names.length <= 1 || !isName(image, reference);
    if (user !== undefined && last && !o.force)
      throw new EngineError(
        "ERR_ENGINE_IMAGE_IN_USE",
        `conflict: unable to remove repository reference "${reference}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${short(variant.config)}`,
        { exitCode: 1 },
      );
    return this.#context.store.remove({ image: reference, ...(o.force === undefined ? {} : { force: o.force }) });
  }

  /** In Docker's shape. */
  async inspect(reference: string): Promise<Document> {
    const resolved = this.#context.store.resolve(reference);
    const { config } = await this.#context.store.read(resolved);
    const { variant, image } = resolved;
    const layers = variant.chainId === undefined ? [] : this.#context.store.layerChain(variant.chainId);
    const directory = (id: string): string => join(this.#context.root, "overlay2", id, "diff");
    const [top, ...below] = variant.chainId === undefined ? [] : this.#context.store.overlayParents(variant.chainId);
    return {
      Id: variant.config,
      RepoTags: image.names
        .filter((name) => !name.includes("@"))
        .map((name) => familiarReference(parseReference(name))),
      RepoDigests: [],
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
    yield* pull(this.#context, request);
  }

  /** @see {@link push} */
  async *push(request: PushRequest): AsyncGenerator<PushEvent, void, undefined> {
    const { push } = await import("./push.ts");
    yield* push(this.#context, request);
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
