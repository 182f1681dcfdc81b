import { type LogicalLine, type PhysicalLine, type Piece, readLine, readLogicalLine } from "./lines.ts";
import type { TokenReader } from "./nodes.ts";
import type { PositionIndex } from "./position.ts";
import { skipSpace } from "./space.ts";
import { draftStatement, type Mark, surroundingsOf } from "./statement.ts";
import type { EscapeCharacter, Node, Statement, Token, TokenKind } from "./tree.ts";

/** Cuts the nodes of a file into tokens that leave nothing out. */
export function createTokenReader(text: string, escaper: () => EscapeCharacter, positions: PositionIndex): TokenReader {
  const token = (kind: TokenKind, start: number, end: number): Token => ({
    kind,
    text: text.slice(start, end),
    range: positions.range(start, end),
  });

  const plainLine = (kind: "comment" | "directive" | "space", { start, end, next }: PhysicalLine): Token[] => {
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

  /** The lines of a statement; `marks` are sorted and do not overlap. */
  const logicalLine = (line: LogicalLine, marks: readonly Mark[]): Token[] => {
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
        const kind = piece.kind === "comment" ? "comment" : "space";
        for (const one of plainLine(kind, { start: piece.start, end, next: piece.end })) tokens.push(one);
      } else if (piece.end > piece.start) tokens.push(token(piece.kind, piece.start, piece.end));
    }
    return tokens;
  };

  const statement = (start: number, end: number, { heredocs, file }: Statement): Token[] => {
    const line = readLogicalLine(text, start, escaper());
    const marks: Mark[] = [];
    draftStatement(surroundingsOf(line, { escape: escaper(), file, comments: [] }, positions), marks);
    const tokens = logicalLine(line, marks);
    for (const [index, { range }] of heredocs.entries()) {
      const [from, to] = [range.start.offset, range.end.offset];
      const next = heredocs[index + 1]?.range.start.offset ?? end;
      if (to > from) tokens.push(token("heredoc", from, to));
      if (next > to) tokens.push(token("heredocEnd", to, next));
    }
    return tokens;
  };

  return (node: Node): Token[] => {
    const [start, end] = [node.range.start.offset, node.range.end.offset];
    switch (node.kind) {
      case "instruction":
        return statement(start, end, node.instruction);
      case "invalid":
        return statement(start, end, node.statement);
      case "blank":
        if (start === 0 && text.startsWith("\ufeff")) return [token("byteOrderMark", start, end)];
        return plainLine("space", readLine(text, start));
      default:
        return plainLine(node.kind, readLine(text, start));
    }
  };
}
