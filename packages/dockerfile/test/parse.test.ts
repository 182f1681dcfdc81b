import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { assertValid, type Dockerfile, isDockerfileError, parse, parseInstruction, print } from "../src/index.ts";
import { dump } from "./dump.ts";

interface Row {
  why: string;
  dockerfile: string;
  dump?: string[];
  errors?: string[];
  warnings?: string[];
}

const rows: Row[] = JSON.parse(readFileSync(new URL("vectors/parse.json", import.meta.url), "utf8"));

for (const row of rows) {
  test(row.why, () => {
    const file = parse(row.dockerfile);
    expect(print(file)).toBe(row.dockerfile);
    expect(file.errors.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual(row.errors ?? []);
    if (row.dump !== undefined) expect(dump(file)).toEqual(row.dump);
    if (row.warnings !== undefined) expect(file.warnings.map(({ code }) => code)).toEqual(row.warnings);
  });
}

test("tokens: every piece has its kind and place", () => {
  const file = parse('# note\nFROM a\nCOPY --link ["x", \\\n  # why\n  "y"]\nRUN <<E\nz\nE\n');
  const tokens = file.nodes.flatMap((node) => node.tokens.map(({ kind, text }) => [kind, text]));
  expect(tokens).toEqual([
    ["comment", "# note"],
    ["newline", "\n"],
    ["keyword", "FROM"],
    ["space", " "],
    ["operand", "a"],
    ["newline", "\n"],
    ["keyword", "COPY"],
    ["space", " "],
    ["flag", "--link"],
    ["space", " "],
    ["punctuation", "["],
    ["operand", '"x"'],
    ["punctuation", ","],
    ["space", " "],
    ["continuation", "\\\n"],
    ["space", "  "],
    ["comment", "# why"],
    ["newline", "\n"],
    ["space", "  "],
    ["operand", '"y"'],
    ["punctuation", "]"],
    ["newline", "\n"],
    ["keyword", "RUN"],
    ["space", " "],
    ["operand", "<<E"],
    ["newline", "\n"],
    ["heredoc", "z\n"],
    ["heredocEnd", "E\n"],
  ]);
});

test("an operand that goes over a continuation is two tokens and one word", () => {
  const file = parse("FROM al\\\npine\n");
  expect(file.instructions[0]).toMatchObject({
    base: { text: "alpine", range: { start: { line: 1, column: 6 }, end: { line: 2, column: 5 } } },
  });
  expect(file.nodes[0]!.tokens.map(({ kind }) => kind)).toEqual([
    "keyword",
    "space",
    "operand",
    "continuation",
    "operand",
    "newline",
  ]);
});

test("an edited token prints back, and nothing else changes", () => {
  const text = "# keep\nFROM  old  AS x # not a comment\n";
  const file: Dockerfile = parse(text);
  const nodes = file.nodes.map((node) => ({
    ...node,
    tokens: node.tokens.map((token) => (token.text === "old" ? { ...token, text: "new@sha256:1" } : token)),
  }));
  expect(print({ nodes })).toBe(text.replace("old", "new@sha256:1"));
});

test("comments above an instruction are its own; an empty one parts them, a blank line does not", () => {
  const file = parse("# far\n#\n# near\n\n#  x is what it is\nARG x\nFROM a\n");
  expect(file.instructions.map(({ comments }) => comments)).toEqual([["near", "x is what it is"], []]);
  expect(file.instructions[0]).toMatchObject({ args: [{ description: "is what it is" }] });
});

describe("parseInstruction", () => {
  test("reads what ONBUILD left", () => {
    const [, onbuild] = parse("FROM a\nONBUILD COPY <<-E /x\n\thi\n\tE\n").instructions;
    expect(onbuild).toMatchObject({ name: "ONBUILD", expression: "COPY <<-E /x\n\thi\nE" });
    expect(parseInstruction((onbuild as { expression: string }).expression)).toMatchObject({
      name: "COPY",
      files: [{ content: { text: "hi\n" } }],
    });
  });
  test.each(["", "# x", "RUN a\nRUN b", "RNU a", "ONBUILD ONBUILD RUN a"])("refuses %j", (text) => {
    expect(() => parseInstruction(text)).toThrow(expect.toSatisfy(isDockerfileError));
  });
});

test("assertValid throws the first mistake of the file", () => {
  expect(() => assertValid(parse("FROM a\nUSER\nRNU\n"))).toThrow("USER requires exactly one argument");
  expect(() => assertValid(parse("FROM a\n"))).not.toThrow();
});
