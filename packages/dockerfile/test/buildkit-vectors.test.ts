// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { check } from "../src/check/index.ts";
import { findHeredocs, parseHeredocWord } from "../src/heredoc.ts";
import {
  type CopyInstruction,
  createIgnoreMatcher,
  type Dockerfile,
  DockerfileError,
  type Environment,
  expandWord,
  expandWords,
  parse,
  parseIgnore,
  parseInstruction,
  print,
  type RunInstruction,
  stages,
} from "../src/index.ts";
import { jsonForm } from "../src/json-form.ts";
import { parsePattern } from "../src/pattern.ts";
import { quotedWords } from "../src/words.ts";
import { dump, statements } from "./dump.ts";

// Cases of moby/buildkit and moby/patternmatcher (Apache-2.0), kept outside of this repository. The
// repository's own cases are in ./vectors.
const root = new URL("../../../../shared/vectors/dockerfile/", import.meta.url);
const present = existsSync(root);

const text = (path: string): string => readFileSync(new URL(path, root), "utf8");
// biome-ignore lint/suspicious/noExplicitAny: the vectors' shape is what the tests check
const json = (path: string): any => JSON.parse(text(path));
const list = (path: string): string[] => readdirSync(new URL(path, root));

/** What BuildKit's parser, and after it its instruction parser, said about a file. */
interface Verdict {
  ast?: (string | { dump: string; start: number; end: number; heredocs?: Record<string, unknown>[] })[];
  escape?: string;
  parseError?: string;
  instructionError?: string;
  parserWarnings?: string[];
  stages?:
    | {
        name: string;
        base: string;
        platform: string;
        commands: (string | { name: string; data: Record<string, unknown> })[] | null;
      }[]
    | null;
  metaArgs?: { data: { Args: { Key: string; Value: string | null }[] } }[];
  syntax?: [string, string];
  lint?: LintWarning[];
  lintBuildError?: string;
  lintUnavailable?: boolean;
}

interface LintWarning {
  Rule: string;
  Msg: string;
  URL?: string;
  Line: number;
}

function checkFile(source: string, verdict: Verdict): Dockerfile {
  const file = parse(source);
  expect(print(file)).toBe(source);
  if (verdict.parseError !== undefined) {
    expect(file.errors).not.toEqual([]);
    return file;
  }
  expect(file.escape).toBe(verdict.escape);
  const ast = verdict.ast ?? [];
  expect(dump(file)).toEqual(ast.map((entry) => (typeof entry === "string" ? entry : entry.dump)));
  for (const [index, entry] of ast.entries()) {
    if (typeof entry !== "string") checkEntry(file, index, entry);
  }
  if (verdict.instructionError === undefined) expect(file.errors).toEqual([]);
  else checkError(file, verdict.instructionError);
  if (verdict.stages) checkStages(file, verdict);
  if (verdict.parserWarnings !== undefined) checkWarnings(file, verdict.parserWarnings);
  return file;
}

function checkEntry(
  file: Dockerfile,
  index: number,
  entry: { start: number; end: number; heredocs?: Record<string, unknown>[] },
): void {
  const statement = statements(file)[index]!;
  expect(statement.range.start.line).toBe(entry.start);
  expect(
    statement.heredocs.map((heredoc) => ({
      Name: heredoc.name,
      FileDescriptor: heredoc.fileDescriptor,
      Expand: heredoc.expand,
      Chomp: heredoc.stripTabs,
      Content: heredoc.content,
    })),
  ).toEqual(entry.heredocs ?? []);
  // The node ends behind its last line feed, where the next line begins.
  const node = file.nodes.filter(({ kind }) => kind === "instruction" || kind === "invalid")[index]!;
  const end = node.tokens.at(-1)!.text.endsWith("\n") ? node.range.end.line - 1 : node.range.end.line;
  expect(end).toBe(entry.end);
}

function checkError(file: Dockerfile, message: string): void {
  expect(file.errors).not.toEqual([]);
  const line = /on line (\d+):/.exec(message);
  if (line !== null) expect(file.errors[0]!.line).toBe(Number(line[1]));
  const known = /(unknown (instruction|flag): \S+)/.exec(message);
  if (known !== null) expect(file.errors[0]!.message).toContain(known[1]);
}

function checkWarnings(file: Dockerfile, expected: string[]): void {
  const lines = file.nodes.flatMap((node) =>
    file.warnings.some(
      (warning) =>
        warning.code === "WARN_DOCKERFILE_EMPTY_CONTINUATION" && within(warning.range.start.offset, node.range),
    )
      ? [node.tokens.at(-1)!.text.endsWith("\n") ? node.range.end.line - 1 : node.range.end.line]
      : [],
  );
  expect(lines).toEqual(expected.map((warning) => Number(/\(line (\d+)\)$/.exec(warning)![1])));
}

const within = (offset: number, range: Dockerfile["nodes"][number]["range"]): boolean =>
  range.start.offset <= offset && offset < range.end.offset;

function checkStages(file: Dockerfile, verdict: Verdict): void {
  const found = stages(file);
  const expected = verdict.stages!;
  expect(
    found.stages.map(({ name, from, instructions }) => ({
      name: name ?? "",
      base: from.base.text,
      platform: from.platform?.text ?? "",
      commands: instructions.map((instruction) => instruction.keyword.text),
    })),
  ).toEqual(
    expected.map((stage) => ({
      ...stage,
      commands: (stage.commands ?? []).map((command) => (typeof command === "string" ? command : command.name)),
    })),
  );
  for (const [index, stage] of expected.entries()) {
    for (const [at, command] of (stage.commands ?? []).entries()) {
      if (typeof command !== "string")
        expect(goFields(found.stages[index]!.instructions[at]!)).toMatchObject(command.data);
    }
  }
  if (verdict.metaArgs === undefined) return;
  expect(found.globalArgs.map(goFields)).toMatchObject(verdict.metaArgs.map(({ data }) => data));
}

/** Rule, words, address and line of every finding, in BuildKit's order; and whether it could go on to the end. */
function checkLint(source: string, warnings: LintWarning[], stops: boolean): void {
  const report = check(parse(source));
  const found = report.warnings.map(({ rule, detail, url, range }) => [rule, detail, url, range.start.line]);
  expect(found).toEqual(warnings.map(({ Rule, Msg, URL, Line }) => [Rule, Msg, URL, Line]));
  expect(report.error !== undefined, report.error?.message).toBe(stops);
}

type AnyInstruction = ReturnType<typeof stages>["stages"][number]["instructions"][number];

// The fields of BuildKit's Go types, as the vectors have them.
function goFields(it: AnyInstruction): Record<string, unknown> {
  switch (it.name) {
    case "ADD":
      return {
        ...goTransfer(it),
        Checksum: it.checksum?.text ?? "",
        KeepGitDir: it.keepGitDir ?? null,
        Unpack: it.unpack ?? null,
      };
    case "COPY":
      return { ...goTransfer(it), From: it.from ?? "", Parents: it.parents };
    case "ARG":
      return {
        Args: it.args.map((arg) => ({
          Key: arg.key.text,
          Value: arg.value?.text ?? null,
          DocComment: arg.description ?? "",
        })),
      };
    case "ENV":
      return { Env: it.pairs.map(({ key, value }) => ({ Key: key.text, Value: value.text, NoDelim: it.legacy })) };
    case "LABEL":
      return { Labels: it.pairs.map(({ key, value }) => ({ Key: key.text, Value: value.text, NoDelim: it.legacy })) };
    case "CMD":
    case "ENTRYPOINT":
      return { ...goCommand(it.command), Files: null };
    case "RUN":
      return { ...goCommand(it.command), Files: goFiles(it.files), FlagsUsed: it.flags.map((flag) => flag.name) };
    case "EXPOSE":
      return { Ports: it.ports.map(({ text }) => text).sort() };
    case "VOLUME":
      return { Volumes: it.paths.map(({ text }) => text) };
    case "WORKDIR":
      return { Path: it.path.text };
    default:
      throw new Error(`no vector has the fields of ${it.name} yet`);
  }
}

function goCommand(command: RunInstruction["command"]): Record<string, unknown> {
  return { CmdLine: command.form === "shell" ? [command.text] : command.args, PrependShell: command.form === "shell" };
}

const goFiles = (files: RunInstruction["files"]): unknown[] | null =>
  files.length === 0 ? null : files.map((file) => ({ Chomp: file.stripTabs, Data: file.content, Name: file.name }));

function goTransfer(it: Extract<AnyInstruction, { name: "ADD" | "COPY" }>): Record<string, unknown> {
  return {
    Chmod: it.chmod?.text ?? "",
    Chown: it.chown?.text ?? "",
    DestPath: it.destination.text,
    ExcludePatterns: it.exclude.length === 0 ? null : it.exclude.map(({ text }) => text),
    Link: it.link,
    SourceContents:
      it.files.length === 0
        ? null
        : it.files.map((file) => ({ Data: file.content.text, Path: file.path, Expand: file.expand })),
    SourcePaths: it.sources.map(({ text }) => text),
  };
}

describe.skipIf(!present)(
  "parser vectors of BuildKit (skipped where ../shared/vectors/dockerfile is not there)",
  () => {
    for (const name of present ? list("parser/testfiles") : []) {
      test(`testfiles/${name}`, () => {
        const source = text(`parser/testfiles/${name}/Dockerfile`);
        const file = checkFile(source, json(`parser/testfiles/${name}/buildkit.json`));
        const result = dump(file).map((line) => `(${line})`);
        expect(result.join("\n")).toBe(text(`parser/testfiles/${name}/result`).trimEnd());
      });
    }
    for (const name of present ? list("parser/testfiles-negative") : []) {
      test(`testfiles-negative/${name}`, () => {
        checkFile(
          text(`parser/testfiles-negative/${name}/Dockerfile`),
          json(`parser/testfiles-negative/${name}/buildkit.json`),
        );
      });
    }
    for (const name of ["testfile-line", "heredoc"]) {
      test(name, () => {
        checkFile(text(`parser/${name}/Dockerfile`), json(`parser/${name}/buildkit.json`));
      });
    }
    test("heredocs_from_line.json", () => {
      for (const { case: row } of json("parser/heredocs_from_line.json").cases) {
        expect(findHeredocs(row.line).map(({ name }) => name)).toEqual(row.heredocNames ?? []);
      }
    });
    test("heredoc_helpers.json", () => {
      const [valid, invalid, none] = json("parser/heredoc_helpers.json").tables;
      for (const row of valid.rows) expect(parseHeredocWord(row), row).toMatchObject({ name: "EOF" });
      for (const row of invalid.rows) expect(() => parseHeredocWord(row), row).toThrow();
      for (const row of none.rows) expect(parseHeredocWord(row), row).toBeUndefined();
    });
    test("json_arrays.json", () => {
      const { valid, invalid } = json("parser/json_arrays.json");
      for (const [source, expected] of Object.entries(valid)) {
        const form = jsonForm(source, 0, source.length);
        expect(form.is === "strings" && form.strings.map((span) => span.text), source).toEqual(expected);
      }
      for (const source of invalid) expect(jsonForm(source, 0, source.length).is, source).toBe("other");
    });
    test("parse_words.json", () => {
      for (const { case: row } of json("parser/parse_words.json").cases) {
        for (const input of row.input)
          expect(quotedWords(input, 0, input.length, "\\").map((span) => span.text)).toEqual(row.expect);
      }
    });
  },
);

describe.skipIf(!present)("lint vectors of BuildKit", () => {
  const { rules } = present ? json("lint/rules.json") : { rules: [] };
  for (const { rule, examples } of rules) {
    for (const [index, it] of examples.entries())
      test(`${rule}, example ${index}: ${it.kind}`, () =>
        checkLint(it.dockerfile, it.warnings, (it.buildError ?? it.parseError) !== null));
  }
  const folders = present
    ? [
        "testfile-line",
        "heredoc",
        ...["testfiles", "testfiles-negative"].flatMap((one) => list(`parser/${one}`).map((name) => `${one}/${name}`)),
      ]
    : [];
  for (const folder of folders)
    test(folder, () => {
      const verdict: Verdict = json(`parser/${folder}/buildkit.json`);
      const stops = verdict.parseError ?? verdict.instructionError ?? verdict.lintBuildError;
      checkLint(text(`parser/${folder}/Dockerfile`), verdict.lint ?? [], stops !== undefined);
    });
});

describe.skipIf(!present)("Dockerfiles inside BuildKit's tests", () => {
  const lines = present ? text("inline/cases.jsonl").trim().split("\n") : [];
  for (const [index, line] of lines.entries()) {
    const row = JSON.parse(line);
    test(`${index}: ${row.test}, line ${row.line}`, () => {
      const file = checkFile(row.dockerfile, row.buildkit);
      const syntax = file.nodes.find((node) => node.kind === "directive" && node.name === "syntax");
      const { lint = [], lintBuildError, instructionError, lintUnavailable }: Verdict = row.buildkit;
      if (!lintUnavailable) checkLint(row.dockerfile, lint, (lintBuildError ?? instructionError) !== undefined);
      if (row.buildkit.syntax !== undefined) expect(syntax).toMatchObject({ value: row.buildkit.syntax[1] });
    });
  }
});

describe.skipIf(!present)("shell vectors of BuildKit", () => {
  test("envVarTest", () => {
    const environment = { PWD: "/home", SHELL: "bash", KOREAN: "한국어", NULL: "" };
    for (const row of text("shell/envVarTest").split("\n")) {
      if (row.trim() === "" || row.startsWith("#")) continue;
      const [platform, source, expected] = row.split("|").map((field) => field.trim());
      if (platform === "W") continue;
      if (expected === "error") expect(() => expandWord(source!, environment), source).toThrow(DockerfileError);
      else expect(expandWord(source!, environment).value, source).toBe(expected);
    }
  });

  test("wordsTest", () => {
    const environment: Record<string, string> = {};
    for (const row of text("shell/wordsTest").split("\n")) {
      if (row.trim() === "" || row.startsWith("#")) continue;
      if (row.startsWith("ENV ")) {
        const equals = row.indexOf("=");
        environment[row.slice(4, equals).trim()] = row.slice(equals + 1);
        continue;
      }
      const bar = row.indexOf("|");
      const source = row.slice(0, bar).trim();
      const expected = row.slice(bar + 1).replace(/^ /, "");
      if (expected.trim() === "error") expect(() => expandWords(source, environment), source).toThrow(DockerfileError);
      else expect(expandWords(source, environment).value, source).toEqual(expected.split(","));
    }
  });

  test("process_with_matches.json", () => {
    for (const { row, case: it } of json("shell/process_with_matches.json").cases) {
      const environment: Environment = Array.isArray(it.envs) ? {} : it.envs;
      if (it.expectedErr) {
        expect(() => expandWord(it.input, environment), `row ${row}`).toThrow(DockerfileError);
        continue;
      }
      const { value, used, missing } = expandWord(it.input, environment);
      expect(value, `row ${row}: ${it.input}`).toBe(it.expected);
      expect(new Set(used)).toEqual(new Set(Object.keys(it.matches ?? {})));
      expect(new Set(missing)).toEqual(new Set(Object.keys(it.unmatched ?? {})));
    }
  });

  test("mandatory_env.json", () => {
    const [set, empty] = json("shell/mandatory_env.json").tables.map(({ rows }: { rows: string[] }) =>
      Object.fromEntries(rows.map((row) => row.split("="))),
    );
    const unset = { ARG: "x" };
    for (const [word, environment, expected] of [
      ["${VAR:?message$ARG}", set, "plain"],
      ["${VAR?message$ARG}", set, "plain"],
      ["${VAR?message$ARG}", empty, ""],
      ["${VAR:?message$ARG}", empty, /messagex/],
      ["${VAR:?message$ARG}", unset, /messagex/],
      ["${VAR?message$ARG}", unset, /messagex/],
      ["${VAR?}", unset, /VAR: /],
    ] as const) {
      if (expected instanceof RegExp) expect(() => expandWord(word, environment), word).toThrow(expected);
      else expect(expandWord(word, environment).value, word).toBe(expected);
    }
  });

  test("pattern_to_regex.json", () => {
    const [valid, invalid] = json("shell/pattern_to_regex.json").tables;
    for (const [pattern, expected] of Object.entries(valid.rows)) expect(asRegexp(pattern), pattern).toBe(expected);
    for (const pattern of invalid.rows) expect(asRegexp(pattern), pattern).toBeUndefined();
  });
});

// BuildKit turns patterns into regular expressions; this says which one ours would be.
function asRegexp(source: string): string | undefined {
  const pattern = parsePattern(source);
  if ("invalid" in pattern) return undefined;
  const pieces = pattern.map((piece) =>
    piece.map((one) => (one === undefined ? "." : one.replace(/[[\]{}.+()|^$*?\\]/g, "\\$&"))).join(""),
  );
  return `^${pieces.join(".*")}`;
}

describe.skipIf(!present)("instruction vectors of BuildKit", () => {
  test("error_cases.json", () => {
    for (const { case: it } of json("instructions/error_cases.json").cases) {
      expect(() => parseInstruction(it.dockerfile), it.name).toThrow(it.expectedError);
    }
  });

  test("arity.json", () => {
    const table = json("instructions/arity.json");
    const names = (key: string): string[] => table[key].flatMap(({ rows }: { rows: string[] }) => rows);
    for (const name of names("exactly_one_argument"))
      expect(() => parseInstruction(name)).toThrow(`${name} requires exactly one argument`);
    for (const name of names("at_least_one_argument"))
      expect(() => parseInstruction(name)).toThrow(`${name} requires at least one argument`);
    for (const name of names("no_destination"))
      expect(() => parseInstruction(`${name} arg1`)).toThrow(`${name} requires at least two arguments`);
    for (const name of names("too_many")) expect(() => parseInstruction(`${name} a=b c`)).toThrow(DockerfileError);
    for (const name of names("blank_names"))
      expect(() => parseInstruction(`${name} =b`)).toThrow(`${name} names can not be blank`);
  });

  test("heredoc_TestCopyHeredoc.json", () => {
    for (const { case: it } of json("instructions/heredoc_TestCopyHeredoc.json").cases) {
      const copy = parseInstruction(it.dockerfile) as CopyInstruction;
      expect(copy.destination.text).toBe(it.sourcesAndDest.DestPath);
      expect(copy.sources.map((word) => word.text)).toEqual(it.sourcesAndDest.SourcePaths ?? []);
      const files = copy.files.map((file) => ({ Data: file.content.text, Expand: file.expand, Path: file.path }));
      expect(files).toEqual(it.sourcesAndDest.SourceContents ?? []);
    }
  });

  test("heredoc_TestRunHeredoc.json", () => {
    for (const { case: it } of json("instructions/heredoc_TestRunHeredoc.json").cases) {
      const { command, files } = parseInstruction(it.dockerfile) as RunInstruction;
      expect(command.form === "shell" ? [command.text] : command.args).toEqual(it.command);
      expect(command.form === "shell").toBe(it.shell);
      expect(files.map((file) => ({ Chomp: file.stripTabs, Data: file.content, Name: file.name }))).toEqual(
        it.files ?? [],
      );
    }
  });
});

describe.skipIf(!present)("patternmatcher vectors", () => {
  const matches = (patterns: string[], path: string): boolean => createIgnoreMatcher(patterns).ignores(path);

  test("matches.json", () => {
    const { single, multi } = json("dockerignore/matches.json");
    for (const { case: it } of single) expect(matches([it[0]], it[1]), JSON.stringify(it)).toBe(it[2]);
    for (const { case: it } of multi) expect(matches(it[0], it[1]), JSON.stringify(it)).toBe(it[2]);
  });

  test("match_and_regexp_tables.json", () => {
    const [match, compile] = json("dockerignore/match_and_regexp_tables.json").tables;
    for (const { case: it } of match.cases) {
      const [pattern, path, expected, error] = it;
      if (error === null) expect(matches([pattern], path), JSON.stringify(it)).toBe(expected);
      else expect(() => matches([pattern], path), JSON.stringify(it)).toThrow(DockerfileError);
    }
    for (const { case: it } of compile.cases) checkCompiled(it[0], it[1].$go, it[2]);
  });

  // The table says what a pattern is compiled to; ours has to agree with that on paths like it.
  function checkCompiled(pattern: string, kind: string, regexp: string): void {
    const reference = (path: string): boolean => {
      if (kind === "exactMatch") return path === pattern;
      if (kind === "prefixMatch") return path.startsWith(pattern.slice(0, -2));
      if (kind === "suffixMatch") return path.endsWith(pattern.slice(2)) || path === pattern.slice(3);
      return new RegExp(regexp).test(path);
    };
    for (const path of likePaths(pattern)) {
      const parents = path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
      expect(matches([pattern], path), `${pattern} ${path}`).toBe(parents.some(reference));
    }
  }

  function likePaths(pattern: string): string[] {
    const fillings = ["", "x", "c", "a/b", "dir", "/"];
    const filled = fillings.flatMap((one) =>
      fillings.map((two) => pattern.replace(/\*\*\/?/, one).replace(/\*|\?|\[[^\]]*\]/, two)),
    );
    return [...filled, "file", "dir/file", "dir2/x", "a/dir2/x", "a/dir2/x/y", "dir", "x/dir", "foo/bar", "x/foo/bar"];
  }

  test("ignorefile.json", () => {
    const { input, expected } = json("dockerignore/ignorefile.json");
    expect(parseIgnore(input)).toEqual(expected);
    expect(() => createIgnoreMatcher(["!"])).toThrow(DockerfileError);
  });
});
