import type { Digest } from "@ctr/oci";
import type { Blob } from "./archived-image.ts";
import { ImageArchiveError, quote } from "./image-archive-error.ts";
import { linkTarget } from "./member-name.ts";

/** A file of the archive that the sink has. */
export interface KeptFile extends Blob {
  /** Its first bytes, which tell how it is compressed. */
  readonly start: Uint8Array;
}

/** What an archive was found to hold, by the names of its members. */
export class ArchiveContents {
  /** `index.json` and the others that say what the rest is. */
  readonly documents: Map<string, Uint8Array> = new Map();
  readonly files: Map<string, KeptFile> = new Map();
  /** Text of each symlink. */
  readonly links: Map<string, string> = new Map();
  /** Sizes of all blobs. */
  readonly blobs: Map<Digest, number> = new Map();

  /**
   * The file that a document means by a name.
   *
   * @param o.role  For messages: "layer 3 of manifest.json".
   * @param o.followLink  Take the file that a symlink in the archive leads to.
   * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_INCOMPLETE`, `ERR_IMAGE_ARCHIVE_MEMBER`
   */
  file(name: string, o: { readonly role: string; readonly followLink: boolean }): KeptFile {
    const direct = this.files.get(name);
    if (direct !== undefined) return direct;
    const link = this.links.get(name);
    if (link === undefined)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_INCOMPLETE",
        `${o.role} is ${quote(name)}, which the archive does not have as a file; it may have been cut short`,
      );
    const target = o.followLink ? linkTarget(name, link) : undefined;
    const found = target === undefined ? undefined : this.files.get(target);
    if (found !== undefined) return found;
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_MEMBER",
      `${o.role} is ${quote(name)}, a symlink to ${quote(link)}, which is refused: it must lead to a layer of the archive`,
    );
  }
}
