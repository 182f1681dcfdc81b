// How long does it take to build an image: all of it, nothing of it, and after a change near its end or its beginning?
//
//   node --conditions=ctr-source benchmarks/build.ts [--only QUESTION,…] [--tools TEXT,…] [--rounds N] [--quick]
//     [--on DIRECTORY] [--json FILE]
//
// As root, with a C compiler, mkfs.ext4 and a static busybox. --quick takes a context of 500 files, to see that all works;
// --on says where everything lies, which is a tmpfs otherwise. With --json the result is written to FILE; what was there
// before is shown beside it.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { builds } from "./image-build/builder-turn.ts";
import { type Builder, ctr, missingPrograms, peers } from "./image-build/builders.ts";
import { nodeAlone, plainCommands } from "./image-build/limits.ts";
import { allQuestions, type Contestant, type Question, questions, type Stage } from "./image-build/questions.ts";
import { measureReasons, type Reasons } from "./image-build/reasons.ts";
import { stepCount, writeContext } from "./image-build/sample-context.ts";
import { type Target, targetsOf } from "./image-build/targets.ts";
import { type Samplings, takeTurns } from "./image-build/turns.ts";
import { openScratch } from "./layer-reuse/scratch.ts";
import { enterPrivateNamespaces } from "./private-namespaces.ts";
import { describeMachine, type Machine, machineLines, readReport, table, versionOf, writeReport } from "./report.ts";
import { type Result, resultOf } from "./rounds.ts";
import { compile } from "./stopwatch.ts";

const arenaBytes = 6 * 2 ** 30;

interface Answer extends Result {
  readonly processorMilliseconds: number;
  readonly peakMiB: number;
}

interface Report {
  readonly question: string;
  readonly date: string;
  readonly machine: Machine;
  readonly notes: readonly string[];
  readonly answers: Readonly<Partial<Record<Question, readonly Answer[]>>>;
  readonly targets: readonly Target[];
  readonly skipped: readonly string[];
}

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    tools: { type: "string" },
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    on: { type: "string" },
    json: { type: "string" },
  },
});

if (process.getuid?.() !== 0) throw new Error("layers are overlays here, which takes root");
const wanted = readQuestions(flags.only);
const files = flags.quick ? 500 : 5000;
const outside = enterPrivateNamespaces({ processes: true });
if (outside !== undefined) process.exitCode = outside;
else await benchmark();

function readQuestions(text: string | undefined): Question[] {
  const chosen = text?.split(",") ?? allQuestions;
  const unknown = chosen.filter((name) => !allQuestions.includes(name as Question));
  if (unknown.length > 0) throw new Error(`--only knows ${allQuestions.join(", ")}, and not ${unknown.join(", ")}`);
  return allQuestions.filter((question) => chosen.includes(question));
}

async function benchmark(): Promise<void> {
  using place = openScratch(flags.on);
  const scratch = place.directory;
  const stopwatch = join(scratch, "stopwatch");
  compile({ source: "stopwatch.c", output: stopwatch });
  const context = join(scratch, "context");
  writeContext(context, files);
  const own = ctr(scratch);
  await measure({ scratch, stopwatch, context, ...makeBase(scratch, own) }, own);
}

/** A busybox of this machine as an image, and its files. */
function makeBase(scratch: string, own: Builder): Pick<Stage, "base" | "rootfs"> {
  const archive = join(scratch, "base.tar");
  const rootfs = join(scratch, "rootfs");
  const [{ load: _, build }] = [own.commands(join(scratch, "base-state"))];
  const command = build("").slice(0, build("").indexOf("build"));
  const call = (...args: readonly string[]): void => {
    execFileSync(command[0]!, [...command.slice(1), ...args], { stdio: ["ignore", "ignore", "inherit"] });
  };
  call("image", "from-host", "--tag", "bench-base", "busybox");
  call("save", "-o", archive, "bench-base");
  call("create", "--name", "bench-base", "--network", "none", "bench-base", "true");
  mkdirSync(rootfs);
  const exported = join(scratch, "rootfs.tar");
  call("export", "-o", exported, "bench-base");
  execFileSync("tar", ["-xf", exported, "-C", rootfs]);
  return { base: { archive, name: "docker.io/library/bench-base:latest" }, rootfs };
}

async function measure(stage: Stage, own: Builder): Promise<void> {
  const reasons: Reasons[] = [];
  const chosen = flags.tools?.split(",");
  const able = peers.filter((peer) => whyNot(peer) === undefined);
  const others: Contestant[] = [plainCommands(), nodeAlone(), ...able.map((peer) => builds(peer))];
  const contestants = [
    builds(own, (directory) => reasons.push(measureReasons(directory))),
    ...others.filter(({ name }) => chosen?.some((text) => name.includes(text)) ?? true),
  ];
  const busy = loadavg()[0]!;
  const { samplings, skipped } = await takeTurns({
    ...{ stage, contestants, wanted, arenaBytes },
    warmUps: 1,
    rounds: Number(flags.rounds),
    onTurn: (round, name) => showProgress(`round ${round} of ${flags.rounds}: ${name}`),
  });
  showProgress("");
  const report: Report = {
    question: "How long does it take to build an image?",
    date: new Date().toISOString(),
    machine: describeMachine([...new Set(peers.flatMap(({ programs }) => programs))]),
    notes: [
      `${files} files, ${stepCount} steps that can change some: 4 COPY, 4 RUN, WORKDIR`,
      `load average ${busy.toFixed(1)} at the beginning, ${loadavg()[0]!.toFixed(1)} at the end`,
    ],
    answers: sumUp(samplings),
    targets: targetsOf({ samplings, peers: peers.map(({ name }) => name), reasons }),
    skipped: [...peers.flatMap((peer) => whyNot(peer) ?? []), ...skipped],
  };
  const before = flags.json === undefined ? undefined : readReport<Report>(flags.json);
  process.stdout.write(showReport(report, before));
  if (flags.json !== undefined) writeReport(flags.json, report);
}

/** Why a builder cannot take part. */
function whyNot(builder: Builder): string | undefined {
  const missing = missingPrograms(builder);
  if (missing.length > 0) return `${builder.name}: ${missing.join(" and ")} not installed`;
  if (builder.probe === undefined || versionOfCommand(builder.probe)) return undefined;
  return `${builder.name}: ${builder.probe.join(" ")} fails`;
}

function versionOfCommand([program, ...args]: readonly string[]): boolean {
  if (versionOf(program!) === undefined) return false;
  try {
    execFileSync(program!, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function sumUp(samplings: Samplings): Report["answers"] {
  return Object.fromEntries(
    [...samplings].map(([question, rows]) => {
      const times = (name: string): number[] => rows.get(name)!.map(({ milliseconds }) => milliseconds);
      const first = rows.has("ctr") ? times("ctr") : [];
      const answers = [...rows].map(([name, samples]): Answer => {
        const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
        return {
          ...resultOf(name, times(name), first),
          processorMilliseconds: median(samples.map(({ processorMilliseconds }) => processorMilliseconds)),
          peakMiB: median(samples.map(({ peakKiB }) => peakKiB / 1024)),
        };
      });
      return [question, answers.sort((a, b) => Number(b.name === "ctr") - Number(a.name === "ctr"))];
    }),
  );
}

function showReport(report: Report, before: Report | undefined): string {
  const lines = [report.question, ...machineLines(report.machine), ...report.notes];
  const number = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? "";
  for (const question of wanted) {
    const previous = new Map(before?.answers[question]?.map(({ name, median }) => [name, median]));
    const rows = (report.answers[question] ?? []).map((one) => [
      ...[one.name, number(one.median, 1), number(one.min, 1), number(one.p90, 1), number(one.ratio, 2)],
      ...[number(one.processorMilliseconds, 0), number(one.peakMiB, 1)],
      ...(before === undefined ? [] : [number(previous.get(one.name), 1)]),
    ]);
    const heading = ["", "median ms", "min", "p90", "ratio", "CPU ms", "peak MiB"];
    lines.push("", `${questions[question]} (${question}, ${flags.rounds} rounds)`);
    lines.push(...table([[...heading, ...(before === undefined ? [] : ["before"])], ...rows]));
  }
  const targets = report.targets.map(({ what, is, atMost }) => [
    ...[what, is.toFixed(2), atMost.toFixed(2), is <= atMost ? "yes" : "NO"],
  ]);
  if (targets.length > 0) lines.push("", ...table([["what ctr is held to", "is", "at most", "met"], ...targets]));
  return [...lines, "", ...report.skipped.map((why) => `skipped: ${why}`), ""].join("\n");
}
