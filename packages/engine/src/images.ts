import { busyboxImage, type HostImage, hostImage, nodeImage } from "@ctr/host-image";
import type { Removal, ResolvedImage, StoredImage } from "@ctr/image-store";
import { applyLayer, compress } from "@ctr/layers";
import { chainIds, type Descriptor, type Digest, encodeJson, familiarReference, type ImageConfig, makeDigest, mediaTypes, parseReference } from "@ctr/oci";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import type { Document } from "./inspect.ts";

export interface HostImageRequest {
  /** `busybox` and `node` are recipes when they are the only program; anything else is taken as it is. */
  readonly programs: readonly string[];
  /** Files and directories that come along. */
  readonly data?: readonly string[];
  readonly tags: readonly string[];
  readonly signal?: AbortSignal;
}

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
      RepoTags: image.names.filter((name) => !name.includes("@")).map((name) => familiarReference(parseReference(name))),
      RepoDigests: [],
      Created: config.created ?? new Date(image.addedAt).toISOString(),
      Author: config.author ?? "",
      Config: config.config ?? {},
      Architecture: config.architecture,
      Os: config.os,
      Size: layers.reduce((sum, layer) => sum + layer.size, 0),
      GraphDriver: {
        Name: "overlay2",
        Data: top === undefined ? null : { ...(below.length > 0 ? { LowerDir: below.map(directory).join(":") } : {}), UpperDir: directory(top) },
      },
      RootFS: { Type: "layers", Layers: variant.diffIds },
    };
  }

  /**
   * Make an image out of programs of this machine, and store it. An image that is there already is only named.
   *
   * @throws {HostImageError} for programs that are not there
   */
  async fromHost(request: HostImageRequest): Promise<{ readonly id: Digest; readonly label: string }> {
    const image = await assemble(request);
    const id = await this.#store(image, request);
    return { id, label: image.config.config?.Labels?.["org.ctr.from-host"] ?? "programs" };
  }

  async #store(image: HostImage, o: HostImageRequest): Promise<Digest> {
    const config = new TextEncoder().encode(encodeJson(image.config as never));
    const id = makeDigest("sha256", createHash("sha256").update(config).digest("hex"));
    const present = this.#context.store.list().find((one) => one.variants.some((variant) => variant.config === id));
    if (present === undefined) await this.#add(image, config, o);
    else for (const name of o.tags) this.#context.store.tag({ image: id, name });
    return id;
  }

  async #add(image: HostImage, config: Uint8Array, o: HostImageRequest): Promise<void> {
    const { store } = this.#context;
    const chains = chainIds(image.layers.map((layer) => layer.diffId), (text) => createHash("sha256").update(text).digest("hex"));
    const layers: Descriptor[] = [];
    for (const [index, layer] of image.layers.entries()) {
      // Level 1: these bytes stay on this machine, and the first minute counts.
      const blob = await store.writeBlob(compress({ source: layer.archive(), format: "gzip", level: 1 }));
      layers.push({ mediaType: mediaTypes.layerGzip, ...blob });
      await store.addLayer({
        chainId: chains[index]!,
        ...(index === 0 ? {} : { parentChainId: chains[index - 1]! }),
        diffId: layer.diffId,
        fill: async (directory) => {
          await applyLayer({ archive: layer.archive(), directory, expectedDiffId: layer.diffId });
        },
      });
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...(await store.writeBlob(config)) },
      layers,
    };
    const blob = await store.writeBlob(new TextEncoder().encode(encodeJson(manifest as never)));
    await store.addImage({ target: { mediaType: mediaTypes.manifest, ...blob }, names: o.tags });
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

function assemble(o: HostImageRequest): Promise<HostImage> {
  const signal = o.signal === undefined ? {} : { signal: o.signal };
  const [only] = o.programs.length === 1 && (o.data ?? []).length === 0 ? o.programs : [];
  if (only === "busybox") return busyboxImage(signal);
  if (only === "node") return nodeImage(signal);
  return hostImage({ programs: o.programs, ...(o.data === undefined ? {} : { data: o.data }), defaults: defaultsFor(o.programs), ...signal });
}

function defaultsFor(programs: readonly string[]): NonNullable<ImageConfig["config"]> {
  const [first] = programs;
  return { ...(first === undefined ? {} : { Cmd: [first] }), Labels: { "org.ctr.from-host": "programs" } };
}

