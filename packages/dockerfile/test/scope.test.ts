// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import { expect, test } from "vitest";
import { expandInstruction, parse, type ScopeOptions, scopes } from "../src/index.ts";

/** What the last instruction sees: value, origin, line. */
function seen(text: string, name: string, options: ScopeOptions = {}): unknown {
  const file = parse(text);
  const found = scopes(file, options).variable(file.instructions.at(-1)!, name);
  return found && [found.value, found.origin, found.range?.start.line];
}

for (const { why, text, options, is } of [
  { why: "ENV above", text: "FROM a\nENV x=1\nRUN y", is: ["1", "env", 2] },
  { why: "ARG above", text: "FROM a\nARG x=1\nRUN y", is: ["1", "arg", 2] },
  { why: "the later of two", text: "FROM a\nARG x=1\nARG x=2\nRUN y", is: ["2", "arg", 3] },
  { why: "ENV wins over ARG, whichever comes first", text: "FROM a\nENV x=1\nARG x=2\nRUN y", is: ["1", "env", 2] },
  { why: "ARG below", text: "FROM a\nRUN y\nARG x=1", is: undefined },
  { why: "ARG without a value", text: "FROM a\nARG x\nRUN y", is: [undefined, "arg", 2] },
  {
    why: "what the caller gives",
    text: "FROM a\nARG x=1\nRUN y",
    options: { args: { x: "2" } },
    is: ["2", "given", 2],
  },
  {
    why: "what the caller gives and nobody declares",
    text: "FROM a\nRUN y",
    options: { args: { x: "2" } },
    is: undefined,
  },
  { why: "a global ARG in FROM", text: "ARG x=1\nFROM a", is: ["1", "arg", 1] },
  { why: "a global ARG in a stage", text: "ARG x=1\nFROM a\nRUN y", is: undefined },
  { why: "a global ARG that a stage takes over", text: "ARG x=1\nFROM a\nARG x\nRUN y", is: ["1", "arg", 1] },
  {
    why: "the platform's",
    text: "FROM a\nARG x\nRUN y",
    options: { platform: { x: "p" } },
    is: ["p", "platform", undefined],
  },
  {
    why: "the image's",
    text: "ARG i=a\nFROM $i\nRUN y",
    options: { imageEnv: (name: string) => ({ x: name }) },
    is: ["a", "image", undefined],
  },
  { why: "of the stage below", text: "FROM a AS b\nENV x=1\nFROM b\nRUN y", is: ["1", "env", 2] },
  { why: "of another stage", text: "FROM a AS b\nENV x=1\nFROM a\nRUN y", is: undefined },
  { why: "out of another one", text: "FROM a\nARG w=1\nENV x=${w}2\nRUN y", is: ["12", "env", 3] },
  { why: "not out of its own ENV", text: "FROM a\nENV w=1 x=$w\nRUN y", is: ["", "env", 2] },
] as const)
  test(why, () => expect(seen(text, "x", options)).toEqual(is));

test("one instruction expanded where it stands", () => {
  const file = parse("FROM a\nENV D=/one\nWORKDIR $D\nENV D=/two\nWORKDIR $D\n");
  const at = scopes(file);
  const paths = file.instructions.flatMap((it) =>
    it.name === "WORKDIR" ? [expandInstruction(it, at.lookup(it)).value.path] : [],
  );
  expect(paths).toEqual(["/one", "/two"]);
});
