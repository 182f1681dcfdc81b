import { skipSpace } from "./space.ts";
import type { Span } from "./span.ts";

/** Operands written as JSON, or why they are not: text that is no JSON array is the shell form. */
export type JsonForm =
  | { readonly is: "strings"; readonly strings: Span[] }
  | { readonly is: "other" }
  | { readonly is: "text" };

/**
 * Read `["a", "b"]`.
 *
 * @returns `strings`, `other` for a JSON array that holds something else, `text` for all the rest.
 * @see RFC 8259
 */
export function jsonForm(line: string, start: number, end: number): JsonForm {
  const open = skipSpace(line, start, end);
  if (line[open] !== "[" || open >= end) return { is: "text" };
  const strings = stringArray(line, open, end);
  if (strings !== undefined) return { is: "strings", strings };
  try {
    return { is: Array.isArray(JSON.parse(line.slice(open, end))) ? "other" : "text" };
  } catch {
    return { is: "text" };
  }
}

function stringArray(line: string, open: number, end: number): Span[] | undefined {
  const strings: Span[] = [];
  let at = skipJsonSpace(line, open + 1, end);
  if (line[at] === "]" && at < end) return skipJsonSpace(line, at + 1, end) === end ? strings : undefined;
  for (;;) {
    const close = stringEnd(line, at, end);
    if (close === undefined) return undefined;
    const text = decode(line.slice(at, close));
    if (text === undefined) return undefined;
    strings.push({ text, start: at, end: close });
    at = skipJsonSpace(line, close, end);
    if (at >= end) return undefined;
    if (line[at] === "]") return skipJsonSpace(line, at + 1, end) === end ? strings : undefined;
    if (line[at] !== ",") return undefined;
    at = skipJsonSpace(line, at + 1, end);
  }
}

// Past the closing quote of the string that begins at `at`.
function stringEnd(line: string, at: number, end: number): number | undefined {
  if (line[at] !== '"') return undefined;
  for (let i = at + 1; i < end; i++) {
    if (line[i] === "\\") i++;
    else if (line[i] === '"') return i + 1;
  }
  return undefined;
}

function decode(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined; // a control character or an escape that JSON does not know
  }
}

function skipJsonSpace(line: string, start: number, end: number): number {
  let at = start;
  while (at < end && (line[at] === " " || line[at] === "\t" || line[at] === "\n" || line[at] === "\r")) at++;
  return at;
}
