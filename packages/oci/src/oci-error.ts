export type OciErrorCode =
  /** Not JSON, or JSON that two readers could understand differently (duplicate keys). */
  | "ERR_OCI_JSON"
  /** Larger, deeper or longer than any honest document. */
  | "ERR_OCI_LIMIT"
  /** A field is missing, has the wrong type or a value outside of its range. */
  | "ERR_OCI_INVALID"
  /** The document is something else than what it was asked to be, or two things at once. */
  | "ERR_OCI_MEDIA_TYPE"
  | "ERR_OCI_DIGEST"
  | "ERR_OCI_REFERENCE"
  | "ERR_OCI_PLATFORM"
  /** A user string, or a passwd or group file, that cannot be understood. */
  | "ERR_OCI_USER"
  /** A well-formed user or group that the image does not have. */
  | "ERR_OCI_USER_NOT_FOUND";

/** An OCI document, or a string of the OCI world, that cannot be accepted. Match on `code`, never on `message`. */
export class OciError extends Error {
  override readonly name = "OciError";
  readonly code: OciErrorCode;
  /** Where in the document: `linux.resources.memory.limit`, `layers[3].size`; empty for the whole of it. */
  readonly path: string;

  constructor(code: OciErrorCode, message: string, path: string = "") {
    super(path === "" ? message : `${path}: ${message}`);
    this.code = code;
    this.path = path;
  }
}

/** Also true for an error of another copy of this package, where `instanceof` fails. */
export function isOciError(error: unknown): error is OciError {
  return error instanceof Error && error.name === "OciError" && "code" in error && "path" in error;
}
