import { createHash } from "node:crypto";
import { type Digest, digestAlgorithm, makeDigest } from "@ctr/oci";
import type { ArchiveSink, ArchiveSource, Blob } from "../archived-image.ts";
import { ImageArchiveError } from "../image-archive-error.ts";

/** Blobs in memory: a sink and a source for what is small, tests among it. */
export class MemoryBlobs implements ArchiveSink, ArchiveSource {
  readonly #blobs = new Map<Digest, Uint8Array>();

  /** @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_MISMATCH` */
  async write(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    o: { readonly expected?: { readonly digest?: Digest; readonly size?: number } } = {},
  ): Promise<Blob> {
    const algorithm = o.expected?.digest === undefined ? "sha256" : digestAlgorithm(o.expected.digest);
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk.slice());
    const bytes = Buffer.concat(all);
    const digest = makeDigest(algorithm, createHash(algorithm).update(bytes).digest("hex"));
    const { digest: expected = digest, size = bytes.length } = o.expected ?? {};
    if (digest !== expected || bytes.length !== size)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `blob ${expected}: ${bytes.length} bytes came, of the digest ${digest}`,
      );
    this.#blobs.set(digest, bytes);
    return { digest, size };
  }

  async read(digest: Digest): Promise<Uint8Array | undefined> {
    return this.#blobs.get(digest);
  }

  async *open(digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_INCOMPLETE", `no blob ${digest}`);
    yield bytes;
  }

  digests(): readonly Digest[] {
    return [...this.#blobs.keys()].sort();
  }
}
