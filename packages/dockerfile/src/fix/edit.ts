import type { Range } from "../position.ts";
import type { Dockerfile } from "../tree.ts";

/** Put `text` in the place of `range`. */
export interface TextEdit {
  readonly range: Range;
  readonly text: string;
}

/** One improvement: all of its edits, or none. */
export interface Fix {
  readonly rule: FixRuleName;
  /** What it does here. */
  readonly title: string;
  /** The instruction it is about. */
  readonly range: Range;
  readonly edits: readonly TextEdit[];
  /** What it is good for. */
  readonly saves: string;
  /** Bytes of the image it saves; known when the sizes of the steps are and the fix leaves a step out. */
  readonly savedBytes: number | undefined;
  /** What has to hold for the image to stay the same, where the file alone does not tell. */
  readonly assumes: string | undefined;
}

export type FixRuleName =
  | "ArgBelowSteps"
  | "CacheMount"
  | "ChownInCopy"
  | "ExecForm"
  | "FromAsCasing"
  | "InstructionCasing"
  | "KeyValueFormat"
  | "ManifestBeforeSources"
  | "NoEmptyContinuation"
  | "SecretMount";

/** Text with fixes in it, and the fixes that touch what another one changed: parse again and ask again. */
export interface Fixed {
  readonly text: string;
  readonly left: readonly Fix[];
}

/** Apply fixes in the order given. */
export function applyFixes(file: Pick<Dockerfile, "text">, fixes: readonly Fix[]): Fixed {
  const taken: TextEdit[] = [];
  const left: Fix[] = [];
  for (const fix of fixes) {
    if (fix.edits.some((edit) => taken.some((other) => touches(edit, other)))) left.push(fix);
    else taken.push(...fix.edits);
  }
  taken.sort((a, b) => a.range.start.offset - b.range.start.offset);
  const parts: string[] = [];
  let at = 0;
  for (const { range, text } of taken) {
    parts.push(file.text.slice(at, range.start.offset), text);
    at = range.end.offset;
  }
  return { text: parts.join("") + file.text.slice(at), left };
}

// Two insertions at one place touch as well: which of them comes first would be chance.
function touches(a: TextEdit, b: TextEdit): boolean {
  const [first, second] = a.range.start.offset <= b.range.start.offset ? [a.range, b.range] : [b.range, a.range];
  return second.start.offset < first.end.offset || second.start.offset === first.start.offset;
}
