import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createIgnoreMatcher, parseIgnore } from "../src/index.ts";

interface Vectors {
  files: { text: string; patterns: string[]; why: string }[];
  matches: { patterns: string[]; path: string; ignored: boolean; why: string }[];
  malformed: string[];
  walks: { patterns: string[]; directory: string; all: boolean; why: string }[];
}
const vectors: Vectors = JSON.parse(readFileSync(new URL("vectors/ignore.json", import.meta.url), "utf8"));

for (const { text, patterns, why } of vectors.files)
  test(`file: ${why}`, () => expect(parseIgnore(text)).toEqual(patterns));
for (const { patterns, path, ignored, why } of vectors.matches) {
  test(`${patterns.join(" ")} on ${path}: ${why}`, () =>
    expect(createIgnoreMatcher(patterns).ignores(path)).toBe(ignored));
}
for (const pattern of vectors.malformed) {
  test(`${pattern} is malformed`, () => {
    expect(() => createIgnoreMatcher([pattern])).toThrow(
      expect.objectContaining({ code: "ERR_DOCKERFILE_IGNORE_PATTERN" }),
    );
  });
}
for (const { patterns, directory, all, why } of vectors.walks) {
  test(`walk ${directory} with ${patterns.join(" ")}: ${why}`, () =>
    expect(createIgnoreMatcher(patterns).ignoresAllIn(directory)).toBe(all));
}

test("a pattern made to explode", () => {
  expect(createIgnoreMatcher([`${"*a".repeat(200)}b`]).ignores("a".repeat(2000))).toBe(false);
  expect(createIgnoreMatcher([`${"**/".repeat(200)}b`]).ignores("a/".repeat(500))).toBe(false);
});
