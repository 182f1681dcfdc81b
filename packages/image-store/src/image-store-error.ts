export type ImageStoreErrorCode =
  /** No name and no id like that. */
  | "ERR_IMAGE_NOT_FOUND"
  /** An id prefix that several images share. */
  | "ERR_IMAGE_AMBIGUOUS"
  /** The image has other names, so removing it by its id must be forced. */
  | "ERR_IMAGE_CONFLICT"
  /** A blob that the image needs is not in the store. */
  | "ERR_IMAGE_INCOMPLETE"
  /** The image's documents contradict each other. */
  | "ERR_IMAGE_INVALID"
  /** The image has nothing for the platform. */
  | "ERR_IMAGE_PLATFORM"
  | "ERR_BLOB_NOT_FOUND"
  /** The bytes are not those that the digest names. */
  | "ERR_BLOB_DIGEST_MISMATCH"
  | "ERR_BLOB_SIZE_MISMATCH"
  /** More bytes than the caller said it would take. */
  | "ERR_BLOB_TOO_LARGE"
  | "ERR_LAYER_NOT_FOUND"
  /** A chain id that does not follow from its parent and its diff id. */
  | "ERR_LAYER_CHAIN"
  | "ERR_IMAGE_STORE_NO_SPACE"
  /** Another process held the database longer than anybody should. */
  | "ERR_IMAGE_STORE_BUSY"
  /** The database was made by a newer version. */
  | "ERR_IMAGE_STORE_VERSION"
  | "ERR_IMAGE_STORE_IO";

/** Something the store could not do. Match on `code`, never on `message`. */
export class ImageStoreError extends Error {
  override readonly name = "ImageStoreError";
  readonly code: ImageStoreErrorCode;

  constructor(code: ImageStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Also true for an error of another copy of this package, where `instanceof` fails. */
export function isImageStoreError(error: unknown): error is ImageStoreError {
  return error instanceof Error && error.name === "ImageStoreError" && "code" in error;
}
