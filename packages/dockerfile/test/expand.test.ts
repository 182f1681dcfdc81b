// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  DockerfileError,
  type DockerfileErrorCode,
  expandInstruction,
  expandWord,
  expandWords,
  parse,
  parseInstruction,
} from "../src/index.ts";

interface Vectors {
  environment: Record<string, string>;
  words: { word: string; value: string; words: string[]; used?: string[]; missing?: string[]; why: string }[];
  errors: { word: string; code: DockerfileErrorCode; why: string }[];
}
const { environment, words, errors }: Vectors = JSON.parse(
  readFileSync(new URL("vectors/expand.json", import.meta.url), "utf8"),
);

for (const { word, value, words: split, used = [], missing = [], why } of words) {
  test(`${word}: ${why}`, () => {
    expect(expandWord(word, environment)).toEqual({ value, used, missing });
    expect(
      expandWords(word, (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined)).value,
    ).toEqual(split);
  });
}
for (const { word, code, why } of errors) {
  test(`${word}: ${why}`, () => {
    expect(() => expandWord(word, environment)).toThrow(expect.objectContaining({ code }));
  });
}

test("the escape character is the file's", () => {
  expect(expandWord("C:\\a`$b", {}, { escape: "`" }).value).toBe("C:\\a$b");
});

test("an error points into the file", () => {
  const [, user] = parse("FROM a\nUSER ab${c\n", { file: "app/Dockerfile" }).instructions;
  try {
    expandInstruction(user!, {});
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(DockerfileError);
    expect(error).toMatchObject({ file: "app/Dockerfile", line: 2 });
  }
});

describe("limits", () => {
  const limit = expect.objectContaining({ code: "ERR_DOCKERFILE_LIMIT" });
  test("nesting", () => {
    expect(() => expandWord("${a:-".repeat(50_000), {})).toThrow(limit);
  });
  test("a megabyte a thousand times over", () => {
    expect(() => expandWord("$a".repeat(1000), { a: "x".repeat(1 << 20) })).toThrow(limit);
  });
  test("what a substitution throws away counts too", () => {
    expect(() => expandWord("${u:+$a}".repeat(1000), { a: "x".repeat(1 << 20) })).toThrow(limit);
  });
  test("a long pattern against a long value", () => {
    expect(() => expandWord(`\${a#${"x".repeat(100_000)}}`, { a: "x".repeat(1 << 20) })).toThrow(limit);
  });
  test("stars cost nothing", () => {
    const value = "a".repeat(100_000);
    expect(expandWord(`\${a##${"*a".repeat(1000)}b}`, { a: value }).value).toBe(value);
    expect(expandWord(`\${a//${"*a".repeat(1000)}b/x}`, { a: value }).value).toBe(value);
  });
});

describe("which operands are expanded", () => {
  const set = { v: "1 2" };
  for (const [text, fields, why] of [
    [
      "COPY --chown=$v --chmod=$v --exclude=$v $v /$v",
      { chown: "1 2", chmod: "1 2", exclude: ["1 2"], sources: ["1 2"], destination: "/1 2" },
      "all of COPY",
    ],
    ["ADD --checksum=$v $v $v", { checksum: "1 2", sources: ["1 2"], destination: "1 2" }, "all of ADD"],
    [
      "COPY <<a /b\n'$v'\na",
      { files: [{ path: "a", content: "'1 2'\n", expand: true }] },
      "heredocs, whose quotes stay",
    ],
    ["COPY <<'a' /b\n$v\na", { files: [{ path: "a", content: "$v\n", expand: false }] }, "not a quoted heredoc"],
    [
      'ENV $v=$v b="$v"',
      {
        pairs: [
          { key: "1 2", value: "1 2" },
          { key: "b", value: "1 2" },
        ],
      },
      "names too",
    ],
    ["LABEL a='$v'", { pairs: [{ key: "a", value: "$v" }] }, "single quotes protect"],
    [
      "ARG a=$v b",
      {
        args: [
          { key: "a", value: "1 2", description: undefined },
          { key: "b", value: undefined, description: undefined },
        ],
      },
      "defaults",
    ],
    ["EXPOSE $v 3", { ports: ["1", "2", "3"] }, "one variable may hold several ports"],
    ["FROM --platform=$v a:$v AS b", { base: "a:1 2", platform: "1 2", stage: "b" }, "FROM"],
    ["VOLUME $v", { paths: ["1 2"] }, "VOLUME"],
    ["WORKDIR $v", { path: "1 2" }, "WORKDIR"],
    ["USER $v", { user: "1 2" }, "USER"],
    ["STOPSIGNAL $v", { signal: "1 2" }, "STOPSIGNAL"],
    [
      "RUN --mount=type=cache,target=/$v echo $v",
      { mounts: [expect.objectContaining({ target: "/1 2" })], command: { form: "shell", text: "echo $v" } },
      "mounts, not the command",
    ],
    ["CMD $v", { command: { form: "shell", text: "$v" } }, "not CMD"],
    ['ENTRYPOINT ["$v"]', { command: { form: "exec", args: ["$v"] } }, "not ENTRYPOINT"],
    ["HEALTHCHECK CMD $v", { command: { form: "shell", text: "$v" } }, "not HEALTHCHECK"],
    ["ONBUILD RUN $v", { expression: "RUN $v" }, "not ONBUILD"],
  ] as const) {
    test(`${text}: ${why}`, () => {
      expect(expandInstruction(parseInstruction(text), set).value).toMatchObject(fields);
    });
  }

  test("a mount that a variable spoils", () => {
    expect(() => expandInstruction(parseInstruction("RUN --mount=type=$t,target=/x y"), { t: "nope" })).toThrow(
      expect.objectContaining({ code: "ERR_DOCKERFILE_MOUNT" }),
    );
  });

  test("what was used and what was missing is for the whole instruction", () => {
    expect(expandInstruction(parseInstruction("COPY --chown=$u $a $b$a /"), { a: "x" })).toMatchObject({
      used: ["a"],
      missing: ["b", "u"],
    });
  });
});
