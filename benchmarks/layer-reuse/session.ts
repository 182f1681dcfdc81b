import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Usage } from "../stopwatch.ts";
import { settle } from "./arena.ts";
import { RunningDaemon } from "./daemon.ts";
import type { Counters, Registry } from "./registry.ts";
import { Surroundings } from "./surroundings.ts";
import type { Commands, Tool } from "./tools.ts";
import type { Question, Sample, Turn } from "./turn.ts";

/** A tool in one turn: its commands, and its daemon if it has one. */
export class Session implements AsyncDisposable {
  readonly commands: Commands;
  readonly #turn: Turn;
  readonly #surroundings: Surroundings;
  readonly #daemon: RunningDaemon | undefined;

  private constructor(o: {
    readonly commands: Commands;
    readonly turn: Turn;
    readonly surroundings: Surroundings;
    readonly daemon: RunningDaemon | undefined;
  }) {
    this.commands = o.commands;
    this.#turn = o.turn;
    this.#surroundings = o.surroundings;
    this.#daemon = o.daemon;
  }

  /** @param name  of the directory in the arena, for a tool that begins anew in the same turn */
  static async open(tool: Tool, turn: Turn, name = "state"): Promise<Session> {
    const directory = join(turn.arena.directory, name);
    mkdirSync(directory);
    const surroundings = new Surroundings(turn, `${name}-home`);
    try {
      const needed = tool.daemon?.(directory);
      const daemon = needed === undefined ? undefined : await RunningDaemon.start(needed, surroundings);
      return new Session({ commands: tool.commands(directory), turn, surroundings, daemon });
    } catch (error) {
      await surroundings[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Run a command, write back what it has left in memory, and record what it took; a failure is recorded too.
   *
   * @param o.registry  whose traffic counts
   * @param o.row  what the table calls it. Default: the tool
   */
  async answer(
    question: Question,
    command: readonly string[],
    o: { readonly registry?: Registry; readonly row?: string } = {},
  ): Promise<void> {
    try {
      const before = await o.registry?.counters();
      const usage = await this.#measure(command);
      this.#turn.record(question, { ...usage, ...traffic(before, await o.registry?.counters()) }, o.row);
    } catch (error) {
      this.#turn.skip(question, (error as Error).message);
    }
    settle(this.#turn.arena);
  }

  /** Run a command that nobody asks the time of. */
  async prepare(command: readonly string[]): Promise<void> {
    await this.#surroundings.measure(command);
  }

  async #measure(command: readonly string[]): Promise<Usage> {
    const daemon = this.#daemon;
    if (daemon === undefined) return this.#surroundings.measure(command);
    daemon.forgetPeak();
    const before = daemon.processorMilliseconds();
    const client = await this.#surroundings.measure(command);
    return {
      milliseconds: client.milliseconds,
      peakKiB: client.peakKiB + daemon.peakKiB(),
      processorMilliseconds: client.processorMilliseconds + daemon.processorMilliseconds() - before,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]();
    await this.#surroundings[Symbol.asyncDispose]();
  }
}

function traffic(before: Counters | undefined, after: Counters | undefined): Partial<Sample> {
  if (before === undefined || after === undefined) return {};
  return {
    requests: after.requests.length - before.requests.length,
    wireBytes: after.sent + after.received - before.sent - before.received,
  };
}
