import type { CommitOptions } from "@ctr/engine";
import { type Command, Option } from "commander";
import { Failure } from "../failure.ts";
import { withEngine } from "../session.ts";
import { untilSignal } from "../until-signal.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface Flags {
  readonly author?: string;
  readonly message?: string;
  readonly change?: string[];
  readonly pause?: boolean;
  readonly "pause=false"?: boolean;
}

export function register(program: Command): void {
  program
    .command("commit <container> [name]")
    .summary("make an image out of what a container changed")
    .option("-a, --author <author>", "who made it")
    .option("-m, --message <text>", "what it is about")
    .option("-c, --change <instruction>", "a Dockerfile instruction for its settings", collect)
    .option("-p, --pause", "stop the container while its files are read; it is, unless --no-pause says otherwise")
    .option("--no-pause", "let it run meanwhile")
    // As Docker's users write it; a flag that may take a value would take the container's name.
    .addOption(new Option("--pause=false").hideHelp())
    .addOption(new Option("--pause=true").hideHelp())
    .action((container: string, name: string | undefined, flags: Flags, command: Command) =>
      withEngine(command, async (engine) => {
        const { id } = await untilSignal((signal) =>
          engine.containers.commit(container, optionsOf(name, flags, signal)),
        );
        process.stdout.write(`${id}\n`);
      }),
    );
}

function optionsOf(name: string | undefined, flags: Flags, signal: AbortSignal): CommitOptions {
  const epoch = sourceDateEpoch();
  return {
    signal,
    pause: flags.pause !== false && !flags["pause=false"],
    ...(name === undefined ? {} : { name }),
    ...(flags.author === undefined ? {} : { author: flags.author }),
    ...(flags.message === undefined ? {} : { message: flags.message }),
    ...(flags.change === undefined ? {} : { changes: flags.change }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

/** @see reproducible-builds.org, "SOURCE_DATE_EPOCH" */
function sourceDateEpoch(): number | undefined {
  const text = process.env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Failure(`invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)}; seconds since 1970 were expected`, 1);
}
