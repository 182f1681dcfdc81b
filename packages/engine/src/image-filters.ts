import type { Digest } from "@ctr/oci";
import { familiarName, familiarReference, parseReference } from "@ctr/oci";
import { EngineError } from "./engine-error.ts";
import { matchesName, type NamePattern, parseNamePattern } from "./name-pattern.ts";
import { parseTimestamp } from "./time-stamp.ts";

/** `name=value` as people write them after `--filter`; a name may come several times. */
export type Filters = readonly string[];

/** What can be asked of an image. */
export interface FilteredImage {
  readonly id: Digest;
  /** RFC 3339; absent when the image does not say. */
  readonly created: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
}

/** Filters, understood. */
export interface ImageFilter {
  /** Undefined: dangling or not. */
  readonly dangling: boolean | undefined;
  /** Every one of them must hold. */
  readonly conditions: readonly ((image: FilteredImage) => boolean)[];
  /** One of them must fit a name; an image is shown with the names that fit. Empty: all. */
  readonly references: readonly NamePattern[];
}

/**
 * Read filters of images.
 *
 * @param o.names  Which there are for this command.
 * @param o.createdOf  When the image was made that `before=` and `since=` name, milliseconds since the epoch.
 * @throws {EngineError} `ERR_ENGINE_OPTION` with Docker's words
 */
export function parseImageFilters(
  filters: Filters,
  o: { readonly names: readonly string[]; readonly createdOf: (image: string) => number },
): ImageFilter {
  let dangling: boolean | undefined;
  const conditions: ((image: FilteredImage) => boolean)[] = [];
  const references: NamePattern[] = [];
  for (const filter of filters) {
    const equals = filter.indexOf("=");
    const name = filter.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const value = filter.slice(equals + 1);
    if (equals < 0) throw wrong(`bad format of filter ${JSON.stringify(filter)} (expected name=value)`);
    if (!o.names.includes(name))
      throw wrong(`invalid filter '${name.slice(0, 100)}'; there are: ${o.names.join(", ")}`);
    if (name === "dangling") dangling = parseBoolean(value);
    else if (name === "reference") references.push(parsePattern(value));
    else conditions.push(conditionOf(name, value, o.createdOf));
  }
  return { dangling, conditions, references };
}

function conditionOf(
  name: string,
  value: string,
  createdOf: (image: string) => number,
): (image: FilteredImage) => boolean {
  if (name === "label" || name === "label!") {
    const has = labelMatcher(value);
    return (image) => has(image.labels) === (name === "label");
  }
  if (name === "since") {
    const time = createdOf(value);
    return (image) => timeOf(image) > time;
  }
  const time = name === "before" ? createdOf(value) : parseTimestamp(value);
  return (image) => timeOf(image) < time;
}

/** `key`, or `key=value`. */
export function labelMatcher(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  return (labels) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/** Of an image that does not say: before everything. */
export function timeOf({ created }: Pick<FilteredImage, "created">): number {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}

function parseBoolean(text: string): boolean {
  if (["1", "t", "true", "T", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "false", "F", "FALSE", "False"].includes(text)) return false;
  throw wrong(`invalid filter 'dangling=${text.slice(0, 100)}': write true or false`);
}

function parsePattern(text: string): NamePattern {
  const pattern = parseNamePattern(text);
  if (pattern === undefined) throw wrong(`invalid filter 'reference=${text.slice(0, 300)}': syntax error in pattern`);
  return pattern;
}

/** Whether a name, in full, is what a pattern means: as people write it, with its tag or without. */
export function matchesReference(pattern: NamePattern, name: string): boolean {
  const reference = parseReference(name);
  return matchesName(pattern, familiarReference(reference)) || matchesName(pattern, familiarName(reference));
}

const wrong = (message: string): EngineError => new EngineError("ERR_ENGINE_OPTION", message, { exitCode: 1 });
