import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Result } from "./rounds.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** First line of `--version` of every program that was compared with. */
  readonly peers: Readonly<Record<string, string>>;
}

export interface Report {
  readonly question: string;
  readonly date: string;
  readonly machine: Machine;
  readonly results: readonly Result[];
  /** Who could not take part, and why. */
  readonly skipped: readonly string[];
}

export function describeMachine(peers: readonly string[]): Machine {
  return {
    cpu: cpus()[0]?.model ?? process.arch,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    peers: Object.fromEntries(
      peers.flatMap((peer) => (versionOf(peer) === undefined ? [] : [[peer, versionOf(peer)!]])),
    ),
  };
}

/** First line of `--version`; undefined when the program is not installed. */
export function versionOf(program: string): string | undefined {
  try {
    return execFileSync(program, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split(
      "\n",
    )[0]!;
  } catch {
    return undefined;
  }
}

/** The report as people read it; beside each median the one of `before`, when there is one. */
export function show(report: Report, before: Report | undefined): string {
  const { machine } = report;
  const previous = new Map(before?.results.map((result) => [result.name, result.median]));
  const number = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(2));
  const rows = [
    ["", "median ms", "min", "p90", "ratio", ...(before === undefined ? [] : [`before`])],
    ...report.results.map(({ name, median, min, p90, ratio }) => [
      ...[name, number(median), number(min), number(p90), number(ratio)],
      ...(before === undefined ? [] : [number(previous.get(name))]),
    ]),
  ];
  return [
    report.question,
    ...machineLines(machine),
    `${report.results[0]?.rounds ?? 0} rounds, all contestants in turn in each; ratio: to the first line, in the same round`,
    "",
    ...table(rows),
    ...report.skipped.map((why) => `skipped: ${why}`),
    "",
  ].join("\n");
}

export function machineLines(machine: Machine): string[] {
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB; Linux ${machine.kernel}; Node ${machine.node}`,
    Object.values(machine.peers).join("; "),
  ];
}

/** Lines of a table whose first column is text and whose others are numbers. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "),
  );
}

/** What was written to a file before, if anything was. */
export function readReport<T = Report>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

export function writeReport(file: string, report: object): void {
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
