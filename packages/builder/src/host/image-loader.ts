import { type ImageStore, isImageStoreError } from "@ctr/image-store";
import { formatPlatform, formatReference, isDigest, type Platform, parseReference, type Reference } from "@ctr/oci";
import type { BuildEvent } from "../build-event.ts";
import { BuilderError, type Place } from "../builder-error.ts";
import type { ImagePuller } from "../image-puller.ts";
import { type BaseImage, loadImage } from "./base-image.ts";

export interface ImageLoaderOptions {
  readonly store: ImageStore;
  /** Holds the layers for as long as the build lasts. */
  readonly holder: string;
  readonly puller: ImagePuller | undefined;
  /** Ask the registry also for what is in the store. */
  readonly pullAlways: boolean;
  readonly emit: (event: BuildEvent) => void;
  readonly signal: AbortSignal | undefined;
}

interface Wanted {
  /** The name as the Dockerfile has it. */
  readonly written: string;
  readonly platform: Platform | undefined;
  readonly place: Place;
}

/** The images that a build begins with or copies from: of the store, or pulled, each at most once in a build. */
export class ImageLoader {
  readonly #o: ImageLoaderOptions;
  readonly #pulled = new Map<string, Promise<void>>();

  constructor(options: ImageLoaderOptions) {
    this.#o = options;
  }

  /** @throws {BuilderError} `ERR_BUILDER_IMAGE` */
  async load(name: string, platform: Platform | undefined, place: Place): Promise<BaseImage> {
    const { store, holder, signal, puller, pullAlways } = this.#o;
    const reference = puller === undefined ? undefined : referenceOf(name);
    // What was built or loaded here under an id has no registry to ask.
    if (reference !== undefined && (pullAlways || !this.#isThere(name, platform)))
      await this.#pull(reference, { written: name, platform, place });
    return loadImage({ store, name, platform, place, holder, signal });
  }

  #isThere(name: string, platform: Platform | undefined): boolean {
    try {
      this.#o.store.resolve(name, platform === undefined ? {} : { platform });
      return true;
    } catch (error) {
      if (isImageStoreError(error) && (error.code === "ERR_IMAGE_NOT_FOUND" || error.code === "ERR_IMAGE_PLATFORM"))
        return false;
      throw error;
    }
  }

  #pull(reference: Reference, o: Wanted): Promise<void> {
    const { platform } = o;
    const name = formatReference(reference);
    const key = `${name} ${platform === undefined ? "" : formatPlatform(platform)}`;
    const pulling = this.#pulled.get(key) ?? this.#pullOnce(name, o);
    this.#pulled.set(key, pulling);
    return pulling;
  }

  async #pullOnce(name: string, { written, platform, place }: Wanted): Promise<void> {
    const { puller, emit, signal } = this.#o;
    const started = performance.now();
    emit({ type: "pullStarted", image: name });
    let done: { readonly digest: string; readonly fetchedBytes: number } | undefined;
    try {
      await puller!({
        name,
        platform,
        progress: (message) => {
          if (message.kind === "done") done = message;
          else emit({ type: "pullProgress", image: name, layer: message.digest, ...message });
        },
        signal,
      });
    } catch (cause) {
      signal?.throwIfAborted();
      const message = `${written}: failed to resolve source metadata for ${name}: ${(cause as Error).message}`;
      throw new BuilderError({ code: "ERR_BUILDER_IMAGE", message, place, cause });
    }
    const { digest = "", fetchedBytes = 0 } = done ?? {};
    emit({ type: "pullFinished", image: name, digest, fetchedBytes, milliseconds: performance.now() - started });
  }
}

/** A name that a registry can be asked for; undefined for an id. */
function referenceOf(name: string): Reference | undefined {
  if (isDigest(name)) return undefined;
  try {
    return parseReference(name);
  } catch {
    return undefined; // the store says what is wrong with it
  }
}
