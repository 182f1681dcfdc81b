import { expect, test } from "vitest";
import { check, renderCheck, renderCheckError } from "../src/check/index.ts";
import { parse } from "../src/index.ts";

const shown = (text: string): string => {
  const file = parse(text);
  return renderCheck(check(file), file);
};

const rule = "--------------------";
const casing = [
  "WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
  "'as' and 'FROM' keywords' casing do not match",
];

test("nothing found", () => expect(shown("FROM a\n")).toBe("Check complete, no warnings found.\n"));

test("one finding, with two lines above and below", () => {
  expect(shown("FROM a\n\nWORKDIR /\nFROM b as c\nUSER d\nUSER e\nUSER f\n")).toBe(
    [
      "Check complete, 1 warning has been found!",
      "",
      ...casing,
      "Dockerfile:4",
      rule,
      "   2 |     ",
      "   3 |     WORKDIR /",
      "   4 | >>> FROM b as c",
      "   5 |     USER d",
      "   6 |     USER e",
      rule,
      "",
    ].join("\n"),
  );
});

test("findings by line; an instruction of several lines has one line around it", () => {
  const text = "FROM a as b\nRUN <<E\nx\nE\nCMD x \\\n  y\nUSER z\n";
  expect(shown(text).split("\n")).toEqual([
    "Check complete, 2 warnings have been found!",
    "",
    ...casing,
    "Dockerfile:1",
    rule,
    "   1 | >>> FROM a as b",
    "   2 |     RUN <<E",
    "   3 |     x",
    rule,
    "",
    "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
    "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    "Dockerfile:5",
    rule,
    "   4 |     E",
    "   5 | >>> CMD x \\",
    "   6 | >>>   y",
    "   7 |     USER z",
    rule,
    "",
  ]);
});

test("a mistake goes elsewhere, with its place", () => {
  const file = parse("FROM a\nRNU \u001b[31m\n", { file: "D" });
  const report = check(file);
  expect(renderCheck(report, file)).toBe("");
  expect(renderCheckError(report, file)).toBe(
    [
      "dockerfile parse error on line 2: unknown instruction: RNU (did you mean RUN?)",
      "D:2",
      rule,
      "   1 |     FROM a",
      "   2 | >>> RNU \u00b7[31m",
      "   3 |     ",
      rule,
    ].join("\n"),
  );
  expect(renderCheckError(check(parse("FROM a")), file)).toBeUndefined();
});
