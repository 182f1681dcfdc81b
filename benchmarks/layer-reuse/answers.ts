import { type Machine, machineLines, table } from "../report.ts";
import { quantile, type Result, resultOf } from "../rounds.ts";
import type { Target } from "./targets.ts";
import { type Question, questions, type Sample } from "./turn.ts";
import type { Samplings } from "./turns.ts";

/** What one contestant took for one question; everything but the times is a median too. */
export interface Answer extends Result {
  readonly processorMilliseconds: number;
  readonly peakMiB: number;
  readonly requests?: number;
  readonly wireBytes?: number;
}

export interface Answers {
  readonly question: string;
  readonly date: string;
  readonly machine: Machine;
  /** What was moved, in words. */
  readonly samples: readonly string[];
  readonly answers: Readonly<Partial<Record<Question, readonly Answer[]>>>;
  readonly targets: readonly Target[];
  readonly skipped: readonly string[];
}

export function sumUp(samplings: Samplings): Partial<Record<Question, readonly Answer[]>> {
  return Object.fromEntries(
    [...samplings].map(([question, own]) => {
      const [first] = own.values();
      return [question, [...own].map(([name, samples]) => answerOf(name, samples, first!))];
    }),
  );
}

function answerOf(name: string, own: readonly Sample[], first: readonly Sample[]): Answer {
  const times = (samples: readonly Sample[]): number[] => samples.map(({ milliseconds }) => milliseconds);
  const median = (value: (sample: Sample) => number | undefined): number | undefined => {
    const values = own.map(value).filter((one) => one !== undefined);
    return values.length === 0 ? undefined : quantile(values, 0.5);
  };
  const requests = median((sample) => sample.requests);
  const wireBytes = median((sample) => sample.wireBytes);
  return {
    ...resultOf(name, times(own), times(first)),
    processorMilliseconds: median((sample) => sample.processorMilliseconds)!,
    peakMiB: median((sample) => sample.peakKiB)! / 1024,
    ...(requests === undefined ? {} : { requests }),
    ...(wireBytes === undefined ? {} : { wireBytes }),
  };
}

/** The answers as people read them; beside each median the one of `before`, when there is one. */
export function showAnswers(report: Answers, before: Answers | undefined): string {
  const lines = [report.question, ...machineLines(report.machine), ...report.samples];
  for (const question of Object.keys(report.answers) as Question[]) {
    const answers = report.answers[question]!;
    const previous = new Map(before?.answers[question]?.map(({ name, median }) => [name, median]));
    lines.push("", `${questions[question]} (${question}, ${answers[0]?.rounds ?? 0} rounds)`);
    lines.push(...table([heading(before), ...answers.map((one) => row(one, before, previous))]));
  }
  if (report.targets.length > 0) lines.push("", ...targetTable(report.targets));
  return [...lines, "", ...report.skipped.map((why) => `skipped: ${why}`), ""].join("\n");
}

const heading = (before: Answers | undefined): string[] => [
  ...["", "median ms", "min", "p90", "ratio", "CPU ms", "peak MiB", "requests", "bytes on the wire"],
  ...(before === undefined ? [] : ["before"]),
];

function row(one: Answer, before: Answers | undefined, previous: ReadonlyMap<string, number>): string[] {
  const number = (value: number | undefined, digits = 0): string => (value === undefined ? "" : value.toFixed(digits));
  return [
    ...[one.name, number(one.median, 1), number(one.min, 1), number(one.p90, 1), number(one.ratio, 2)],
    ...[number(one.processorMilliseconds), number(one.peakMiB, 1), number(one.requests), number(one.wireBytes)],
    ...(before === undefined ? [] : [number(previous.get(one.name), 1)]),
  ];
}

function targetTable(targets: readonly Target[]): string[] {
  const rows = targets.map(({ what, is, atMost }) => [
    ...[what, is.toFixed(2), atMost.toFixed(2), is <= atMost ? "yes" : "NO"],
  ]);
  return table([["what ctr is held to", "is", "at most", "met"], ...rows]);
}
