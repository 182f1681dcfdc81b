import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Stopwatch, startStopwatch, type Usage } from "../stopwatch.ts";
import type { Turn } from "./turn.ts";

/** Runs a contestant's commands with a home of their own, and keeps what they say on stderr for when they fail. */
export class Surroundings implements AsyncDisposable {
  readonly env: NodeJS.ProcessEnv;
  readonly #log: string;
  readonly #stderr: number;
  readonly #stopwatch: Stopwatch;

  constructor(turn: Pick<Turn, "arena" | "scratch" | "stopwatch">, name = "home") {
    const home = join(turn.arena.directory, name);
    const temporary = join(home, "tmp");
    mkdirSync(temporary, { recursive: true });
    this.env = { PATH: process.env.PATH, HOME: home, TMPDIR: temporary, LANG: "C.UTF-8" };
    this.#log = join(turn.scratch, "stderr.log");
    this.#stderr = openSync(this.#log, "w");
    this.#stopwatch = startStopwatch(turn.stopwatch, { env: this.env, stderr: this.#stderr });
  }

  /** A file descriptor for processes that run beside the commands. */
  get stderr(): number {
    return this.#stderr;
  }

  /** What has been said last. */
  lastWords(): string {
    return readFileSync(this.#log, "utf8").trim().split("\n").slice(-3).join("; ");
  }

  /** @throws {Error} with what the command said on stderr */
  async measure(command: readonly string[]): Promise<Usage> {
    try {
      return await this.#stopwatch.measure(command);
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${this.lastWords()}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopwatch[Symbol.asyncDispose]();
    closeSync(this.#stderr);
  }
}
