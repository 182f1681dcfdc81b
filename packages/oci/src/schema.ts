import { type Digest, isDigest } from "./digest.ts";
import type { StringMap } from "./image-spec.ts";
import { maxDepth, quote, refuseKey } from "./json.ts";
import { OciError } from "./oci-error.ts";
import type { Int64 } from "./runtime-spec.ts";

// Small readers that are put together into readers of whole documents. Each takes a value of unknown
// origin and the place where it was found, and returns a fresh, typed copy that holds known fields
// only. `null` counts as absent: Go writes its empty slices and maps that way.

/** The place of a value in its document, innermost last. */
export interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
}

export type Reader<T> = (value: unknown, place: Place | undefined) => T;

type Field<T> = { readonly read: Reader<T>; readonly isOptional: boolean };

/** One field reader for every field of T: a field added to a type but not to its reader does not compile. */
type Fields<T> = { readonly [Key in keyof T]-?: Field<Exclude<T[Key], undefined>> };

/** `linux.resources.memory.limit`, `mounts[3].destination`, `annotations["a.b"]`. */
function pathOf(place: Place | undefined): string {
  if (place === undefined) return "";
  const parent = pathOf(place.parent);
  if (typeof place.key === "number") return `${parent}[${place.key}]`;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(place.key)) return `${parent}[${quote(place.key)}]`;
  return parent === "" ? place.key : `${parent}.${place.key}`;
}

export function invalid(place: Place | undefined, message: string): OciError {
  return new OciError("ERR_OCI_INVALID", message, pathOf(place));
}

function expected(place: Place | undefined, what: string, value: unknown): OciError {
  return invalid(
    place,
    value === undefined ? `missing; expected ${what}` : `expected ${what}, found ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return quote(value);
  return typeof value === "object" ? "an object" : String(value);
}

export function required<T>(read: Reader<T>): Field<T> {
  return { read, isOptional: false };
}

export function optional<T>(read: Reader<T>): Field<T> {
  return { read, isOptional: true };
}

/**
 * An object of known fields; others are dropped. A key that equals a known one but for its case is
 * refused: Go reads it as that field, so its readers would see another document than we do.
 */
export function object<T>(fields: Fields<T>): Reader<T> {
  const known = Object.entries(fields) as [string, Field<unknown>][];
  const byLowerCase = new Map(known.map(([key]) => [key.toLowerCase(), key]));
  return (value, place) => {
    const source = membersOf(value, place);
    for (const key of Object.keys(source)) {
      const meant = byLowerCase.get(key.toLowerCase());
      if (meant !== undefined && meant !== key) throw invalid({ parent: place, key }, `did you mean ${quote(meant)}?`);
    }
    const result: Record<string, unknown> = {};
    for (const [key, field] of known) {
      const member = Object.hasOwn(source, key) ? source[key] : undefined;
      if (field.isOptional && (member === undefined || member === null)) continue;
      result[key] = field.read(member, { parent: place, key });
    }
    return result as T;
  };
}

function membersOf(value: unknown, place: Place | undefined): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw expected(place, "an object", value);
  for (let depth = 0, outer = place; outer !== undefined; outer = outer.parent)
    if (++depth > maxDepth) throw new OciError("ERR_OCI_LIMIT", `nested more than ${maxDepth} levels deep`);
  for (const key of Object.keys(value)) refuseKey(key);
  return value as Readonly<Record<string, unknown>>;
}

/** @param maxItems  More are refused before any is read. */
export function array<T>(item: Reader<T>, maxItems: number = 65_536): Reader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw expected(place, "an array", value);
    if (value.length > maxItems)
      throw new OciError("ERR_OCI_LIMIT", `${value.length} entries, more than the limit of ${maxItems}`, pathOf(place));
    return Array.from(value, (member, key) => item(member, { parent: place, key }));
  };
}

/** An array that Go may have written as `null`. */
export function arrayOrNull<T>(item: Reader<T>, maxItems?: number): Reader<readonly T[]> {
  const read = array(item, maxItems);
  return (value, place) => (value === null ? [] : read(value, place));
}

/** Keys of any name, all with the same kind of value. The result has no prototype. */
export function record<T>(item: Reader<T>, key: Reader<string> = text): Reader<Readonly<Record<string, T>>> {
  return (value, place) => {
    const result: Record<string, T> = Object.create(null);
    for (const [name, member] of Object.entries(membersOf(value, place))) {
      const inner = { parent: place, key: name };
      result[key(name, inner)] = item(member, inner);
    }
    return result;
  };
}

/** Any string without NUL, which would end it early as soon as it reaches the kernel. */
export const text: Reader<string> = (value, place) => {
  if (typeof value !== "string") throw expected(place, "a string", value);
  if (value.includes("\0")) throw invalid(place, "holds a NUL character");
  return value;
};

/** A string that stays one line of the file it is written into (CVE-2022-4318). */
export const line: Reader<string> = (value, place) => {
  const result = text(value, place);
  if (/[\u0000-\u001f\u007f]/.test(result)) throw invalid(place, "holds a control character");
  return result;
};

export const nonEmpty: Reader<string> = (value, place) => {
  const result = text(value, place);
  if (result === "") throw invalid(place, "is empty");
  return result;
};

export const absolutePath: Reader<string> = (value, place) => {
  const result = text(value, place);
  if (!result.startsWith("/")) throw expected(place, "an absolute path", result);
  return result;
};

export const boolean: Reader<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw expected(place, "true or false", value);
  return value;
};

/** A whole number from `min` to `max`, both safe integers. */
export function integer(min: number, max: number): Reader<number> {
  return (value, place) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      throw expected(place, `a whole number from ${min} to ${max}`, value);
    return value === 0 ? 0 : value; // no negative zero
  };
}

function wideInteger(min: bigint, max: bigint): Reader<Int64> {
  return (value, place) => {
    const isExact = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
    if (!isExact || value < min || value > max) throw expected(place, `a whole number from ${min} to ${max}`, value);
    const big = BigInt(value);
    const number = Number(big);
    return Number.isSafeInteger(number) ? number : big;
  };
}

export const int32: Reader<number> = integer(-(2 ** 31), 2 ** 31 - 1);
export const uint16: Reader<number> = integer(0, 0xffff);
export const uint32: Reader<number> = integer(0, 0xffff_ffff);
export const int64: Reader<Int64> = wideInteger(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64: Reader<Int64> = wideInteger(0n, 2n ** 64n - 1n);
/** A user or group id. The last of the 32-bit numbers means "no change" to the kernel, so it is none. */
export const id: Reader<number> = integer(0, 0xffff_fffe);

export function oneOf<const T extends string>(...values: readonly T[]): Reader<T> {
  return (value, place) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw expected(place, `one of ${values.join(", ")}`, value);
    return found;
  };
}

export function matching(pattern: RegExp, what: string): Reader<string> {
  return (value, place) => {
    const result = text(value, place);
    if (!pattern.test(result)) throw expected(place, what, result);
    return result;
  };
}

export const digest: Reader<Digest> = (value, place) => {
  const result = text(value, place);
  if (!isDigest(result))
    throw new OciError("ERR_OCI_DIGEST", `invalid digest ${quote(result)}: expected sha256:<64 hex>`, pathOf(place));
  return result;
};

export const texts: Reader<readonly string[]> = array(text);
export const stringMap: Reader<StringMap> = record(text);
