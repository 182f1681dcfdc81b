import { type Instruction, parse } from "@ctr/dockerfile";

/** An instruction as text, with the comments and blank lines in front of it. */
export interface DraftInstruction {
  readonly before: string;
  /** All its lines, heredocs too, without the last line feed. */
  readonly text: string;
  /** In upper case. */
  readonly name: string;
  /** Which one of the original file it is; undefined for one that is new. */
  readonly origin: number | undefined;
}

/** A Dockerfile taken apart, so that it can be changed and each instruction still be recognized. */
export interface Draft {
  readonly instructions: readonly DraftInstruction[];
  readonly after: string;
}

export function readDraft(text: string): Draft {
  const { instructions } = parse(text);
  const lines = text.split("\n");
  let next = 0;
  const taken = instructions.map((it, origin) => {
    const first = it.range.start.line - 1;
    const last = lastLineOf(it, lines);
    const before = lines
      .slice(next, first)
      .map((line) => `${line}\n`)
      .join("");
    next = last + 1;
    return { before, text: lines.slice(first, next).join("\n"), name: it.name as string, origin };
  });
  return { instructions: taken, after: lines.slice(next).join("\n") };
}

/** The line that ends the last heredoc, else the last one of the instruction. */
function lastLineOf({ range, heredocs }: Pick<Instruction, "range" | "heredocs">, lines: readonly string[]): number {
  const first = range.start.line - 1;
  if (heredocs.length === 0) return range.end.line - 1;
  return heredocs.reduce(
    (last, { name }) => lines.findIndex((line, index) => index > last && line.trimStart() === name),
    first,
  );
}

export function writeDraft({ instructions, after }: Draft): string {
  return instructions.map(({ before, text }) => `${before}${text}\n`).join("") + after;
}
