export type ImageArchiveErrorCode =
  /** Not an image archive, or a damaged one. */
  | "ERR_IMAGE_ARCHIVE_FORMAT"
  /** A member that no image archive has: a device, a hard link, a name with `..`, a name twice. */
  | "ERR_IMAGE_ARCHIVE_MEMBER"
  /** Larger, deeper or more than any honest archive. */
  | "ERR_IMAGE_ARCHIVE_LIMIT"
  /** A document of the archive cannot be understood; `cause` may say where. */
  | "ERR_IMAGE_ARCHIVE_DOCUMENT"
  /** A document names something that is not there. */
  | "ERR_IMAGE_ARCHIVE_INCOMPLETE"
  /** Two parts of the archive contradict each other: a size, a digest, a diff id, a name. */
  | "ERR_IMAGE_ARCHIVE_MISMATCH";

/** An image archive that cannot be read, trusted or written. Match on `code`, never on `message`. */
export class ImageArchiveError extends Error {
  override readonly name = "ImageArchiveError";
  readonly code: ImageArchiveErrorCode;

  constructor(code: ImageArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Also true for an error of another copy of this package, where `instanceof` fails. */
export function isImageArchiveError(error: unknown): error is ImageArchiveError {
  return error instanceof Error && error.name === "ImageArchiveError" && "code" in error;
}

/** A name from an archive, short enough for a log and harmless to a terminal. */
export function quote(text: string): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
