import { isBlank, isSpace } from "./space.ts";
import type { Span } from "./span.ts";
import type { EscapeCharacter } from "./tree.ts";

/** Operands that blanks separate and nothing quotes: FROM, EXPOSE, COPY, ADD, VOLUME. */
export function blankSeparated(line: string, start: number, end: number): Span[] {
  const words: Span[] = [];
  let at = start;
  while (at < end) {
    const from = at;
    while (at < end && !isBlank(line.charCodeAt(at))) at++;
    words.push({ text: line.slice(from, at), start: from, end: at });
    while (at < end && isBlank(line.charCodeAt(at))) at++;
  }
  return words;
}

/**
 * Operands that white space separates unless it is quoted or escaped: ENV, LABEL, ARG. Quotes and
 * escapes stay: expansion takes them away.
 */
export function quotedWords(line: string, start: number, end: number, escaper: EscapeCharacter): Span[] {
  const words: Span[] = [];
  let at = start;
  while (at < end) {
    while (at < end && isSpace(line.charCodeAt(at))) at++;
    if (at >= end) break;
    const from = at;
    let quote = "";
    let lone = false; // an escape with nothing behind it escapes nothing
    for (; at < end && (quote !== "" || !isSpace(line.charCodeAt(at))); at++) {
      const character = line[at]!;
      if (character === escaper && quote !== "'") {
        if (at + 1 === end) lone = true;
        else at++;
      } else if (quote === "") {
        if (character === "'" || character === '"') quote = character;
      } else if (character === quote) {
        quote = "";
      }
    }
    const text = line.slice(from, lone ? at - 1 : at);
    if (text !== "") words.push({ text, start: from, end: at });
  }
  return words;
}
