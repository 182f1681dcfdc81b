import {
  type Digest,
  type ImageConfig,
  maxImageConfigBytes,
  maxManifestBytes,
  OciError,
  parseImageConfig,
} from "@ctr/oci";
import type { ArchiveContents } from "./archive-contents.ts";
import type { ArchiveSink, Blob } from "./archived-image.ts";
import { ImageArchiveError } from "./image-archive-error.ts";

/** Reads documents back that the sink has verified. */
export class DocumentReader {
  readonly #contents: ArchiveContents;
  readonly #sink: ArchiveSink;

  constructor(contents: ArchiveContents, sink: ArchiveSink) {
    this.#contents = contents;
    this.#sink = sink;
  }

  /** Read one, and make `read` of it: a parser of `@ctr/oci`. */
  async document<T>(role: string, blob: Blob, read: (bytes: Uint8Array) => T): Promise<T> {
    return readAs(`${role} ${blob.digest}`, () => this.#bytes(role, blob, maxManifestBytes), read);
  }

  async config(blob: Blob): Promise<ImageConfig> {
    const bytes = (): Promise<Uint8Array> => this.#bytes("the config", blob, maxImageConfigBytes);
    return readAs(`the config ${blob.digest}`, bytes, parseImageConfig);
  }

  /** @throws {ImageArchiveError} when the archive does not have the blob, or with another size */
  check(role: string, { digest, size }: Blob): void {
    const found = this.#contents.blobs.get(digest);
    if (found === undefined)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_INCOMPLETE",
        `${role} ${digest} is not in the archive; it may have been cut short`,
      );
    if (found !== size)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `${role} ${digest} has ${found} bytes, its descriptor says ${size}`,
      );
  }

  has(digest: Digest): boolean {
    return this.#contents.blobs.has(digest);
  }

  async #bytes(role: string, blob: Blob, most: number): Promise<Uint8Array> {
    this.check(role, blob);
    if (blob.size > most)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_LIMIT",
        `${role} ${blob.digest} has ${blob.size} bytes, more than the limit of ${most}`,
      );
    const bytes = await this.#sink.read(blob.digest);
    if (bytes !== undefined) return bytes;
    throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_INCOMPLETE", `${role} ${blob.digest} was written and is gone`);
  }
}

/** Make `read` of some bytes; what it complains of is the archive's fault. */
export async function readAs<T>(
  role: string,
  bytes: () => Uint8Array | Promise<Uint8Array>,
  read: (bytes: Uint8Array) => T,
): Promise<T> {
  const document = await bytes();
  try {
    return read(document);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    const code = error.code === "ERR_OCI_LIMIT" ? "ERR_IMAGE_ARCHIVE_LIMIT" : "ERR_IMAGE_ARCHIVE_DOCUMENT";
    throw new ImageArchiveError(code, `${role} cannot be used: ${error.message}`, { cause: error });
  }
}
