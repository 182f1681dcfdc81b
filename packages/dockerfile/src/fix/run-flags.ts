import type { RunInstruction } from "../instructions/run.ts";
import type { TextEdit } from "./edit.ts";
import type { FixSubject } from "./subject.ts";

/** The edit that gives a RUN more `--mount` flags, behind those it has. One stays on the line, several get their own. */
export function addMounts(it: RunInstruction, mounts: readonly string[], subject: FixSubject): TextEdit {
  const after = (it.flags.at(-1) ?? it.keyword).range.end;
  const command = it.operands[0]!.range.start;
  const separator = mounts.length + it.flags.length > 1 ? ` ${it.escape}\n    ` : " ";
  const text = mounts.map(
    (mount) => `${it.flags.length === 0 && mount === mounts[0] ? " " : separator}--mount=${mount}`,
  );
  const behind = subject.file.text.slice(after.offset, command.offset);
  // What parts flags and command stays where it is already a line's end.
  if (behind.includes("\n")) return { range: { start: after, end: after }, text: text.join("") };
  return { range: { start: after, end: command }, text: `${text.join("")}${separator}` };
}
