import type { Fix } from "./edit.ts";
import type { FixSubject } from "./subject.ts";

/** Blank lines inside an instruction taken out. */
export function fixEmptyContinuations({ file, range }: FixSubject): Fix[] {
  const fixes: Fix[] = [];
  for (const warning of file.warnings) {
    if (warning.code !== "WARN_DOCKERFILE_EMPTY_CONTINUATION") continue;
    const { offset } = warning.range.start;
    const node = file.nodes.find((one) => one.range.end.offset > offset);
    if (node?.kind !== "instruction") continue;
    const edits = blankLines(file.text, offset, node.instruction.range.end.offset).map(([start, end]) => ({
      range: range(start, end),
      text: "",
    }));
    const title = "take blank lines out of the instruction";
    const saves = "the build: a future release of BuildKit will refuse them";
    const common = { savedBytes: undefined, assumes: undefined, saves };
    if (edits.length > 0)
      fixes.push({ rule: "NoEmptyContinuation", title, range: node.instruction.range, edits, ...common });
  }
  return fixes;
}

// A heredoc's lines are its own: what is looked at ends before the first of them.
function blankLines(text: string, start: number, end: number): [number, number][] {
  const found: [number, number][] = [];
  for (let at = start; at < end; ) {
    const newline = text.indexOf("\n", at);
    const next = newline === -1 ? text.length : newline + 1;
    const line = text.slice(at, next);
    if (line.trim() === "") found.push([at, next]);
    at = next;
  }
  return found;
}
