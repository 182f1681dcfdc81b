// README is code: `ts` blocks run and print what they promise, `ts fragment` blocks only have to type-check,
// and a mark that nobody knows is an error, so that no block escapes by a typing mistake.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { packages } from "../scripts/layers.mjs";
import { type Block, blocks } from "./markdown-blocks.ts";
import { promisedOutput, repository, runExample } from "./run-example.ts";

const knownMarks = ["ts", "ts fragment", "js", "json", "sh", "console", "text", "dockerfile", "c", "md", ""];

const pages = ["README.md", "CONTRIBUTING.md", ...[...packages.keys()].map((name) => `packages/${name}/README.md`)]
  .filter((path) => existsSync(join(repository, path)))
  .map((path) => ({ path, found: blocks(readFileSync(join(repository, path), "utf8")) }));

test.each(pages)("$path uses marks that mean something", ({ path, found }) => {
  const unknown = found.filter(({ mark }) => !knownMarks.includes(mark));
  expect(unknown.map(({ mark, line }) => `${path}:${line}: ${mark}`)).toEqual([]);
});

// The first block of a package's README is an example file, which examples.test.ts runs.
const runnable = pages.flatMap(({ path, found }) => {
  const code = found.filter(({ mark }) => mark === "ts");
  return (path.startsWith("packages/") ? code.slice(1) : code).map((block) => ({
    place: `${path}:${block.line}`,
    block,
  }));
});

describe("blocks that run", () => {
  test.concurrent.each(runnable)("$place", async ({ block }) => {
    const promised = promisedOutput(block.text);
    expect(promised, "a `ts` block ends with `// prints: …`; mark it `ts fragment` when it cannot run").toBeDefined();
    expect(await runExample({ source: block.text })).toBe(promised);
  });
});

test("fragments type-check", () => {
  const fragments = pages.flatMap(({ path, found }) =>
    found.filter(({ mark }) => mark === "ts fragment").map((block) => ({ path, block })),
  );
  expect(typeErrors(fragments)).toEqual([]);
});

/** What the compiler says about blocks, each taken as a module beside its page. */
function typeErrors(fragments: readonly { readonly path: string; readonly block: Block }[]): string[] {
  const { config } = ts.readConfigFile(join(repository, "tsconfig.check.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, repository);
  const host = ts.createCompilerHost(options);
  const texts = new Map(
    fragments.map(({ path, block }) => [join(repository, `${path}.${block.line}.ts`), `${block.text}\nexport {};\n`]),
  );
  const { fileExists, readFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.readFile = (name) => texts.get(name) ?? readFile(name);
  const program = ts.createProgram([...texts.keys()], { ...options, noUnusedLocals: false }, host);
  return [...texts.keys()].flatMap((name) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(name)).map((it) => {
      const line = it.file?.getLineAndCharacterOfPosition(it.start ?? 0).line ?? 0;
      return `${name.replace(`${repository}/`, "")}, line ${line + 1}: ${ts.flattenDiagnosticMessageText(it.messageText, " ")}`;
    }),
  );
}
