import { OciError } from "./oci-error.ts";

// A JSON reader of our own, for three things that JSON.parse cannot do: it refuses a key that appears
// twice (two programs would read two documents out of the same bytes), it bounds depth, and it keeps
// integers above 2^53 exact as bigints (RLIM_INFINITY is in most config.json files).

/** Levels of nesting; a seccomp rule's argument, the deepest thing any of our documents has, is at 8. */
export const maxDepth = 64;

export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * Read one JSON document. Objects have no prototype.
 *
 * @param input  Text, or bytes that must be well-formed UTF-8.
 * @param maxBytes  Refuse longer input, in bytes; for text, in UTF-16 units.
 * @throws {OciError} `ERR_OCI_JSON`, `ERR_OCI_LIMIT`
 * @see RFC 8259; its section 4 on why names should be unique
 */
export function parseJson(input: string | Uint8Array, maxBytes: number): JsonValue {
  if (input.length > maxBytes)
    throw new OciError("ERR_OCI_LIMIT", `the document has ${input.length} bytes, more than the limit of ${maxBytes}`);
  return new Reader(typeof input === "string" ? input : decode(input)).document();
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new OciError("ERR_OCI_JSON", "the document is not UTF-8");
  }
}

const whitespace = /[ \t\n\r]*/y;
const numberPattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// Longer than 2^64 can be; BigInt() of a megabyte of digits is slow.
const maxDigits = 40;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error("something follows the document");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > maxDepth) throw new OciError("ERR_OCI_LIMIT", `nested more than ${maxDepth} levels deep`);
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonValue {
    const object: Record<string, JsonValue> = Object.create(null);
    this.#at++;
    if (this.#takes("}")) return object;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#error("expected a key in quotes");
      const key = this.#string();
      refuseKey(key);
      if (key in object) throw this.#error(`the key ${quote(key)} appears twice`);
      if (!this.#takes(":")) throw this.#error(`expected ":" after the key ${quote(key)}`);
      object[key] = this.#value(depth + 1);
    } while (this.#takes(","));
    if (!this.#takes("}")) throw this.#error('expected "," or "}"');
    return object;
  }

  #array(depth: number): JsonValue {
    const array: JsonValue[] = [];
    this.#at++;
    if (this.#takes("]")) return array;
    do array.push(this.#value(depth + 1));
    while (this.#takes(","));
    if (!this.#takes("]")) throw this.#error('expected "," or "]"');
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    while (end < this.#text.length && this.#text.charCodeAt(end) !== 0x22)
      end += this.#text.charCodeAt(end) === 0x5c ? 2 : 1;
    if (end >= this.#text.length) throw this.#error("the string has no end");
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      this.#at = start;
      throw this.#error("the string has an unknown escape or a control character");
    }
  }

  #number(): number | bigint {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) throw this.#error("expected a value");
    if (match[0].length > maxDigits)
      throw new OciError("ERR_OCI_LIMIT", `a number of more than ${maxDigits} characters`);
    this.#at += match[0].length;
    const value = Number(match[0]);
    const isInteger = match[1] === undefined && match[2] === undefined;
    return isInteger && !Number.isSafeInteger(value) ? BigInt(match[0]) : value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("expected a value");
    this.#at += word.length;
    return value;
  }

  #takes(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    whitespace.lastIndex = this.#at;
    this.#at += whitespace.exec(this.#text)?.[0].length ?? 0;
  }

  #error(what: string): OciError {
    return new OciError("ERR_OCI_JSON", `not a JSON document: ${what} at offset ${this.#at}`);
  }
}

/** No document has such a key honestly; an object that does could change its own prototype when it is copied. */
export function refuseKey(key: string): void {
  if (key === "__proto__") throw new OciError("ERR_OCI_JSON", 'the key "__proto__" is not allowed');
}

/** Text from outside, short enough and escaped for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/**
 * Write a document as JSON: like `JSON.stringify`, with bigints as plain digits.
 *
 * @param document  Any of this package's document types, or a part of one.
 */
export function encodeJson(document: unknown): string {
  switch (typeof document) {
    case "bigint":
      return document.toString();
    case "object": {
      if (document === null) return "null";
      if (Array.isArray(document)) return `[${document.map((item) => encodeJson(item ?? null)).join(",")}]`;
      const members = Object.entries(document).filter(([, value]) => value !== undefined);
      return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${encodeJson(value)}`).join(",")}}`;
    }
    default:
      return JSON.stringify(document) ?? "null";
  }
}
