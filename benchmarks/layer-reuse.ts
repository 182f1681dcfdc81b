// How long, how many bytes and how much memory does it take to move an image: pull, push, save, load?
//
//   node --conditions=ctr-source benchmarks/layer-reuse.ts [--only QUESTION,…] [--tools TEXT,…] [--rounds N]
//     [--quick] [--registry docker-registry] [--on DIRECTORY] [--json FILE]
//
// As root, with a C compiler and mkfs.ext4. --quick takes images a fiftieth as large, to see that all works; --on says
// where everything lies, which is a tmpfs otherwise. With --json the result is written to FILE; what was there before
// is shown beside it.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Answers, showAnswers, sumUp } from "./layer-reuse/answers.ts";
import { diffs, prepareDiff } from "./layer-reuse/diff.ts";
import { fill, startDockerRegistry } from "./layer-reuse/docker-registry.ts";
import { movesLarge } from "./layer-reuse/large.ts";
import { archiveLimits, nodeAlone, pullLimits, pushLimit } from "./layer-reuse/limits.ts";
import { pullParts } from "./layer-reuse/parts.ts";
import { startRegistry } from "./layer-reuse/registry.ts";
import { makeLargeSample, makeSamples, type Samples } from "./layer-reuse/sample-image.ts";
import type { SampleLayer } from "./layer-reuse/sample-layer.ts";
import { openScratch } from "./layer-reuse/scratch.ts";
import { targetsOf } from "./layer-reuse/targets.ts";
import { loads, transfers } from "./layer-reuse/tool-turn.ts";
import { ctr, missingPrograms, peers, type Tool } from "./layer-reuse/tools.ts";
import { type Contestant, type Question, questions, type Stage } from "./layer-reuse/turn.ts";
import { takeTurns } from "./layer-reuse/turns.ts";
import { enterPrivateNamespaces } from "./private-namespaces.ts";
import { describeMachine, readReport, writeReport } from "./report.ts";
import { compile } from "./stopwatch.ts";

const arenaBytes = 12 * 2 ** 30;
const largeBytes = 1e9;
const diffScale = 5;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    tools: { type: "string" },
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    registry: { type: "string" },
    on: { type: "string" },
    json: { type: "string" },
  },
});

if (process.getuid?.() !== 0) throw new Error("layers are unpacked as root here, with their owners");
if (flags.registry !== undefined && flags.registry !== "docker-registry")
  throw new Error("--registry knows docker-registry; without it, the server of @ctr/registry is asked");
const wanted = readQuestions(flags.only);
const scale = flags.quick ? 0.02 : 1;
const outside = enterPrivateNamespaces({ processes: true });
if (outside !== undefined) process.exitCode = outside;
else await benchmark();

function readQuestions(text: string | undefined): Question[] {
  const all = Object.keys(questions) as Question[];
  const chosen = text?.split(",") ?? all;
  const unknown = chosen.filter((name) => !all.includes(name as Question));
  if (unknown.length > 0) throw new Error(`--only knows ${all.join(", ")}, and not ${unknown.join(", ")}`);
  return all.filter((question) => chosen.includes(question));
}

async function benchmark(): Promise<void> {
  using place = openScratch(flags.on);
  const scratch = place.directory;
  const stopwatch = join(scratch, "stopwatch");
  compile({ source: "stopwatch.c", output: stopwatch });
  const samples = await makeSamples(join(scratch, "samples"), scale);
  const start = flags.registry === undefined ? startRegistry : startDockerRegistry;
  await using registry = await start(flags.registry === undefined ? samples.layout : join(scratch, "registry"));
  if (flags.registry !== undefined) await fill(registry.host, samples);
  const stage = { scratch, samples, unpacked: unpack(scratch, samples), registry, startRegistry: start, stopwatch };
  const own = ctr(scratch);
  if (!wanted.includes("large")) {
    await measure(stage, own, []); // not returned: what it works on would be gone at once
    return;
  }
  const { layout, image } = await makeLargeSample(join(scratch, "large"), scale * largeBytes);
  await using largeRegistry = await startRegistry(layout);
  await measure(stage, own, [movesLarge(own, image, largeRegistry)]);
}

function unpack(scratch: string, samples: Samples): string {
  const directory = join(scratch, "unpacked");
  mkdirSync(directory);
  for (const { plain } of samples.first.layers) execFileSync("tar", ["-xf", plain, "-C", directory]);
  return directory;
}

async function measure(stage: Stage, own: Tool, more: readonly Contestant[]): Promise<void> {
  const tools = [own, ...peers];
  const contestants = await chooseContestants(stage, tools, more);
  const busy = loadavg()[0]!;
  const outcome = await takeTurns({
    ...{ stage, contestants, wanted, arenaBytes },
    warmUps: 1,
    rounds: Number(flags.rounds),
    onTurn: (round, name) => showProgress(`round ${round} of ${flags.rounds}: ${name}`),
  });
  showProgress("");
  const { samplings } = outcome;
  const report: Answers = {
    question: "How long, how many bytes and how much memory does it take to move an image?",
    date: new Date().toISOString(),
    machine: describeMachine([
      ...peers.flatMap(({ programs }) => programs),
      ...(flags.registry === undefined ? [] : [flags.registry]),
    ]),
    samples: [...describeSamples(stage), describeLoad(busy, loadavg()[0]!)],
    answers: sumUp(samplings),
    targets: targetsOf({ samplings, second: stage.samples.second, peers: peers.map(({ name }) => name) }),
    skipped: [...tools.flatMap(describeMissing), ...outcome.skipped, ...missingLimits()],
  };
  process.stdout.write(showAnswers(report, flags.json === undefined ? undefined : readReport<Answers>(flags.json)));
  if (flags.json !== undefined) writeReport(flags.json, report);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function chooseContestants(
  stage: Stage,
  tools: readonly Tool[],
  more: readonly Contestant[],
): Promise<Contestant[]> {
  const chosen = flags.tools?.split(",");
  const installed = tools.filter((tool) => missingPrograms(tool).length === 0);
  const canDiff = wanted.includes("diff");
  const all: Contestant[] = [
    ...installed.flatMap((tool) => [transfers(tool), loads(tool)]),
    // Debian's registry takes no blob in one request.
    ...(flags.registry === undefined ? [pushLimit()] : []),
    ...[...pullLimits(), nodeAlone("pull-same"), nodeAlone("push-same"), ...archiveLimits()],
    ...pullParts(),
    ...(canDiff ? diffs(await prepareDiff(join(stage.scratch, "diff"), scale * diffScale)) : []),
    ...more,
  ];
  return all.filter(({ name }) => name === "ctr" || (chosen?.some((text) => name.includes(text)) ?? true));
}

function missingLimits(): string[] {
  return flags.registry === undefined ? [] : [`the limit of a push: ${flags.registry} takes no blob in one request`];
}

function describeMissing(tool: Tool): string[] {
  const missing = missingPrograms(tool);
  return missing.length === 0 ? [] : [`${tool.name}: ${missing.join(" and ")} not installed`];
}

/** Above one, somebody else has worked too: then processor time says more than time does. */
function describeLoad(before: number, after: number): string {
  return `load average ${before.toFixed(1)} at the beginning, ${after.toFixed(1)} at the end`;
}

function describeSamples({ samples }: Stage): string[] {
  const { layers, manifest } = samples.first;
  const sum = (value: (layer: SampleLayer) => number): number => layers.reduce((total, one) => total + value(one), 0);
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `the image: ${layers.length} layers, ${sum(({ entries }) => entries)} entries, ` +
      `${mb(sum(({ plainBytes }) => plainBytes))} of tar, ${mb(sum(({ descriptor }) => descriptor.size))} packed; ` +
      `the last layer ${mb(layers.at(-1)!.descriptor.size)} packed; ${manifest.digest}`,
    `on ext4 in a file ${flags.on === undefined ? "in memory" : `below ${flags.on}`}, ` +
      `from ${flags.registry ?? "the server of @ctr/registry"} on loopback`,
  ];
}
