export type HostImageErrorCode =
  /** A program or a file that was asked for is not on this machine. */
  | "ERR_HOST_IMAGE_MISSING"
  /** A file is no program, or a damaged one. */
  | "ERR_HOST_IMAGE_FORMAT"
  /** A program needs a library that the loader would not find. */
  | "ERR_HOST_IMAGE_LIBRARY"
  /** More than an image should be made of. */
  | "ERR_HOST_IMAGE_LIMIT";

/** An image that could not be made out of this machine. Match on `code`, never on `message`. */
export class HostImageError extends Error {
  override readonly name = "HostImageError";
  readonly code: HostImageErrorCode;
  /** The file on this machine that is to blame. */
  readonly path: string | undefined;

  constructor(at: { code: HostImageErrorCode; message: string; path?: string; cause?: unknown }) {
    const where = at.path === undefined ? "" : `${JSON.stringify(at.path)}: `;
    super(where + at.message, at.cause === undefined ? undefined : { cause: at.cause });
    this.code = at.code;
    this.path = at.path;
  }
}
