import { casingOf } from "../check/statement-checks.ts";
import type { Statement } from "../tree.ts";
import type { Fix } from "./edit.ts";
import type { FixSubject } from "./subject.ts";

const reason = "nothing in the image: the file reads alike everywhere, and BuildKit's checks are content";

/** `FROM … as` written as FROM is. */
export function fixFromCasing({ file }: FixSubject): Fix[] {
  return file.instructions.flatMap((it): Fix[] => {
    if (it.name !== "FROM" || it.stage === undefined) return [];
    const as = it.operands[1]!;
    const casing = casingOf(it.keyword.text);
    if (casing === undefined || casingOf(as.text) === casing) return [];
    const text = casing === "lowercase" ? "as" : "AS";
    const common = { savedBytes: undefined, assumes: undefined, saves: reason };
    return [
      { rule: "FromAsCasing", title: `write ${text}`, range: it.range, edits: [{ range: as.range, text }], ...common },
    ];
  });
}

/** Every instruction in the case of most of them. */
export function fixInstructionCasing({ file }: FixSubject): Fix[] {
  const casings = file.instructions.map(({ keyword }) => casingOf(keyword.text));
  const lower = casings.filter((one) => one === "lowercase").length;
  const majority = lower > casings.filter((one) => one === "uppercase").length ? "lowercase" : "uppercase";
  return file.instructions.flatMap((it, index): Fix[] => {
    if (casings[index] === majority) return [];
    const { keyword, range }: Statement = it;
    const text = majority === "lowercase" ? keyword.text.toLowerCase() : keyword.text.toUpperCase();
    const common = { savedBytes: undefined, assumes: undefined, saves: reason };
    return [
      { rule: "InstructionCasing", title: `write ${text}`, range, edits: [{ range: keyword.range, text }], ...common },
    ];
  });
}
