import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Compile one of the C files beside this one. @throws when there is no C compiler */
export function compile(o: {
  readonly source: string;
  readonly output: string;
  readonly flags?: readonly string[];
}): void {
  const source = fileURLToPath(new URL(o.source, import.meta.url));
  execFileSync(process.env.CC ?? "cc", ["-O2", "-Wall", "-Werror", ...(o.flags ?? []), "-o", o.output, source], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** What a command used. */
export interface Usage {
  /** From fork to exit. */
  readonly milliseconds: number;
  /** Of the largest of its processes, at its largest. */
  readonly peakKiB: number;
  /** Of the command and all that it waited for. */
  readonly processorMilliseconds: number;
}

/** Times commands in a small process of its own: this process's event loop and memory are in no number. */
export interface Stopwatch extends AsyncDisposable {
  /** Milliseconds from fork to exit. @throws {Error} when the command does not end with 0 */
  time(command: readonly string[]): Promise<number>;
  /** @throws {Error} when the command does not end with 0 */
  measure(command: readonly string[]): Promise<Usage>;
}

/** What commands get besides their arguments. */
export interface CommandSurroundings {
  readonly env?: NodeJS.ProcessEnv;
  /** A file descriptor. Default: this process's. */
  readonly stderr?: number;
}

export function startStopwatch(program: string, { env, stderr }: CommandSurroundings = {}): Stopwatch {
  const child = spawn(program, { stdio: ["pipe", "pipe", stderr ?? "inherit"], ...(env === undefined ? {} : { env }) });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const answers = createInterface(child.stdout!)[Symbol.asyncIterator]();
  const measure: Stopwatch["measure"] = async (command) => {
    if (command.some((word) => /[\t\n]/.test(word) || word === ""))
      throw new Error("an argument that the stopwatch cannot take");
    child.stdin!.write(`${command.join("\t")}\n`);
    const answer = await answers.next();
    if (answer.done) throw new Error("the stopwatch has ended");
    const [nanoseconds, status, peakKiB, micros] = answer.value.split(" ").map(Number);
    if (status !== 0) throw new Error(`${command.join(" ")}: wait status ${status}`);
    return { milliseconds: nanoseconds! / 1e6, peakKiB: peakKiB!, processorMilliseconds: micros! / 1e3 };
  };
  return {
    time: async (command) => (await measure(command)).milliseconds,
    measure,
    async [Symbol.asyncDispose]() {
      child.stdin!.end();
      await ended;
    },
  };
}
