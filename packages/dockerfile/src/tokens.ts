import type { LogicalLine, Piece } from "./lines.ts";
import type { PositionIndex } from "./position.ts";
import { skipSpace } from "./space.ts";
import type { Mark } from "./statement.ts";
import type { Token, TokenKind } from "./tree.ts";

/** Cuts a file into tokens that leave nothing out. */
export interface Tokenizer {
  token(kind: TokenKind, start: number, end: number): Token;
  /** A line that is white space, a comment or a directive. */
  plainLine(kind: "comment" | "directive" | "space", start: number, end: number, next: number): Token[];
  /** The lines of a statement; `marks` are sorted and do not overlap. */
  statement(line: LogicalLine, marks: readonly Mark[]): Token[];
}

export function createTokenizer(text: string, positions: PositionIndex): Tokenizer {
  const token = (kind: TokenKind, start: number, end: number): Token => ({
    kind,
    text: text.slice(start, end),
    range: positions.range(start, end),
  });

  const plainLine = (kind: "comment" | "directive" | "space", start: number, end: number, next: number): Token[] => {
    const first = kind === "space" ? end : skipSpace(text, start, end);
    const tokens: Token[] = [];
    if (first > start) tokens.push(token("space", start, first));
    if (end > first) tokens.push(token(kind, first, end));
    if (next > end) tokens.push(token("newline", end, next));
    return tokens;
  };

  // What stands between marks is white space, or the brackets and commas of a JSON array.
  const unmarked = (tokens: Token[], start: number, end: number): void => {
    for (let at = start; at < end; ) {
      const solid = skipSpace(text, at, end);
      if (solid > at) tokens.push(token("space", at, solid));
      let blank = solid;
      while (blank < end && skipSpace(text, blank, blank + 1) === blank) blank++;
      if (blank > solid) tokens.push(token("punctuation", solid, blank));
      at = blank;
    }
  };

  const statement = (line: LogicalLine, marks: readonly Mark[]): Token[] => {
    const tokens: Token[] = [];
    let next = 0; // the first mark that does not end before the piece
    const textPiece = (piece: Piece): void => {
      let at = piece.start;
      while (next < marks.length && at < piece.end) {
        const { kind, range } = marks[next]!;
        const start = Math.max(at, range.start.offset);
        if (start >= piece.end) break;
        const end = Math.min(piece.end, range.end.offset);
        unmarked(tokens, at, start);
        if (end > start) tokens.push(token(kind, start, end));
        at = Math.max(start, end);
        if (range.end.offset > piece.end) break;
        next++;
      }
      unmarked(tokens, at, piece.end);
    };
    for (const piece of line.pieces) {
      if (piece.kind === "text") textPiece(piece);
      else if (piece.kind === "comment" || piece.kind === "blank") {
        let end = piece.end;
        while (end > piece.start && /[\r\n]/.test(text[end - 1]!)) end--;
        tokens.push(...plainLine(piece.kind === "comment" ? "comment" : "space", piece.start, end, piece.end));
      } else if (piece.end > piece.start) tokens.push(token(piece.kind, piece.start, piece.end));
    }
    return tokens;
  };

  return { token, plainLine, statement };
}
