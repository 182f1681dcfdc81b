import type { Range } from "./position.ts";

export type DockerfileErrorCode = `ERR_DOCKERFILE_${
  | "EMPTY"
  | "DIRECTIVE"
  | "UNKNOWN_INSTRUCTION"
  | "UNKNOWN_FLAG"
  | "DUPLICATE_FLAG"
  | "FLAG_VALUE"
  | "ARGUMENTS"
  | "JSON"
  | "HEREDOC"
  | "ONBUILD"
  | "STAGE_NAME"
  | "NO_STAGE"
  | "MOUNT"
  | "EXPANSION"
  | "LIMIT"
  | "IGNORE_PATTERN"}`;

/** What is known about a mistake before it is thrown or listed. */
export interface Problem {
  readonly code: DockerfileErrorCode;
  readonly message: string;
  readonly range: Range;
  /** Default: `instruction`. */
  readonly phase?: DockerfileError["phase"];
  /** Finds what the author probably meant. Called for mistakes that are kept, since it is the dear part. */
  readonly suggest?: (() => string | undefined) | undefined;
}

/** A mistake in a Dockerfile or a .dockerignore. Match on `code`, never on `message`. */
export class DockerfileError extends Error {
  override readonly name = "DockerfileError";
  readonly code: DockerfileErrorCode;
  /** The file's name as `parse` was told. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly range: Range;
  /** `syntax`: the text could not be cut into instructions. `instruction`: one of them makes no sense. */
  readonly phase: "syntax" | "instruction";
  /** What the author probably meant, when something is close enough: `RUN` for `RNU`. */
  readonly suggestion: string | undefined;

  constructor(problem: Problem, file: string) {
    super(clip(problem.message));
    this.code = problem.code;
    this.file = file;
    this.line = problem.range.start.line;
    this.column = problem.range.start.column;
    this.range = problem.range;
    this.phase = problem.phase ?? "instruction";
    this.suggestion = problem.suggest?.();
  }
}

// What a message quotes may be a megabyte long.
const clip = (message: string): string => (message.length > 300 ? `${message.slice(0, 300)}…` : message);

/** Works across copies of this package, where `instanceof` does not. */
export function isDockerfileError(value: unknown): value is DockerfileError {
  return value instanceof Error && value.name === "DockerfileError" && "code" in value;
}

// A minified one-liner would bury the caret: show what is around the place.
const widest = 160;

/**
 * The error as people read it: `file:line:column: message`, the source line, a caret below the place,
 * and what was probably meant.
 *
 * @param text  The text that was parsed.
 */
export function renderError(error: DockerfileError, text: string): string {
  const head = `${error.file}:${error.line}:${error.column}: ${error.message}`;
  const lineStart = error.range.start.offset - (error.column - 1);
  const newline = text.indexOf("\n", lineStart);
  const line = text.slice(lineStart, newline === -1 ? text.length : newline).replace(/\r+$/, "");
  const place = Math.min(error.column - 1, line.length);
  const cut = place > widest / 2 ? place - widest / 2 : 0;
  const shown = line.slice(cut, cut + widest);
  // Tabs stay tabs so that the caret stands below its character whatever a tab's width is.
  const pad = shown.slice(0, place - cut).replace(/[^\t]/g, " ");
  const sameLine = error.range.end.line === error.line;
  const length = sameLine ? error.range.end.column - error.column : line.length - place;
  const caret = "^".repeat(Math.max(1, Math.min(length, shown.length - (place - cut))));
  const hint = error.suggestion === undefined ? [] : [`did you mean ${error.suggestion}?`];
  // A hostile line must not drive the terminal that shows it, nor turn its text around.
  return [printable(head), printable(shown), pad + caret, ...hint].join("\n");
}

export const printable = (line: string): string =>
  line.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\u00b7");
