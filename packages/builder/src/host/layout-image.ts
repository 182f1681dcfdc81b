import { createHash } from "node:crypto";
import type { ImageStore } from "@ctr/image-store";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  isConfigType,
  isDigest,
  isIndexType,
  isManifestType,
  isOciError,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";
import { type BaseImage, unpackImage } from "./base-image.ts";
import { Tree } from "./tree.ts";

const maxDocumentBytes = 8 << 20;
const deepestIndex = 4;

/** An image of an OCI layout: `oci-layout://directory:tag@digest`. */
export interface LayoutReference {
  readonly directory: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** @returns undefined for a digest that is none */
export function parseLayoutReference(text: string): LayoutReference | undefined {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return undefined;
  const path = at < 0 ? text : text.slice(0, at);
  const match = /^(.+):([\w][\w.-]{0,127})$/s.exec(path);
  const named = match === null ? { directory: path, tag: undefined } : { directory: match[1]!, tag: match[2]! };
  return named.directory === "" ? undefined : { ...named, digest };
}

/**
 * Bring an image of a layout into the store, unpacked: no image is listed there. Every blob is what its digest says.
 *
 * @throws {BuilderError} `ERR_BUILDER_IMAGE`; {ImageStoreError} for a blob that is not what its digest says
 * @see image-spec image-layout.md
 */
export async function loadLayoutImage(o: {
  readonly store: ImageStore;
  readonly reference: LayoutReference;
  /** What the Dockerfile calls it. */
  readonly name: string;
  /** Asked for, else the machine's. */
  readonly platform: Platform;
  readonly place: Place;
  readonly holder: string;
  readonly signal: AbortSignal | undefined;
}): Promise<BaseImage> {
  const { store, reference, name, place, signal } = o;
  const refuse = (why: string, cause?: unknown): BuilderError => {
    const message = `${name}: the OCI layout ${reference.directory}: ${why}`;
    return new BuilderError({ code: "ERR_BUILDER_IMAGE", message, place, cause });
  };
  using tree = Tree.open(reference.directory);
  const layout = new Layout(tree, refuse);
  try {
    const target = layout.find(reference, o.platform);
    const manifest = parseManifest(layout.document(target), target.mediaType);
    if (!isConfigType(manifest.config.mediaType)) throw refuse("it holds no image");
    const config = parseImageConfig(layout.document(manifest.config));
    for (const layer of manifest.layers) await keep(store, tree, layer, signal);
    const id = manifest.config.digest;
    return await unpackImage({ ...o, manifest, config, id, shown: name });
  } catch (error) {
    throw isOciError(error) ? refuse(error.message, error) : error;
  }
}

async function keep(store: ImageStore, tree: Tree, blob: Descriptor, signal: AbortSignal | undefined): Promise<void> {
  const { digest, size } = blob;
  if (store.leaseBlob(digest) !== undefined) return;
  await store.writeBlob(tree.content(blobPath(digest)), { expected: { digest, size }, ...(signal && { signal }) });
}

const blobPath = (digest: Digest): string => `blobs/${digest.slice(0, digest.indexOf(":"))}/${digestHex(digest)}`;

type Refuse = (why: string) => BuilderError;

class Layout {
  readonly #tree: Tree;
  readonly #refuse: Refuse;

  constructor(tree: Tree, refuse: Refuse) {
    this.#tree = tree;
    this.#refuse = refuse;
  }

  document({ digest }: Descriptor): Uint8Array {
    const bytes = this.#read(blobPath(digest), `blob ${digest}`);
    const found = createHash(digestAlgorithm(digest)).update(bytes).digest("hex");
    if (found !== digestHex(digest)) throw this.#refuse(`blob ${digest} has other bytes`);
    return bytes;
  }

  /** The manifest that a reference means on a platform. */
  find({ tag, digest }: LayoutReference, platform: Platform): Descriptor {
    const { manifests } = parseIndex(this.#read("index.json", "index.json"));
    const found = manifests.filter((one) => (digest === undefined ? isTagged(one, tag) : one.digest === digest));
    // A layout with one image needs no name for it.
    const roots = found.length === 0 && tag === undefined && digest === undefined ? manifests : found;
    const wanted = [tag, digest].filter((one) => one !== undefined).join("@");
    if (roots.length === 0) throw this.#refuse(`it has no image ${wanted || "latest"}`);
    if (roots.length > 1 && new Set(roots.map((one) => one.digest)).size > 1 && !roots.some((one) => one.platform))
      throw this.#refuse("it has several images: name one, oci-layout://DIRECTORY:TAG");
    const variant = this.#choose(roots, platform, 0);
    if (variant === undefined) throw this.#refuse(`it has no image for ${platform.os}/${platform.architecture}`);
    return variant;
  }

  #choose(candidates: readonly Descriptor[], platform: Platform, depth: number): Descriptor | undefined {
    if (depth > deepestIndex) throw this.#refuse(`its indexes are nested more than ${deepestIndex} deep`);
    for (const one of candidates) {
      if (one.platform !== undefined && !fits(one.platform, platform)) continue;
      if (isManifestType(one.mediaType)) return one;
      if (!isIndexType(one.mediaType)) continue;
      const below = parseIndex(this.document(one), one.mediaType).manifests;
      const found = this.#choose(below, platform, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #read(path: string, what: string): Uint8Array {
    const bytes = this.#tree.bytes(path, maxDocumentBytes);
    if (bytes === undefined) throw this.#refuse(`${what} is missing`);
    return bytes;
  }
}

function isTagged({ annotations }: Descriptor, tag: string | undefined): boolean {
  const name = annotations?.["org.opencontainers.image.ref.name"];
  const wanted = tag ?? "latest";
  return name === wanted || name?.endsWith(`:${wanted}`) === true;
}

const fits = (is: Platform, wanted: Platform): boolean =>
  is.os === wanted.os &&
  is.architecture === wanted.architecture &&
  (is.variant === undefined || wanted.variant === undefined || is.variant === wanted.variant);
