import { type Digest, formatReference, OciError, parseReference, type StringMap } from "@ctr/oci";
import { ImageArchiveError, quote } from "./image-archive-error.ts";

/** containerd's and Docker's: the name in full. */
export const containerdName = "io.containerd.image.name";
/** image-spec annotations.md; a tag for some writers, a whole name for others. */
export const refName = "org.opencontainers.image.ref.name";

const mostNames = 10_000;

/** The name that a descriptor of `index.json` carries. A bare word is a tag of nobody knows what, and none. */
export function annotatedName(annotations: StringMap | undefined): string | undefined {
  const own = annotations?.[containerdName];
  if (own !== undefined && own !== "") return own;
  const reference = annotations?.[refName];
  return reference !== undefined && /[:/@]/.test(reference) ? reference : undefined;
}

/** Which image each name of an archive means. */
export class ImageNames {
  readonly #rootOf = new Map<string, Digest>();

  /**
   * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_DOCUMENT` for what is no name, `ERR_IMAGE_ARCHIVE_MISMATCH` when it
   *   means something else already, or holds another digest; `ERR_IMAGE_ARCHIVE_LIMIT`
   */
  claim(text: string, root: Digest): void {
    const reference = referenceOf(text);
    const name = formatReference(reference);
    const other = this.#rootOf.get(name) ?? root;
    if (other !== root)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `the archive gives the name ${quote(name)} to two images, ${other} and ${root}`,
      );
    if (reference.digest !== undefined && reference.digest !== root)
      throw new ImageArchiveError(
        "ERR_IMAGE_ARCHIVE_MISMATCH",
        `the archive gives the name ${quote(name)} to an image that has another digest: ${root}`,
      );
    if (this.#rootOf.size >= mostNames)
      throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_LIMIT", `the archive gives more than ${mostNames} names`);
    this.#rootOf.set(name, root);
  }

  /** What a name means so far. */
  find(text: string): Digest | undefined {
    return this.#rootOf.get(formatReference(referenceOf(text)));
  }

  /** Sorted. */
  of(root: Digest): string[] {
    return [...this.#rootOf].flatMap(([name, digest]) => (digest === root ? [name] : [])).sort();
  }
}

function referenceOf(text: string): ReturnType<typeof parseReference> {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_DOCUMENT",
      `the archive names an image ${quote(text)}: ${error.message}`,
      { cause: error },
    );
  }
}
