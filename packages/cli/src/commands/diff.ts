import { encodeName } from "@ctr/plan";
import type { Command } from "commander";
import { harmless } from "../failure.ts";
import { withEngine } from "../session.ts";

export function register(program: Command): void {
  program
    .command("diff <container>")
    .summary("list the files that a container added (A), changed (C) and deleted (D)")
    .action((container: string, _flags: object, command: Command) =>
      withEngine(command, async (engine) => {
        for await (const { kind, path } of engine.containers.changes(container))
          process.stdout.write(encodeName(`${kind} ${oneLine(path)}\n`));
      }),
    );
}

// A file's name must not look like another line.
const oneLine = (path: string): string => harmless(path).replaceAll("\n", "\\u000a");
