/** One command of a shell text; offsets are in that text. */
export interface ShellCommand {
  readonly start: number;
  readonly end: number;
  /** Without assignments in front. Quotes are gone. */
  readonly words: readonly string[];
  /** What stands behind it: `&&`, `||`, `;`, `|`, `&`, or nothing. */
  readonly separator: string;
}

/**
 * Cut a shell text into commands at what separates them outside of quotes. White space, escaped line feeds and
 * comments between continued lines part words. No grammar: parentheses and keywords are words.
 */
export function shellCommands(text: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  const pattern = /&&|\|\||[;|&\n]|\\[\s\S]?|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?|[^\s\\;|&"']+|[^\S\n]+/g;
  let start = 0;
  let words: string[] = [];
  let word = "";
  const endWord = (): void => {
    if (word !== "") words.push(word);
    word = "";
  };
  const endCommand = (end: number, separator: string): void => {
    endWord();
    const first = words.findIndex((one) => !/^\w+=/.test(one));
    if (words.length > 0) commands.push({ start, end, words: first === -1 ? [] : words.slice(first), separator });
    words = [];
  };
  for (const { 0: piece, index } of text.matchAll(pattern)) {
    if (/^(?:&&|\|\||[;|&\n])$/.test(piece)) {
      endCommand(index, piece);
      start = index + piece.length;
    } else if (/^\s+$|^\\\r?\n?$/.test(piece)) endWord();
    else if (piece[0] === '"' || piece[0] === "'") word += piece.slice(1, piece.at(-1) === piece[0] ? -1 : undefined);
    else word += piece[0] === "\\" ? piece.slice(1) : piece;
  }
  endCommand(text.length, "");
  return commands;
}

/** Whether a text asks for a variable: `$NAME` or `${NAME…}`. */
export const usesVariable = (text: string, name: string): boolean =>
  text.includes(`$${name}`) || text.includes(`\${${name}`)
    ? new RegExp(`\\$(?:\\{${name}(?!\\w)|${name}(?!\\w))`).test(text)
    : false;

/** The end of what stands before `end`, without white space and escaped line feeds. */
export function solidEnd(text: string, end: number): number {
  let at = end;
  while (at > 0 && (/\s/.test(text[at - 1]!) || (text[at - 1] === "\\" && /[\r\n]/.test(text[at] ?? "")))) at--;
  return at;
}
