import { readLine } from "./lines.ts";
import { LexerFailure, lex } from "./shell-lexer.ts";
import { isSpace } from "./space.ts";

/** A heredoc as an operand announces it, before its lines are read. */
export interface HeredocWord {
  readonly name: string;
  readonly expand: boolean;
  readonly stripTabs: boolean;
  readonly fileDescriptor: number;
}

// Heredoc words follow the shell, not the file: their escape is the backslash whatever `# escape=` says.
const unset = (): undefined => undefined;
const word = { escape: "\\", keepUnset: true } as const;
const line = { ...word, keepQuotes: true, keepEscapes: true, heredocWords: true } as const;

/**
 * Read `<<EOF`, `3<<-"EOF"`, `<< EOF`.
 *
 * @returns `undefined` when `text` is no heredoc.
 * @throws {LexerFailure} for a quote that is never closed.
 */
export function parseHeredocWord(text: string): HeredocWord | undefined {
  let at = 0;
  while (at < text.length && text[at]! >= "0" && text[at]! <= "9") at++;
  const fileDescriptor = Number(text.slice(0, at));
  if (!text.startsWith("<<", at) || text.indexOf("<", at + 2) !== -1) return undefined;
  at += 2;
  const stripTabs = text[at] === "-";
  if (stripTabs) at++;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  const rest = text.slice(at);
  if (/^\w+$/.test(rest)) return { name: rest, expand: true, stripTabs, fileDescriptor };
  const [name, ...more] = lex(rest, unset, word).words;
  if (name === undefined || more.length > 0) return undefined;
  // Quotes that went away were quoting; those that stayed were escaped.
  const expand = countQuotes(name) === countQuotes(lex(rest, unset, { ...word, keepQuotes: true }).words[0] ?? "");
  return { name, expand, stripTabs, fileDescriptor };
}

const countQuotes = (text: string): number => text.split(/['"]/).length;

/**
 * The heredocs that a logical line announces, in order. A line whose quotes do not add up has none:
 * the shell will say what is wrong with it.
 *
 * @throws {LexerFailure} as `parseHeredocWord` does.
 */
export function findHeredocs(logicalLine: string): HeredocWord[] {
  if (!logicalLine.includes("<<")) return [];
  let words: readonly string[];
  try {
    words = lex(logicalLine, unset, line).words;
  } catch (failure) {
    if (failure instanceof LexerFailure) return [];
    throw failure;
  }
  return words.map(parseHeredocWord).filter((found) => found !== undefined);
}

/** The lines of a heredoc: `start…end`, then the line that ends it up to `next`. */
export interface HeredocBody {
  readonly start: number;
  readonly end: number;
  readonly next: number;
  readonly terminated: boolean;
}

/** Find the end of a heredoc whose first line begins at `start`. One that never ends takes the rest of the file. */
export function readHeredocBody(text: string, start: number, heredoc: HeredocWord): HeredocBody {
  for (let at = start; at < text.length; ) {
    const { end, next } = readLine(text, at);
    let from = at;
    if (heredoc.stripTabs) while (from < end && text[from] === "\t") from++;
    if (end - from === heredoc.name.length && text.startsWith(heredoc.name, from)) {
      return { start, end: at, next, terminated: true };
    }
    at = next;
  }
  return { start, end: text.length, next: text.length, terminated: false };
}

/** Heredoc content as `<<-` wants it: without the tabs at the beginning of its lines. */
export function stripLeadingTabs(content: string): string {
  return content.replace(/(^|\n)\t+/g, "$1");
}
