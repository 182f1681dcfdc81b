import { type Digest, isDigest } from "@ctr/oci";
import type { ImageDocument } from "../manifest.ts";
import type { Registry } from "../registry.ts";
import { isRegistryError } from "../registry-error.ts";
import type { Catalog } from "./catalog.ts";
import type { Layout } from "./layout.ts";
import { Refusal } from "./reply.ts";

/** What a pull-through cache needs of the registry behind it. */
export type UpstreamRegistry = Pick<Registry, "head" | "resolve" | "fetchBlob">;

/** Takes bytes that pass by on their way into the cache. */
export type Passer = (chunk: Uint8Array) => Promise<void>;

/** Fills a layout from another registry, each thing when it is first asked for. */
export class Upstream {
  readonly #registry: UpstreamRegistry;
  readonly #layout: Layout;
  readonly #catalog: Catalog;
  /** Blobs on their way in. */
  readonly #underWay: Map<Digest, Promise<void>> = new Map();

  constructor(registry: UpstreamRegistry, layout: Layout, catalog: Catalog) {
    this.#registry = registry;
    this.#layout = layout;
    this.#catalog = catalog;
  }

  /**
   * Have the catalog show what a name stands for upstream now. When upstream cannot be asked, what is
   * cached stays as it is.
   */
  async refreshManifest(repository: string, reference: string): Promise<void> {
    const shown = this.#catalog.get(repository);
    try {
      if (isDigest(reference)) {
        if (shown?.manifests.has(reference) === true) return;
      } else {
        const found = await this.#registry.head({ repository, reference });
        if (found !== undefined && found.digest === shown?.tags.get(reference)) return;
      }
      await this.#keep(repository, reference, await this.#registry.resolve({ repository, reference }));
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      const isCached = !isDigest(reference) && shown?.tags.has(reference) === true;
      if (!isCached && error.code !== "ERR_REGISTRY_NOT_FOUND") throw badGateway(error);
    }
  }

  async #keep(repository: string, reference: string, document: ImageDocument): Promise<void> {
    await this.#layout.write(document.descriptor.digest, document.bytes);
    const tag = isDigest(reference) ? undefined : reference;
    if (!(await this.#catalog.putManifest(repository, document, tag)))
      throw new Refusal(507, "DENIED", "this cache holds as many manifests as it can");
  }

  /**
   * Bring a blob into the layout.
   *
   * @param pass  Gets the bytes as they come, unless somebody else asked first: then this just waits.
   * @returns whether `pass` got them
   */
  async fetchBlob(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    pass: Passer,
  ): Promise<boolean> {
    const other = this.#underWay.get(blob.digest);
    if (other !== undefined) {
      await other.catch(() => {});
      return false;
    }
    const fetching = this.#fetch(repository, blob, pass).finally(() => this.#underWay.delete(blob.digest));
    this.#underWay.set(blob.digest, fetching);
    try {
      await fetching;
    } catch (error) {
      throw isRegistryError(error) ? badGateway(error) : error;
    }
    return true;
  }

  async #fetch(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    pass: Passer,
  ): Promise<void> {
    const descriptor = { ...blob, mediaType: "application/octet-stream" };
    const { path, file } = await this.#layout.createUpload();
    try {
      for await (const chunk of this.#registry.fetchBlob({ repository, descriptor })) {
        await file.appendFile(chunk);
        await pass(chunk);
      }
      await this.#layout.commit(path, file, blob.digest);
    } catch (error) {
      await this.#layout.discard(path, file);
      throw error;
    }
  }
}

function badGateway(error: Error): Refusal {
  return new Refusal(502, "UNSUPPORTED", `the registry behind this cache failed: ${error.message}`);
}
