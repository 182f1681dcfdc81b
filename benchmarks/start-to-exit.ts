// How long from the call to the exit of a static `true` in a container?
//
//   node --conditions=ctr-source benchmarks/start-to-exit.ts [--rounds N] [--only TEXT] [--json FILE]
//
// As root, with a C compiler. With --json the result is written to FILE; what was there before is shown beside it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  commands,
  library,
  libraryOnOverlay,
  libraryWithBundle,
  nodeAlone,
  type Place,
  peer,
  plainProcess,
  unshare,
} from "./contestants.ts";
import { enterPrivateNamespaces, strayControllers } from "./private-namespaces.ts";
import { describeMachine, type Report, readReport, show, writeReport } from "./report.ts";
import { type Contestant, compete } from "./rounds.ts";
import { compile, startStopwatch } from "./stopwatch.ts";

const warmUps = 3;

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "40" }, only: { type: "string" }, json: { type: "string" } },
});

if (process.getuid?.() !== 0)
  throw new Error("containers are started as root here, so that all contestants can do the same");
const outside = enterPrivateNamespaces();
if (outside !== undefined) process.exitCode = outside;
else await benchmark();

async function benchmark(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "ctr-benchmark-"));
  const rootfs = join(directory, "rootfs");
  const cgroup = `/ctr-benchmark-${process.pid}`;
  const mounted = mountStrayControllers(directory);
  try {
    for (const name of ["", "proc", "sys", "dev"]) mkdirSync(join(rootfs, name));
    compile({ source: "true.c", output: join(rootfs, "true"), flags: ["-nostdlib", "-static", "-s"] });
    compile({ source: "stopwatch.c", output: join(directory, "stopwatch") });
    await using stopwatch = startStopwatch(join(directory, "stopwatch"));
    await measure({ directory, rootfs, cgroup, stopwatch });
  } finally {
    removeCgroups(cgroup);
    for (const target of mounted) execFileSync("umount", [target]);
    rmSync(directory, { recursive: true });
  }
}

async function measure(place: Place): Promise<void> {
  const ctr = commands(place);
  const peers = { crun: peer(place, "crun"), runc: peer(place, "runc"), unshare: unshare(place) };
  const all: (Contestant | undefined)[] = [
    ...[library(place), libraryWithBundle(place), libraryOnOverlay(place)],
    ...[...ctr, ...Object.values(peers)],
    ...[plainProcess(place), nodeAlone(place)],
  ];
  const contestants = all.filter(
    (one, at): one is Contestant => one !== undefined && (at === 0 || one.name.includes(flags.only ?? "")),
  );
  const rounds = Number(flags.rounds);
  const onRound = (done: number): void => {
    if (process.stderr.isTTY) process.stderr.write(`\rround ${done} of ${rounds}${done === rounds ? "\n" : ""}`);
  };
  const { results, failed } = await compete({ contestants, warmUps, rounds, onRound });
  const report: Report = {
    question: "From the call to the exit of a static `true` in a container: how long?",
    date: new Date().toISOString(),
    machine: describeMachine(Object.keys(peers)),
    results,
    skipped: [
      ...Object.entries(peers).flatMap(([name, one]) => (one === undefined ? [`${name} is not installed`] : [])),
      ...(ctr.length === 0 ? ["ctr is not bundled: npm run build"] : []),
      ...[...failed].map(([name, error]) => `${name}: ${(error as Error).message}`),
    ],
  };
  process.stdout.write(show(report, flags.json === undefined ? undefined : readReport(flags.json)));
  if (flags.json !== undefined) writeReport(flags.json, report);
}

/** For crun, which does not start otherwise; all contestants meet the same. */
function mountStrayControllers(directory: string): string[] {
  return strayControllers().map((controller) => {
    const target = join(directory, controller);
    mkdirSync(target);
    execFileSync("mount", ["-t", "cgroup", "-o", controller, "none", target]);
    return target;
  });
}

/** In every tree, those without controllers too: the peers use all that there are. */
function removeCgroups(path: string): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line));
  for (const line of mounts) {
    const directory = line.split(" ")[4] + path;
    if (!existsSync(directory)) continue;
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) rmdirSync(join(directory, entry.name));
    rmdirSync(directory);
  }
}
