import {
  type Descriptor,
  type Digest,
  familiarName,
  isIndexType,
  isManifestType,
  maxManifestBytes,
  parseReference,
} from "@ctr/oci";
import { type ImageDocument, readImageDocument } from "../manifest.ts";
import { isRepository, isTag } from "../names.ts";
import { DigestLocks } from "./digest-locks.ts";
import type { Layout } from "./layout.ts";

const refName = "org.opencontainers.image.ref.name";
// Indexes inside indexes that are read at the start; deeper ones are served by nobody honest.
const maxDepth = 8;
/** index.json is written anew for every push, so it has to stay small. */
const maxManifests = 10_000;

/** What one repository shows: blobs of others stay hidden until they are mounted or pushed. */
export interface Repository {
  readonly tags: Map<string, Digest>;
  readonly manifests: Map<Digest, Descriptor>;
  /** With their sizes in bytes. A cache shows blobs before it has them. */
  readonly blobs: Map<Digest, number>;
  /** From a manifest to those that have it as their subject. */
  readonly referrers: Map<Digest, Map<Digest, Descriptor>>;
}

/** Which repositories there are, read from index.json and kept in step with it. */
export class Catalog {
  readonly #layout: Layout;
  /** For changes of files and of who shows them. */
  readonly locks: DigestLocks = new DigestLocks();
  readonly #repositories: Map<string, Repository> = new Map();
  /** Entries of index.json that are no image of ours; kept as they are. */
  readonly #foreign: Descriptor[] = [];
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(layout: Layout) {
    this.#layout = layout;
  }

  static async load(layout: Layout): Promise<Catalog> {
    const catalog = new Catalog(layout);
    for (const entry of (await layout.readIndex()).manifests) {
      const name = readRefName(entry.annotations?.[refName]);
      if (name === undefined || !(await catalog.#adopt(name.repository, entry, 1))) {
        catalog.#foreign.push(entry);
        continue;
      }
      if (name.tag !== undefined) catalog.#open(name.repository).tags.set(name.tag, entry.digest);
    }
    return catalog;
  }

  /**
   * The same for a directory whose names are whole references: an image is shown under its path too, and
   * where Docker's rules make it shorter, under that. Nothing of it can be saved.
   */
  static async loadReferences(layout: Layout): Promise<Catalog> {
    const catalog = new Catalog(layout);
    for (const entry of (await layout.readIndex()).manifests)
      for (const { repository, tag } of namesOf(entry.annotations?.[refName])) {
        if (!(await catalog.#adopt(repository, entry, 1)) || tag === undefined) continue;
        const { tags } = catalog.#open(repository);
        // `ghcr.io/a/b:1` and `quay.io/a/b:1` have one path: the first keeps it.
        if (!tags.has(tag)) tags.set(tag, entry.digest);
      }
    return catalog;
  }

  get(name: string): Repository | undefined {
    return this.#repositories.get(name);
  }

  names(): readonly string[] {
    return [...this.#repositories.keys()].sort();
  }

  /** Let a repository show a blob that is in the layout. */
  showBlob(name: string, digest: Digest, size: number): void {
    this.#open(name).blobs.set(digest, size);
  }

  /** Whether any repository shows it, as a blob or as a manifest. */
  #isShown(digest: Digest): boolean {
    return [...this.#repositories.values()].some((it) => it.blobs.has(digest) || it.manifests.has(digest));
  }

  /** @returns false when there is no room for one more */
  async putManifest(name: string, document: ImageDocument, tag: string | undefined): Promise<boolean> {
    const count = [...this.#repositories.values()].reduce((sum, it) => sum + it.manifests.size + it.tags.size, 0);
    if (count >= maxManifests) return false;
    const repository = this.#open(name);
    this.#show(repository, document);
    if (tag !== undefined) repository.tags.set(tag, document.descriptor.digest);
    await this.#save();
    return true;
  }

  async deleteTag(name: string, tag: string): Promise<boolean> {
    const isGone = this.#repositories.get(name)?.tags.delete(tag) === true;
    if (isGone) await this.#save();
    return isGone;
  }

  async deleteManifest(name: string, digest: Digest): Promise<boolean> {
    const repository = this.#repositories.get(name);
    if (repository?.manifests.delete(digest) !== true) return false;
    for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag);
    for (const group of repository.referrers.values()) group.delete(digest);
    await this.#save();
    await this.#removeUnshown(digest);
    return true;
  }

  async deleteBlob(name: string, digest: Digest): Promise<boolean> {
    if (this.#repositories.get(name)?.blobs.delete(digest) !== true) return false;
    await this.#removeUnshown(digest);
    return true;
  }

  async #removeUnshown(digest: Digest): Promise<void> {
    await this.locks.hold(digest, async () => {
      if (!this.#isShown(digest)) await this.#layout.remove(digest);
    });
  }

  /** Take in a manifest that the layout holds already, with all that hangs on it. */
  async #adopt(name: string, descriptor: Descriptor, depth: number): Promise<boolean> {
    if (depth > maxDepth || !(isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType))) return false;
    const known = this.#repositories.get(name)?.manifests.has(descriptor.digest);
    if (known === true) return true;
    let document: ImageDocument;
    try {
      const bytes = await this.#layout.read(descriptor.digest, maxManifestBytes);
      document = readImageDocument(bytes, {
        digest: descriptor.digest,
        contentType: descriptor.mediaType,
        at: { host: "" },
      });
    } catch {
      return false;
    }
    this.#show(this.#open(name), document);
    if (document.kind === "index")
      for (const child of document.index.manifests) await this.#adopt(name, child, depth + 1);
    return true;
  }

  #show(repository: Repository, document: ImageDocument): void {
    const { descriptor } = document;
    repository.manifests.set(descriptor.digest, descriptor);
    if (document.kind === "manifest")
      for (const { digest, size } of [document.manifest.config, ...document.manifest.layers])
        repository.blobs.set(digest, size);
    const subject = (document.kind === "manifest" ? document.manifest : document.index).subject?.digest;
    if (subject === undefined) return;
    const group = repository.referrers.get(subject) ?? new Map<Digest, Descriptor>();
    repository.referrers.set(subject, group.set(descriptor.digest, referrerOf(document)));
  }

  #open(name: string): Repository {
    const found = this.#repositories.get(name);
    if (found !== undefined) return found;
    const made: Repository = { tags: new Map(), manifests: new Map(), blobs: new Map(), referrers: new Map() };
    this.#repositories.set(name, made);
    return made;
  }

  #save(): Promise<void> {
    const write = this.#lastWrite.then(() => this.#layout.writeIndex({ schemaVersion: 2, manifests: this.#entries() }));
    // A failed write is reported to its own request, not to the next one.
    this.#lastWrite = write.catch(() => {});
    return write;
  }

  #entries(): readonly Descriptor[] {
    const entries: Descriptor[] = [...this.#foreign];
    for (const name of this.names()) {
      const { tags, manifests } = this.#open(name);
      const tagged = new Set(tags.values());
      for (const [tag, digest] of [...tags].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const descriptor = manifests.get(digest);
        if (descriptor !== undefined) entries.push({ ...descriptor, annotations: { [refName]: `${name}:${tag}` } });
      }
      for (const [digest, descriptor] of manifests)
        if (!tagged.has(digest)) entries.push({ ...descriptor, annotations: { [refName]: `${name}@${digest}` } });
    }
    return entries;
  }
}

/** `app:1.2` or `app@sha256:…` */
function readRefName(
  text: string | undefined,
): { readonly repository: string; readonly tag: string | undefined } | undefined {
  const match = /^([^:@]+)(?::([^:@]+)|@[a-z0-9]+:[a-f0-9]+)$/.exec((text ?? "").slice(0, 600));
  const repository = match?.[1];
  const tag = match?.[2];
  if (repository === undefined || !isRepository(repository) || (tag !== undefined && !isTag(tag))) return undefined;
  return { repository, tag };
}

/** `docker.io/library/app:1` → that, `library/app` and `app`. */
function namesOf(
  text: string | undefined,
): readonly { readonly repository: string; readonly tag: string | undefined }[] {
  const own = readRefName(text);
  let names: readonly string[];
  let tag = own?.tag;
  try {
    const reference = parseReference(text ?? "");
    names = [reference.path, familiarName(reference)];
    tag = reference.digest === undefined ? reference.tag : undefined;
  } catch {
    names = [];
  }
  const repositories = new Set([...(own === undefined ? [] : [own.repository]), ...names.filter(isRepository)]);
  return [...repositories].map((repository) => ({ repository, tag }));
}

/** @see distribution-spec spec.md#listing-referrers on where artifactType comes from */
function referrerOf(document: ImageDocument): Descriptor {
  const source = document.kind === "manifest" ? document.manifest : document.index;
  const config = document.kind === "manifest" ? document.manifest.config.mediaType : undefined;
  const artifactType = source.artifactType ?? config;
  return {
    ...document.descriptor,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(source.annotations === undefined ? {} : { annotations: source.annotations }),
  };
}
