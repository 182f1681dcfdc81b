export type CapabilitiesErrorCode =
  | "ERR_CAPABILITIES_UNKNOWN"
  | "ERR_CAPABILITIES_UNAVAILABLE"
  | "ERR_CAPABILITIES_MASK"
  | "ERR_CAPABILITIES_STATUS";

/** A capability, a mask or a status text that cannot be used as asked. Match on `code`, never on `message`. */
export class CapabilitiesError extends Error {
  override readonly name = "CapabilitiesError";
  readonly code: CapabilitiesErrorCode;
  /** The nearest name that exists, when a name does not. */
  readonly suggestion: string | undefined;

  constructor(code: CapabilitiesErrorCode, message: string, suggestion?: string) {
    super(message);
    this.code = code;
    this.suggestion = suggestion;
  }
}
