import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { Surroundings } from "./surroundings.ts";
import type { Daemon } from "./tools.ts";

const startMillis = 30_000;
const endMillis = 20_000;
const clockTicksPerSecond = 100; // USER_HZ, on every architecture that Node runs on

/** A daemon that runs, with the processes that it has started. */
export class RunningDaemon implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Start a daemon and wait until it answers. @throws {Error} when it ends, or does not answer for half a minute */
  static async start({ command, ping }: Daemon, surroundings: Surroundings): Promise<RunningDaemon> {
    const { env, stderr } = surroundings;
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", stderr, stderr], env });
    const daemon = new RunningDaemon(child);
    for (const end = performance.now() + startMillis; performance.now() < end; await pause(50)) {
      if (child.exitCode !== null) break;
      const answer = await promisify(execFile)(ping[0]!, ping.slice(1), { env }).catch(() => undefined);
      if (answer !== undefined) return daemon;
    }
    await daemon[Symbol.asyncDispose]();
    throw new Error(`${command[0]} does not answer: ${surroundings.lastWords()}`);
  }

  /** Let `peakKiB` begin anew. @see proc_pid_clear_refs(5) */
  forgetPeak(): void {
    for (const pid of familyOf(this.#child.pid!)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  }

  /** The peaks of all its processes that still run, added up. */
  peakKiB(): number {
    const peaks = familyOf(this.#child.pid!).map((pid) =>
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0),
    );
    return peaks.reduce((sum, peak) => sum + peak, 0);
  }

  /** Processor time so far, of children that have ended too. */
  processorMilliseconds(): number {
    const ticks = familyOf(this.#child.pid!).flatMap((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // After the name, which may hold anything: utime, stime, cutime, cstime. See proc_pid_stat(5).
      return stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 15)
        .map(Number);
    });
    return (ticks.reduce((sum, one) => sum + one, 0) * 1000) / clockTicksPerSecond;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const enough = new AbortController();
    const late = pause(endMillis, undefined, { signal: enough.signal }).then(() => this.#child.kill("SIGKILL"));
    await ended;
    enough.abort();
    await late.catch(() => {});
  }
}

/** A process and its descendants: a child belongs to the thread that has started it. */
function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(familyOf)];
}
