import { lastAtOrBefore } from "./position.ts";
import { skipSpace } from "./space.ts";
import type { EscapeCharacter } from "./tree.ts";

// source     RUN a \⏎            logical   RUN a b
//            # why⏎                        ^^^^^^^ one line; every character knows where it was
//            b⏎

/** A line of the file: its content is `start…end`, its line ending `end…next`. */
export interface PhysicalLine {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

export function readLine(text: string, start: number): PhysicalLine {
  const newline = text.indexOf("\n", start);
  const next = newline === -1 ? text.length : newline + 1;
  let end = newline === -1 ? text.length : newline;
  while (end > start && text.charCodeAt(end - 1) === 0x0d) end--;
  return { start, end, next };
}

/** What a stretch of the file is to the logical line it belongs to. */
export interface Piece {
  readonly kind: "text" | "continuation" | "comment" | "blank" | "newline";
  readonly start: number;
  readonly end: number;
}

/** Physical lines joined at their continuations. */
export interface LogicalLine {
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** Where the next line of the file begins. */
  readonly next: number;
  /** A blank line stood where the instruction was to go on. */
  readonly emptyContinuation: boolean;
  /** Where `offset` of `text` is in the file. */
  sourceOffset(offset: number): number;
}

/** Read the logical line that begins at `start`. */
export function readLogicalLine(text: string, start: number, escaper: EscapeCharacter): LogicalLine {
  const pieces: Piece[] = [];
  const logicalStarts: number[] = [];
  const sourceStarts: number[] = [];
  const parts: string[] = [];
  let length = 0;
  let emptyContinuation = false;

  const addText = (from: number, to: number): void => {
    pieces.push({ kind: "text", start: from, end: to });
    logicalStarts.push(length);
    sourceStarts.push(from);
    parts.push(text.slice(from, to));
    length += to - from;
  };

  let next = start;
  do {
    const line = readLine(text, next);
    const first = skipSpace(text, line.start, line.end);
    next = line.next;
    if (line.start !== start && text[first] === "#" && first < line.end) {
      pieces.push({ kind: "comment", start: line.start, end: line.next });
    } else if (line.start !== start && first === line.end) {
      pieces.push({ kind: "blank", start: line.start, end: line.next });
      emptyContinuation = true;
    } else {
      const at = continuationAt(text, line, escaper);
      addText(line.start, at === -1 ? line.end : at);
      pieces.push({ kind: at === -1 ? "newline" : "continuation", start: at === -1 ? line.end : at, end: line.next });
      if (at === -1) break;
    }
  } while (next < text.length);

  const sourceOffset = (offset: number): number => {
    if (sourceStarts.length === 1) return start + offset;
    const index = lastAtOrBefore(logicalStarts, offset);
    return sourceStarts[index]! + offset - logicalStarts[index]!;
  };
  return { text: parts.join(""), pieces, next, emptyContinuation, sourceOffset };
}

// One escape character, then blanks, then the end. Two of them are one that was escaped.
function continuationAt(text: string, line: PhysicalLine, escaper: EscapeCharacter): number {
  let at = line.end - 1;
  while (at >= line.start && (text[at] === " " || text[at] === "\t")) at--;
  if (at < line.start || text[at] !== escaper) return -1;
  return at > line.start && text[at - 1] === escaper ? -1 : at;
}
