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

/** Times commands in a small process of its own: this process's event loop and memory are in no number. */
export interface Stopwatch extends AsyncDisposable {
  /** Milliseconds from fork to exit. @throws {Error} when the command does not end with 0 */
  time(command: readonly string[]): Promise<number>;
}

export function startStopwatch(program: string): Stopwatch {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async time(command) {
      if (command.some((word) => /[\t\n]/.test(word) || word === ""))
        throw new Error("an argument that the stopwatch cannot take");
      child.stdin.write(`${command.join("\t")}\n`);
      const answer = await answers.next();
      if (answer.done) throw new Error("the stopwatch has ended");
      const [nanoseconds, status] = answer.value.split(" ").map(Number);
      if (status !== 0) throw new Error(`${command.join(" ")}: wait status ${status}`);
      return nanoseconds! / 1e6;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
