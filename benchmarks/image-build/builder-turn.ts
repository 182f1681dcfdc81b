import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { settle } from "../layer-reuse/arena.ts";
import { RunningDaemon } from "../layer-reuse/daemon.ts";
import { Surroundings } from "../layer-reuse/surroundings.ts";
import type { Usage } from "../stopwatch.ts";
import type { Builder } from "./builders.ts";
import type { Contestant, Question } from "./questions.ts";
import { changedFile } from "./sample-context.ts";
import { copyContext } from "./turns.ts";

/** A builder that builds, builds again, and once more after each change. */
export function builds(builder: Builder, after?: (directory: string) => void): Contestant {
  return {
    name: builder.name,
    play: async (turn) => {
      const directory = join(turn.arena.directory, "state");
      const context = copyContext(turn);
      mkdirSync(directory);
      await using surroundings = new Surroundings(turn);
      const needed = builder.daemon?.(directory);
      await using daemon = needed && (await RunningDaemon.start(needed, surroundings));
      const { load, build } = builder.commands(directory);
      for (const command of load(turn.base.archive, turn.base.name)) await surroundings.measure(command);
      const answer = async (question: Question): Promise<void> => {
        settle(turn.arena);
        turn.record(question, builder.name, await measure(surroundings, daemon, build(context)));
      };
      await answer("none");
      await answer("cached");
      appendFileSync(join(context, changedFile.last), "// changed\n");
      await answer("last");
      appendFileSync(join(context, changedFile.first), "\n");
      await answer("first");
      after?.(directory);
    },
  };
}

async function measure(
  surroundings: Surroundings,
  daemon: RunningDaemon | undefined,
  command: readonly string[],
): Promise<Usage> {
  daemon?.forgetPeak();
  const before = daemon?.processorMilliseconds() ?? 0;
  const usage = await surroundings.measure(command);
  if (daemon === undefined) return usage;
  return {
    milliseconds: usage.milliseconds,
    peakKiB: usage.peakKiB + daemon.peakKiB(),
    processorMilliseconds: usage.processorMilliseconds + daemon.processorMilliseconds() - before,
  };
}
