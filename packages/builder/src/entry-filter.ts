import { createIgnoreMatcher, type IgnoreMatcher } from "@ctr/dockerfile";
import { absolutePath, joinPath } from "./container-path.ts";

/** Which names of a source COPY and ADD take. Paths begin at the source. */
export interface EntryFilter {
  /** Whether to look into a directory: something in it may be wanted. */
  enters(directory: string): boolean;
  takes(path: string): boolean;
}

/**
 * @param o.exclude  Of `--exclude`, patterns as in .dockerignore.
 * @param o.include  Of `--parents`: only what it matches, and what lies below. Empty is everything.
 * @throws {DockerfileError} `ERR_DOCKERFILE_IGNORE_PATTERN`
 */
export function entryFilter(o: { readonly exclude: readonly string[]; readonly include?: string }): EntryFilter {
  const { exclude, include = "" } = o;
  const excluded = exclude.length === 0 ? undefined : createIgnoreMatcher(exclude, "--exclude");
  const included = include === "" ? undefined : includer(include);
  return {
    enters: (directory) => excluded?.ignoresAllIn(directory) !== true && included?.mayMatchIn(directory) !== false,
    takes: (path) => excluded?.ignores(path) !== true && included?.matches(path) !== false,
  };
}

interface Includer {
  matches(path: string): boolean;
  mayMatchIn(directory: string): boolean;
}

// The matcher of .dockerignore is asked twice: what it would ignore, and where an exception could bring something back.
function includer(pattern: string): Includer {
  const matcher: IgnoreMatcher = createIgnoreMatcher([pattern], "--parents");
  const exceptions: IgnoreMatcher = createIgnoreMatcher([`!${pattern}`], "--parents");
  return {
    matches: (path) => matcher.ignores(path),
    mayMatchIn: (directory) => matcher.ignores(directory) || exceptions.mayBringBack(`${directory}/`),
  };
}

/** A source of `COPY --parents`, cut at its `/./`: what is left of it is not a part of the names that are kept. */
export interface ParentsSource {
  /** Where the names begin; may have wildcards. */
  readonly base: string;
  /** What to take there; empty is everything. */
  readonly include: string;
  /** Without wildcards, what it names must be there. */
  readonly required: string | undefined;
}

/** @see https://docs.docker.com/reference/dockerfile/#copy---parents */
export function parentsSource(source: string): ParentsSource {
  const pivot = source.indexOf("/./");
  const [base, rest] = pivot < 0 ? ["", source] : [source.slice(0, pivot), source.slice(pivot + 3)];
  const include = absolutePath("/", rest).slice(1);
  const isFixed = !hasPattern(base) && !hasPattern(include);
  return { base, include, required: isFixed ? joinPath(absolutePath("/", base).slice(1), include) : undefined };
}

const hasPattern = (text: string): boolean => /[*?[]/.test(text.replace(/\\./g, ""));
