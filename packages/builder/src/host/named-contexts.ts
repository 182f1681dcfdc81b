import type { ImageStore } from "@ctr/image-store";
import { familiarReference, type Platform, parseReference } from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";
import type { BaseImage } from "./base-image.ts";
import { namedSource } from "./context.ts";
import type { ContextOpener } from "./context-opener.ts";
import type { CopySource } from "./copy-source.ts";
import type { ImageLoader } from "./image-loader.ts";
import { loadLayoutImage, parseLayoutReference } from "./layout-image.ts";

/** What a name stands for. */
export type NamedContext =
  | { readonly kind: "image"; readonly image: BaseImage }
  | { readonly kind: "files"; readonly source: CopySource };

export interface NamedContextOptions {
  /** By name: a directory, an address, `docker-image://NAME` or `oci-layout://DIRECTORY:TAG`. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly store: ImageStore;
  readonly holder: string;
  readonly images: ImageLoader;
  readonly opener: ContextOpener;
  readonly host: Platform;
  readonly signal: AbortSignal | undefined;
}

const imageScheme = "docker-image://";
const layoutScheme = "oci-layout://";

/**
 * Contexts with names: what FROM, `--from` and mounts mean by them, before any stage or image of that name.
 *
 * @see https://docs.docker.com/reference/cli/docker/buildx/build/#build-context
 */
export class NamedContexts {
  readonly #o: NamedContextOptions;
  readonly #values: ReadonlyMap<string, string>;
  readonly #opened = new Map<string, Promise<CopySource>>();

  constructor(options: NamedContextOptions) {
    this.#o = options;
    this.#values = new Map(Object.entries(options.contexts).map(([name, value]) => [plainName(name), value]));
  }

  has(name: string): boolean {
    return this.#values.has(plainName(name));
  }

  /** Whether a name means files and no image. */
  isFiles(name: string): boolean {
    const value = this.#values.get(plainName(name));
    return value !== undefined && !value.startsWith(imageScheme) && !value.startsWith(layoutScheme);
  }

  /**
   * What a name stands for; undefined for one that is no context's.
   *
   * @throws {BuilderError} `ERR_BUILDER_IMAGE`, `ERR_BUILDER_CONTEXT`, `ERR_BUILDER_DOWNLOAD`
   */
  async find(name: string, platform: Platform | undefined, place: Place): Promise<NamedContext | undefined> {
    const value = this.#values.get(plainName(name));
    if (value === undefined) return undefined;
    if (value.startsWith(imageScheme)) {
      const image = await this.#o.images.load(value.slice(imageScheme.length), platform, place);
      return { kind: "image", image };
    }
    if (value.startsWith(layoutScheme)) {
      const image = await this.#layoutImage(name, value.slice(layoutScheme.length), platform, place);
      return { kind: "image", image };
    }
    return { kind: "files", source: await this.#files(value) };
  }

  #layoutImage(name: string, text: string, platform: Platform | undefined, place: Place): Promise<BaseImage> {
    const { store, holder, host, signal } = this.#o;
    const reference = parseLayoutReference(text);
    if (reference !== undefined)
      return loadLayoutImage({ store, reference, name, platform: platform ?? host, place, holder, signal });
    const message = `invalid reference ${JSON.stringify(layoutScheme + text)} of the context ${name}`;
    throw new BuilderError({ code: "ERR_BUILDER_CONTEXT", message, place });
  }

  #files(value: string): Promise<CopySource> {
    const opened = this.#opened.get(value) ?? this.#o.opener.open(value).then(namedSource);
    this.#opened.set(value, opened);
    return opened;
  }
}

/** `Alpine`, `alpine:latest` and `docker.io/library/alpine` are one name. */
function plainName(name: string): string {
  const lower = name.toLowerCase();
  try {
    return familiarReference(parseReference(lower)).replace(/:latest$/, "");
  } catch {
    return lower;
  }
}
