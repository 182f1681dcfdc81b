// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
// Looks for texts that this package cannot take: what throws something else than its own error, what does not print
// back, what takes too long for its size.
//
//   node --conditions=ctr-source packages/dockerfile/scripts/fuzz.ts [seconds] [seed]
//
// A finding prints the text as JSON, which makes it a test case, and the exit status is 1.
import { readdirSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { check, renderCheck, renderCheckError } from "../src/check/index.ts";
import { applyFixes, fix } from "../src/fix/index.ts";
import {
  createIgnoreMatcher,
  expandInstruction,
  expandWords,
  isDockerfileError,
  parse,
  parseIgnore,
  print,
  renderError,
  scopes,
} from "../src/index.ts";

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);

/** Microseconds that a character may take, and milliseconds that any text may; a collection may fall into either. */
const slowPerCharacter = 50;
const slowAtAll = 200;

// mulberry32: small, and the same everywhere for one seed.
let state = seed;
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

const files = new URL("../test/files/", import.meta.url);
const seeds = readdirSync(files).map((name) => readFileSync(new URL(name, files), "utf8"));
const lines = seeds.flatMap((text) => text.split(/(?<=\n)/));
const pieces = [
  ..."FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD SHELL USER VOLUME EXPOSE MAINTAINER WORKDIR AS as".split(
    " ",
  ),
  ..."\n|\r\n|\r| |\t|\\\n|`\n|\\|`|#|# |=|\"|'|[|]|,|$|${|}|:-|:?|//|/|##|%%|*|?|!|<<E|<<-'E'|E\n|--|--mount=|--from=|--chown=|\ufeff|\u0085|\u2028|\ud800|\0|é".split(
    "|",
  ),
  "# escape=`\n",
  "# check=skip=all;error=true\n",
  "type=cache,target=/x,id=a",
  '["a", "b"]',
  "chown -R a:b /x",
  "npm ci && npm test",
  "apk add --no-cache x",
];

const mutations: readonly ((text: string) => string)[] = [
  (text) => splice(text, random(30), ""),
  (text) => splice(text, 0, pick(pieces)),
  (text) => splice(text, random(10), pick(pieces) + pick(pieces)),
  (text) => splice(text, 0, pick(lines)),
  (text) => splice(text, 0, String.fromCharCode(random(random(2) === 0 ? 128 : 0x10000))),
  (text) => splice(text, 0, pick(pieces).repeat(random(2000))),
  (text) => text.slice(0, random(text.length + 1)) + pick(seeds).slice(random(200)),
  (text) =>
    text
      .split("\n")
      .toSorted(() => random(3) - 1)
      .join("\n"),
  (text) => text.replaceAll(pick(pieces), () => pick(pieces)),
];

function splice(text: string, cut: number, put: string): string {
  const at = random(text.length + 1);
  return text.slice(0, at) + put + text.slice(at + cut);
}

/** Instructions out of the grammar, right in form and wild in content. */
function structured(): string {
  const word = (): string => Array.from({ length: 1 + random(4) }, () => pick(pieces)).join(pick(["", "", "a", "x"]));
  return Array.from(
    { length: 1 + random(12) },
    () => `${pick(pieces)} ${word()} ${word()}${pick(["\n", "\\\n", "\n\n"])}`,
  ).join("");
}

function nextText(): string {
  let text = random(4) === 0 ? structured() : pick(seeds);
  for (let count = 1 + random(8); count > 0; count--) text = pick(mutations)(text).slice(0, 100_000);
  return text;
}

function exercise(text: string): void {
  const file = parse(text);
  if (print(file) !== text) throw new Error("does not print back");
  for (const error of file.errors.slice(0, 5)) renderError(error, text);
  const report = check(file, { args: { x: "/a*?" }, ignore: ["a", "!b*"] });
  renderCheck(report, file);
  renderCheckError(report, file);
  const at = scopes(file, { args: { x: "/a*?" } });
  for (const instruction of file.instructions.slice(0, 200))
    own(() => expandInstruction(instruction, at.lookup(instruction)));
  own(() => expandWords(text.slice(0, 2000), { x: " a" }));
  own(() => createIgnoreMatcher(parseIgnore(text.slice(0, 2000))).ignores("a/b/c"));
  const fixes = fix(file);
  if (fixes.length > 0 && parse(applyFixes(file, fixes).text).errors.length > 0) throw new Error("a fix broke it");
}

function own(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!isDockerfileError(error)) throw error;
  }
}

const counts = { executions: 0, characters: 0, crashes: 0, slow: 0 };
const end = performance.now() + seconds * 1000;
while (performance.now() < end) {
  const text = nextText();
  const start = process.cpuUsage();
  try {
    exercise(text);
  } catch (error) {
    counts.crashes++;
    console.log(`${error instanceof Error ? error.stack : JSON.stringify(error)}\n${JSON.stringify(text)}\n`);
  }
  const micros = process.cpuUsage(start).user;
  if (micros > slowAtAll * 1000 && micros > slowPerCharacter * text.length && counts.executions > 200) {
    counts.slow++;
    console.log(
      `${Math.round(micros / 1000)} ms for ${text.length} characters\n${JSON.stringify(text).slice(0, 2000)}\n`,
    );
  }
  counts.executions++;
  counts.characters += text.length;
}
console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
process.exitCode = counts.crashes + counts.slow > 0 ? 1 : 0;
