import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { check, checkRules } from "../src/check/index.ts";
import { parse } from "../src/index.ts";

// The README's examples of the checks: the first of each breaks its rule, the second breaks none at all.
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const sections = readme.split(/^### /m).slice(1);
const input = {
  ignore: ["notes.txt"],
  baseImage: (name: string) => (name === "arm-only" ? { platform: "linux/arm64" } : undefined),
};
const found = (text: string): string[] => [...new Set(check(parse(text), input).warnings.map(({ rule }) => rule))];

test("every check is there", () => {
  expect(sections.map((section) => section.split("\n", 1)[0])).toEqual(checkRules.map(({ name }) => name));
});

for (const section of sections) {
  const name = section.split("\n", 1)[0]!;
  const [wrong = "", right = ""] = [...section.matchAll(/^```dockerfile\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
  describe(name, () => {
    test("a file that breaks it", () => expect(found(wrong)).toContain(name));
    test("a file that does not", () => expect(found(right)).toEqual([]));
  });
}
