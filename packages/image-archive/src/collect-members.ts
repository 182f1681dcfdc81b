import { type Digest, isDigest, maxManifestBytes } from "@ctr/oci";
import { ArchiveContents, type KeptFile } from "./archive-contents.ts";
import type { ArchiveSink } from "./archived-image.ts";
import { ImageArchiveError, quote } from "./image-archive-error.ts";
import { memberName } from "./member-name.ts";
import { type Member, readMembers } from "./members.ts";

export interface ArchiveLimits {
  /** Members of any kind. Default 50 000: an image of 4096 layers had 12 000 in Docker's first format. */
  readonly members?: number;
  /** Bytes of the archive without its compression. Default 128 GiB. */
  readonly bytes?: number;
}

export interface CollectOptions {
  readonly archive: AsyncIterable<Uint8Array>;
  readonly sink: ArchiveSink;
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

const documentNames: ReadonlySet<string> = new Set(["index.json", "manifest.json", "oci-layout"]);

/** Notes for Docker before version 1.10, which say nothing that `manifest.json` does not. */
const isOldNote = (name: string): boolean => /^(?:repositories|[^/]+\/(?:VERSION|json))$/.test(name);

/** Read an archive to its end: files go to the sink, what they are called is kept. */
export async function collectMembers(o: CollectOptions): Promise<ArchiveContents> {
  const { members: mostMembers = 50_000, bytes = 128 * 2 ** 30 } = o.limits ?? {};
  const collector = new Collector(o);
  let count = 0;
  for await (const member of readMembers(o.archive, { bytes })) {
    o.signal?.throwIfAborted();
    if (++count > mostMembers)
      throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_LIMIT", `the archive has more than ${mostMembers} members`);
    await collector.take(member);
  }
  return collector.contents;
}

class Collector {
  readonly contents: ArchiveContents = new ArchiveContents();
  readonly #names = new Set<string>();
  readonly #sink: ArchiveSink;
  readonly #signal: { readonly signal?: AbortSignal };

  constructor({ sink, signal }: CollectOptions) {
    this.#sink = sink;
    this.#signal = signal === undefined ? {} : { signal };
  }

  async take(member: Member): Promise<void> {
    const { entry } = member;
    const name = memberName(entry.name);
    if (entry.type === "directory") return;
    if (this.#names.has(name))
      throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_MEMBER", `the archive has ${quote(name)} twice`);
    this.#names.add(name);
    if (entry.type === "symlink" && !documentNames.has(name) && !name.startsWith("blobs/"))
      this.contents.links.set(name, entry.link);
    else if (entry.type !== "file") throw refusedKind(name, entry.type);
    else if (documentNames.has(name)) this.contents.documents.set(name, await readDocument(name, member));
    else if (!isOldNote(name)) await this.#keep(name, member);
  }

  async #keep(name: string, { entry: { size }, content }: Member): Promise<void> {
    const digest = digestInName(name);
    if (digest !== undefined && (await this.#sink.has?.(digest))) {
      this.contents.blobs.set(digest, size);
      this.contents.files.set(name, { digest, size, start: await readStart(content) });
      return;
    }
    const start = new Uint8Array(startBytes);
    const expected = digest === undefined ? { size } : { digest, size };
    const blob = await this.#sink.write(withStart(content, start), { expected, ...this.#signal });
    if (blob.size !== size || (digest !== undefined && blob.digest !== digest))
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `${quote(name)}: ${blob.size} bytes of ${blob.digest} were kept instead of ${size} of ${digest ?? "any digest"}`,
      );
    this.contents.blobs.set(blob.digest, size);
    this.contents.files.set(name, { ...blob, start: start.subarray(0, size) } satisfies KeptFile);
  }
}

/** What a file in `blobs/` promises to hold. @see image-spec image-layout.md#blobs */
function digestInName(name: string): Digest | undefined {
  if (!name.startsWith("blobs/")) return undefined;
  const digest = name.slice("blobs/".length).replace("/", ":");
  if (isDigest(digest)) return digest;
  throw new ImageArchiveError(
    "ERR_IMAGE_ARCHIVE_MEMBER",
    `${quote(name)} is no name of a blob: blobs/sha256/ and 64, or blobs/sha512/ and 128, digits of 0-9 a-f`,
  );
}

function refusedKind(name: string, type: string): ImageArchiveError {
  const kind = { hardlink: "hard link", character: "character device", block: "block device", fifo: "FIFO" }[type];
  return new ImageArchiveError(
    "ERR_IMAGE_ARCHIVE_MEMBER",
    `${quote(name)} is a ${kind ?? type}, which is refused: an image archive has plain files`,
  );
}

async function readDocument(name: string, { entry: { size }, content }: Member): Promise<Uint8Array> {
  if (size > maxManifestBytes)
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_LIMIT",
      `${name} has ${size} bytes, more than the limit of ${maxManifestBytes}`,
    );
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of content) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The longest of the marks that compressed files begin with. */
const startBytes = 6;

/** The same bytes; the first of them are copied to `start` on their way. */
async function* withStart(
  content: AsyncIterable<Uint8Array>,
  start: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  for await (const chunk of content) {
    if (seen < start.length) start.set(chunk.subarray(0, start.length - seen), seen);
    seen += chunk.length;
    yield chunk;
  }
}

async function readStart(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const start = new Uint8Array(startBytes);
  let seen = 0;
  for await (const chunk of withStart(content, start)) {
    seen += chunk.length;
    if (seen >= startBytes) break; // the rest is skipped
  }
  return start.subarray(0, seen);
}
