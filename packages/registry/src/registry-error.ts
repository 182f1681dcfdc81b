export type RegistryErrorCode =
  /** An argument of the caller: a name, a host or a combination of options that cannot work. */
  | "ERR_REGISTRY_ARGUMENT"
  /** No answer, or one that was cut, after all attempts. */
  | "ERR_REGISTRY_CONNECTION"
  | "ERR_REGISTRY_NOT_FOUND"
  /** 401 or 403: no credentials, wrong ones, or not enough rights. */
  | "ERR_REGISTRY_DENIED"
  /** The registry wants credentials sent in a way, or to a place, that is not safe; or its challenge is malformed. */
  | "ERR_REGISTRY_CHALLENGE"
  /** `config.json` or a credential helper failed. */
  | "ERR_REGISTRY_CREDENTIALS"
  /** A file that says how to reach registries, or a certificate, cannot be used. */
  | "ERR_REGISTRY_CONFIG"
  /** Still 429 after all attempts, or asked to wait for longer than we do. */
  | "ERR_REGISTRY_BUSY"
  /** Any other answer that the request did not call for. */
  | "ERR_REGISTRY_STATUS"
  /** A redirect that is not followed: to plain HTTP, in a loop, without a target. */
  | "ERR_REGISTRY_REDIRECT"
  /** Bytes that are not those the digest names. */
  | "ERR_REGISTRY_DIGEST"
  /** More or fewer bytes than promised. */
  | "ERR_REGISTRY_SIZE"
  /** A document of another kind than announced, two kinds at once, or one that is not supported. */
  | "ERR_REGISTRY_MEDIA_TYPE"
  /** A document that cannot be understood. */
  | "ERR_REGISTRY_DOCUMENT"
  /** Larger, deeper or longer than any honest answer. */
  | "ERR_REGISTRY_LIMIT"
  /** The image has nothing for the platform that was asked for. */
  | "ERR_REGISTRY_PLATFORM";

/** What a `RegistryError` is about. */
export interface RegistryErrorDetails {
  /** Registry host with its port, as the caller named it. */
  readonly host: string;
  /** HTTP status, when an answer came. */
  readonly status?: number | undefined;
  /** What was asked for: `manifest library/busybox:1.36`, `blob sha256:…`. */
  readonly object?: string | undefined;
  readonly cause?: unknown;
}

/** Something between us and a registry went wrong. Match on `code`, never on `message`. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: RegistryErrorCode;
  readonly host: string;
  readonly status: number | undefined;
  readonly object: string | undefined;

  /** @param message  What happened and what to do; host and object are put in front of it. */
  constructor(code: RegistryErrorCode, message: string, at: RegistryErrorDetails) {
    const about = at.object === undefined ? at.host : `${at.host}: ${at.object}`;
    super(about === "" ? message : `${about}: ${message}`, at.cause === undefined ? undefined : { cause: at.cause });
    this.code = code;
    this.host = at.host;
    this.status = at.status;
    this.object = at.object;
  }
}

/** Also true for an error of another copy of this package, where `instanceof` fails. */
export function isRegistryError(error: unknown): error is RegistryError {
  return error instanceof Error && error.name === "RegistryError" && "code" in error && "host" in error;
}

/** Text from outside for a message: short, on one line, without control or direction characters. */
export function printable(text: string, maxLength: number = 200): string {
  const clean = text.slice(0, maxLength).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, " ");
  return text.length > maxLength ? `${clean}…` : clean;
}
