// How fast is a Dockerfile parsed, beside splitting it into lines; and how long does a hostile line of 1 MB take?
//
//   node --conditions=ctr-source benchmarks/dockerfile-parse.ts
//
// Times are the CPU time of the thread that parses, so that what else the machine does is not in them. Each figure is the best
// of several rounds: the others had the compiler or the collector of some other figure in them.
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "@ctr/dockerfile";
import { check } from "@ctr/dockerfile/check";
import { describeMachine } from "./report.ts";

const files = new URL("../packages/dockerfile/test/files/", import.meta.url);
const texts = readdirSync(files).map((name) => readFileSync(new URL(name, files), "utf8"));
const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/** Keeps the compiler from leaving out work whose result nobody looks at. */
let seen = 0;

/** CPU milliseconds that `work` takes at best. */
function best(rounds: number, work: () => number): number {
  const times = Array.from({ length: rounds }, () => {
    const start = process.threadCpuUsage();
    seen += work();
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/** MB/s of `work` over all files, `repeat` times a round. */
function rate(repeat: number, work: (text: string) => number): number {
  const once = (): number => texts.reduce((sum, text) => sum + work(text), 0);
  const milliseconds = best(12, () => {
    let sum = 0;
    for (let index = 0; index < repeat; index++) sum += once();
    return sum;
  });
  return (bytes * repeat) / 1000 / milliseconds;
}

const machine = describeMachine([]);
console.log(`${machine.cpu}, ${machine.cores} cores, kernel ${machine.kernel}, Node ${machine.node}`);
console.log(`${texts.length} files, ${bytes} bytes\n`);

const split = rate(4000, (text) => text.split("\n").length);
const rows = [
  ["split at line feeds", split],
  ["parse", rate(300, (text) => parse(text).nodes.length)],
  [
    "parse, then every token",
    rate(300, (text) => parse(text).nodes.reduce((sum, { tokens }) => sum + tokens.length, 0)),
  ],
  ["parse, then check", rate(150, (text) => check(parse(text)).warnings.length)],
] as const;
for (const [name, speed] of rows)
  console.log(`${name.padEnd(26)} ${speed.toFixed(1).padStart(8)} MB/s  1/${(split / speed).toFixed(0)} of a split`);

const megabyte = 1 << 20;
const fill = (unit: string): string => unit.repeat(Math.ceil(megabyte / unit.length));
const hostile = [
  ["words", `FROM a\nCOPY ${fill("a ")}`],
  ["flags", `FROM a\nRUN ${fill("--a ")}`],
  ["pairs", `FROM a\nENV ${fill("a=b ")}`],
  ["quotes", `FROM a\nENV a=${fill('"')}`],
  ["escapes", `FROM a\nRUN ${fill("\\")}\nx`],
  ["one word", `FROM a\nRUN ${fill("x")}`],
  ["JSON strings", `FROM a\nCMD [${fill('"a",')}"a"]`],
  ["brackets", `FROM a\nCMD ${fill("[")}`],
  ["heredoc words", `FROM a\nRUN ${fill("<<E ")}\nE\n`],
  ["less-than signs", `FROM a\nRUN ${fill("<")}`],
  ["substitutions", `FROM a\nUSER ${fill("$" + "{a")}`],
  ["white space", `FROM a\nRUN x${fill(" ")}\\`],
] as const;
console.log("\na line of 1 MB of");
for (const [name, text] of hostile)
  console.log(
    `${name.padEnd(26)} ${best(5, () => parse(text).nodes.length)
      .toFixed(1)
      .padStart(8)} ms`,
  );
if (seen === 0) throw new Error("nothing was parsed");
