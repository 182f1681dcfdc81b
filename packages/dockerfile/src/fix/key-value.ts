import type { EscapeCharacter } from "../tree.ts";
import { quotedWords } from "../words.ts";
import type { Fix } from "./edit.ts";
import { type FixSubject, hasInnerComments } from "./subject.ts";

/** `ENV name value` as `ENV name=value`. */
export function fixKeyValue({ file }: FixSubject): Fix[] {
  return file.nodes.flatMap((node): Fix[] => {
    const it = node.kind === "instruction" ? node.instruction : undefined;
    if ((it?.name !== "ENV" && it?.name !== "LABEL") || !it.legacy || hasInnerComments(node)) return [];
    const { key, value } = it.pairs[0]!;
    if (!/^[\w./:-]+$/.test(key.text)) return []; // anything else may end a word where the new form is read
    const text = `${key.text}=${asOneWord(value.text, it.escape)}`;
    const range = { start: key.range.start, end: value.range.end };
    const common = { savedBytes: undefined, assumes: undefined };
    return [
      {
        rule: "KeyValueFormat",
        title: `write ${it.name} ${text}`,
        range: it.range,
        edits: [{ range, text }],
        saves: "nothing in the image: one form for one and for several, and BuildKit's checks are content",
        ...common,
      },
    ];
  });
}

// In the old form the rest of the line is the value, in the new one white space ends it.
function asOneWord(value: string, escaper: EscapeCharacter): string {
  if (quotedWords(value, 0, value.length, escaper).length <= 1 && !/^["']?$/.test(value)) return value;
  if (!/["'\\`]/.test(value)) return `"${value}"`;
  let quote = "";
  let result = "";
  for (let at = 0; at < value.length; at++) {
    const character = value[at]!;
    if (character === escaper && quote !== "'") {
      result += character + (value[++at] ?? "");
      continue;
    }
    if (quote === "" && /\s/.test(character)) result += escaper;
    if (quote === character) quote = "";
    else if (quote === "" && /["']/.test(character)) quote = character;
    result += character;
  }
  return result;
}
