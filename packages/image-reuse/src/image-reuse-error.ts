export type ImageReuseErrorCode =
  /** A layer's directory is missing, cannot be read, or changed while it was read. */
  | "ERR_IMAGE_REUSE_TREE"
  /** A budget that cannot be understood. */
  | "ERR_IMAGE_REUSE_BUDGET";

/** Trees that could not be compared, or a question that makes no sense. Match on `code`, never on `message`. */
export class ImageReuseError extends Error {
  override readonly name = "ImageReuseError";
  readonly code: ImageReuseErrorCode;

  constructor(code: ImageReuseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
