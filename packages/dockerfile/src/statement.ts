import { Complaint } from "./complaint.ts";
import type { DockerfileErrorCode } from "./dockerfile-error.ts";
import { splitFlags } from "./flags.ts";
import type { LogicalLine } from "./lines.ts";
import { type Operands, operandGrammars, splitOperands } from "./operands.ts";
import type { PositionIndex, Range } from "./position.ts";
import { isBlank, skipSpace, trimEnd } from "./space.ts";
import type { Span } from "./span.ts";
import type { EscapeCharacter, Flag, Heredoc, Statement, TokenKind, Word } from "./tree.ts";

/** What a statement needs to know about the file around it. */
export interface Surroundings {
  readonly line: string;
  readonly escape: EscapeCharacter;
  readonly file: string;
  readonly comments: readonly string[];
  /** Where `start…end` of the logical line is in the file. */
  range(start: number, end: number): Range;
}

/** A stretch of the file and what it is; what no mark covers is white space or punctuation. */
export interface Mark {
  readonly kind: TokenKind;
  readonly range: Range;
}

/** A statement while its instruction is being made out of it. */
export interface Draft {
  readonly statement: Statement;
  /** Upper-case keyword. */
  readonly name: string;
  readonly spans: readonly Span[];
  readonly mistake: Operands["mistake"];
  /** The statement inside ONBUILD. */
  readonly inner: Draft | undefined;
  readonly surroundings: Surroundings;
  /** The range of the operands before they were cut. */
  readonly rest: Range;
}

/** The same for a line of a file. */
export function surroundingsOf(
  line: LogicalLine,
  file: Pick<Statement, "escape" | "file" | "comments">,
  positions: PositionIndex,
): Surroundings {
  const range = (start: number, end: number): Range => {
    const from = line.sourceOffset(start);
    return positions.range(from, end > start ? line.sourceOffset(end - 1) + 1 : from);
  };
  return { line: line.text, escape: file.escape, file: file.file, comments: file.comments, range };
}

/**
 * Cut a logical line, from `from` on, into keyword, flags and operands.
 *
 * @param marks  Gets what every stretch of the line is, for those who want to know.
 */
export function draftStatement(
  around: Surroundings,
  marks?: Mark[],
  from: number = 0,
  inside: "file" | "ONBUILD" = "file",
): Draft {
  const { line } = around;
  const start = skipSpace(line, from, line.length);
  const end = trimEnd(line, start, line.length);
  let at = start;
  while (at < end && !isBlank(line.charCodeAt(at))) at++;
  const keyword = toWord({ text: line.slice(start, at), start, end: at }, around);
  if (at > start) marks?.push({ kind: "keyword", range: keyword.range });
  const name = keyword.text.toUpperCase();

  const split = splitFlags(line, at, end);
  const flags = split.flags.map((span) => toFlag(span, around));
  if (marks !== undefined) for (const flag of flags) marks.push({ kind: "flag", range: flag.range });

  const nested = name === "ONBUILD" && inside === "file" && split.operands < end;
  const inner = nested ? draftStatement(around, marks, split.operands, "ONBUILD") : undefined;
  const grammar = (Object.hasOwn(operandGrammars, name) ? operandGrammars[name] : undefined) ?? "text";
  const operands = splitOperands(grammar, line, split.operands, end, around.escape);
  const words = operands.spans.map((span) => toWord(span, around));
  if (inner === undefined && marks !== undefined)
    for (const word of words) marks.push({ kind: "operand", range: word.range });

  const statement: Statement = {
    keyword,
    flags,
    operands: words,
    form: operands.form,
    heredocs: [],
    comments: around.comments,
    source: line.slice(start, end),
    escape: around.escape,
    file: around.file,
    range: around.range(start, end),
  };
  const rest = around.range(Math.min(split.operands, end), end);
  return { statement, name, spans: operands.spans, mistake: operands.mistake, inner, surroundings: around, rest };
}

/** Whether the operands may announce heredocs: RUN, COPY and ADD in shell form, also inside ONBUILD. */
export function mayHaveHeredocs(draft: Draft): boolean {
  const { name, statement, mistake } = draft.inner ?? draft;
  return ["RUN", "COPY", "ADD"].includes(name) && statement.form === "shell" && mistake === undefined;
}

/** The same statement with its heredocs, which end later than its line. */
export function withHeredocs(draft: Draft, heredocs: readonly Heredoc[], range: Range): Draft {
  if (heredocs.length === 0) return draft;
  const inner =
    draft.inner && withHeredocs(draft.inner, heredocs, { start: draft.inner.statement.range.start, end: range.end });
  return { ...draft, inner, statement: { ...draft.statement, heredocs, range } };
}

export function toWord(span: Span, around: Surroundings): Word {
  return { text: span.text, range: around.range(span.start, span.end) };
}

function toFlag(span: Span, around: Surroundings): Flag {
  const equals = span.text.indexOf("=");
  const range = around.range(span.start, span.end);
  if (equals === -1) return { name: span.text.slice(2), value: undefined, range };
  return { name: span.text.slice(2, equals), value: span.text.slice(equals + 1), range };
}

/** Refuse a draft; `where` is the keyword unless something narrower is wrong. */
export function refuse(
  draft: Draft,
  code: DockerfileErrorCode,
  message: string,
  where: Range = draft.statement.keyword.range,
): never {
  throw new Complaint({ code, message, range: where });
}
