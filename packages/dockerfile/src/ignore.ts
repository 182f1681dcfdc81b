import { DockerfileError } from "./dockerfile-error.ts";
import { compileIgnorePattern, type IgnorePattern } from "./ignore-pattern.ts";
import { trim } from "./space.ts";

/** Tells which paths of a context a .dockerignore leaves out. Paths have slashes and begin at the context. */
export interface IgnoreMatcher {
  /** Whether `path` is left out: by a pattern for itself or for a directory it is in, and no later `!` pattern. */
  ignores(path: string): boolean;
  /**
   * Whether nothing below `directory` is wanted, so that a walk need not enter it. False when in doubt: a
   * `!` pattern may bring a file of an ignored directory back.
   */
  ignoresAllIn(directory: string): boolean;
  /** Whether a `!` pattern may match something whose path begins with `start`. */
  mayBringBack(start: string): boolean;
  /** Whether one pattern leaves out the whole context and no `!` pattern brings any of it back. */
  readonly ignoresEverything: boolean;
}

/** Where the patterns for a Dockerfile are looked for: the first file that is there counts, alone. */
export const ignoreFiles = (dockerfile: string): readonly [string, string] => [
  `${dockerfile}.dockerignore`,
  ".dockerignore",
];

/**
 * The patterns of a .dockerignore: comments and empty lines gone, paths cleaned, `!` in front of exceptions.
 *
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function parseIgnore(text: string): string[] {
  const patterns: string[] = [];
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    if (line.startsWith("#")) continue;
    const written = trim(line);
    if (written === "") continue;
    const exception = written.startsWith("!");
    const path = exception ? trim(written.slice(1)) : written;
    const cleaned = path === "" ? "" : cleanPath(path);
    const relative = cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned;
    patterns.push((exception ? "!" : "") + relative);
  }
  return patterns;
}

interface Rule {
  readonly exception: boolean;
  readonly pattern: IgnorePattern;
  /** Up to the first character with a meaning of its own. */
  readonly literalStart: string;
}

/**
 * @param patterns  As `parseIgnore` gives them; also those of `COPY --exclude`.
 * @param file  The file's name for errors.
 * @throws {DockerfileError} `ERR_DOCKERFILE_IGNORE_PATTERN` for a malformed pattern.
 */
export function createIgnoreMatcher(patterns: readonly string[], file: string = ".dockerignore"): IgnoreMatcher {
  const rules = patterns
    .map(trim)
    .filter((pattern) => pattern !== "")
    .map((pattern) => readRule(pattern, file));
  const exceptions = rules.filter((rule) => rule.exception);

  const ignores = (path: string): boolean => {
    const parents = parentsOf(path);
    let ignored = false;
    for (const { exception, pattern } of rules) {
      if (exception !== ignored) continue; // it could not change anything
      if (pattern.matches(path) || parents.some((parent) => pattern.matches(parent))) ignored = !exception;
    }
    return ignored;
  };
  const mayBringBack = (start: string): boolean => exceptions.some((rule) => mayMatchBelow(rule, start));
  const ignoresAllIn = (directory: string): boolean => ignores(directory) && !mayBringBack(`${directory}/`);
  const everything = patterns.some((pattern) => ["*", "**", "**/*"].includes(trim(pattern)));
  return { ignores, ignoresAllIn, mayBringBack, ignoresEverything: everything && exceptions.length === 0 };
}

function readRule(written: string, file: string): Rule {
  const cleaned = cleanPath(written);
  const exception = cleaned.startsWith("!");
  const text = exception ? cleaned.slice(1) : cleaned;
  const pattern = text === "" ? undefined : compileIgnorePattern(text);
  if (pattern === undefined) {
    const start = { offset: 0, line: 1, column: 1 };
    const message = `malformed pattern ${JSON.stringify(written)}`;
    throw new DockerfileError({ code: "ERR_DOCKERFILE_IGNORE_PATTERN", message, range: { start, end: start } }, file);
  }
  return { exception, pattern, literalStart: /^[^*?[\\]*/.exec(text)![0] };
}

// An exception for a parent of `below` would have been asked already; one for `below` itself may match in it.
const mayMatchBelow = ({ literalStart }: Rule, below: string): boolean =>
  literalStart.startsWith(below) || below.startsWith(literalStart);

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1))
    parents.push(path.slice(0, slash));
  return parents;
}

/** A path without `.`, `..` and doubled or trailing slashes, as Go's path.Clean makes it. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!rooted) parts.push(part);
  }
  return (rooted ? "/" : "") + parts.join("/") || ".";
}
