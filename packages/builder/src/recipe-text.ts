import { BuilderError } from "./builder-error.ts";

/** What stands behind the word of an instruction. */
export interface RunText {
  readonly line: string;
  readonly heredoc: { readonly word: string; readonly content: string } | undefined;
}

export function instructionText(name: string, flags: readonly string[], { line, heredoc }: RunText): string {
  const head = [name, ...flags, line].join(" ");
  return heredoc === undefined ? head : `${head}\n${heredoc.content}${heredoc.word}`;
}

/** A word that means itself: nothing in it is a variable, a quote or a space between words. */
export function operandWord(text: string): string {
  refuseLines(text);
  if (text === "") return '""';
  return /^[A-Za-z0-9_.,:@%+=/*?~-]+$/.test(text) ? text : quoted(text);
}

/** `A=1 B="x y"` */
export function pairWords(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => {
      if (/^[^\s=$"'\\]+$/.test(key)) return `${key}=${operandWord(value)}`;
      throw wrong(`${JSON.stringify(key)} is no name`);
    })
    .join(" ");
}

/** A command as the Dockerfile has it: JSON for arguments, a heredoc for what one line cannot say. */
export function runText(command: string | readonly string[]): RunText {
  if (typeof command !== "string") return { line: JSON.stringify(command), heredoc: undefined };
  if (command.includes("\0")) throw wrong("a command has a NUL in it");
  const isSimple = !/[\n\r]|<<|\\$/.test(command) && command.trim() === command && !/^(?:--|\[)/.test(command);
  if (isSimple && command !== "") return { line: command, heredoc: undefined };
  if (command.trim() === "") throw wrong("a command is empty");
  let word = "EOF";
  while (command.split(/\r?\n/).includes(word)) word += "_";
  const content = command.endsWith("\n") ? command : `${command}\n`;
  return { line: `<<'${word}'`, heredoc: { word, content } };
}

const quoted = (text: string): string => `"${text.replace(/["\\$]/g, "\\$&")}"`;

function refuseLines(text: string): void {
  if (/[\n\r\0]/.test(text)) throw wrong(`${JSON.stringify(text.slice(0, 100))} has more than one line`);
}

function wrong(why: string): BuilderError {
  return new BuilderError({ code: "ERR_BUILDER_OPERAND", message: why });
}
