export type SeccompErrorCode =
  | "ERR_SECCOMP_PROFILE"
  | "ERR_SECCOMP_UNSUPPORTED"
  | "ERR_SECCOMP_TOO_LONG"
  | "ERR_SECCOMP_PROGRAM";

/** A profile that cannot become a filter, or bytes that are not one. Match on `code`, never on `message`. */
export class SeccompError extends Error {
  override readonly name = "SeccompError";
  readonly code: SeccompErrorCode;

  constructor(code: SeccompErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
