import type { Range } from "@ctr/dockerfile";

export type BuilderErrorCode =
  /** An instruction or flag of the language that this builder does not do yet. */
  | "ERR_BUILDER_UNSUPPORTED"
  /** A command ended with something else than 0. `exitCode` and `output` say more. */
  | "ERR_BUILDER_RUN_FAILED"
  /** A source of COPY or ADD is not there, or .dockerignore leaves it out. */
  | "ERR_BUILDER_NOT_FOUND"
  /** The destination does not fit the sources. */
  | "ERR_BUILDER_COPY"
  /** An operand that means nothing once its variables are put in. */
  | "ERR_BUILDER_OPERAND"
  /** The file asks for what whoever builds it did not allow: `security.insecure`, `network.host`. */
  | "ERR_BUILDER_NOT_ALLOWED"
  /** A secret or an ssh agent that a command needs was not given, or cannot be what it is to be. */
  | "ERR_BUILDER_SECRET"
  /** The image that FROM or --from names is not in the store, or not for this platform. */
  | "ERR_BUILDER_IMAGE"
  /** No stage is called like the target. */
  | "ERR_BUILDER_TARGET"
  /** The context or the Dockerfile cannot be read. */
  | "ERR_BUILDER_CONTEXT"
  /** What an address or a repository has could not be read, or is not what its checksum says. */
  | "ERR_BUILDER_DOWNLOAD"
  /** A file changed while the build was reading it. */
  | "ERR_BUILDER_CHANGED"
  /** Something beneath the builder failed; `cause` is its error. */
  | "ERR_BUILDER_STEP"
  /** The build cache's tables were made by a newer version, or what is to be imported is no cache. */
  | "ERR_BUILDER_CACHE"
  /** The cache could not be written to where it should go. */
  | "ERR_BUILDER_CACHE_EXPORT";

/** Where in a Dockerfile something stands. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
}

/** A build that did not succeed. Match on `code`, never on `message`. */
export class BuilderError extends Error {
  override readonly name = "BuilderError";
  readonly code: BuilderErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Of the command that failed. */
  readonly exitCode: number | undefined;
  /** The last lines that the failed command wrote. */
  readonly output: string | undefined;

  constructor(at: {
    readonly code: BuilderErrorCode;
    readonly message: string;
    readonly place?: Place | undefined;
    readonly exitCode?: number;
    readonly output?: string;
    readonly cause?: unknown;
  }) {
    super(printable(at.message), at.cause === undefined ? undefined : { cause: at.cause });
    this.code = at.code;
    this.file = at.place?.file;
    this.line = at.place?.line;
    this.column = at.place?.column;
    this.exitCode = at.exitCode;
    this.output = at.output;
  }
}

// Names come from a file and a tree that somebody else wrote: they must not drive the terminal that shows them.
function printable(message: string): string {
  const shown = message.length > 2000 ? `${message.slice(0, 2000)}…` : message;
  return shown.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\u00b7");
}

/** Also true for an error of another copy of this package, where `instanceof` fails. */
export function isBuilderError(error: unknown): error is BuilderError {
  return error instanceof Error && error.name === "BuilderError" && "code" in error;
}

/** Where a piece of a Dockerfile begins. */
export function placeOf(piece: { readonly range: Range }, file: string): Place {
  return { file, line: piece.range.start.line, column: piece.range.start.column };
}
