import type { Command } from "commander";
import { writeOutput } from "../archive-stream.ts";
import { Failure } from "../failure.ts";
import { withEngine } from "../session.ts";
import { untilSignal } from "../until-signal.ts";

export function register(program: Command): void {
  program
    .command("export <container>")
    .summary("write all files of a container to a tar archive")
    .option("-o, --output <file>", "write there instead of to standard output")
    .action((container: string, { output }: { output?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        if (output === undefined && process.stdout.isTTY)
          throw new Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1);
        await untilSignal(async (signal) => {
          await engine.containers.get(container); // before anything is written
          await writeOutput(engine.containers.export(container, { signal }), output);
        });
      }),
    );
}
