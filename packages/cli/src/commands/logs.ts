import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { withEngine } from "../session.ts";

interface Flags {
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
}

export function register(program: Command): void {
  program
    .command("logs <container>")
    .summary("print what a container has written")
    .option("-f, --follow", "go on until it ends")
    .option("-t, --timestamps", "put the time in front of each line")
    .option("-n, --tail <lines>", "only the last lines", "all")
    .option("--since <time>", "RFC 3339, seconds since 1970, or a time ago such as 10m")
    .option("--until <time>", "as --since")
    .action((name: string, flags: Flags, command: Command) =>
      withEngine(command, async (engine) => {
        const tail = flags.tail === "all" ? undefined : Number(flags.tail);
        if (tail !== undefined && !(Number.isInteger(tail) && tail >= 0))
          throw new Failure(
            `invalid argument ${JSON.stringify(flags.tail)} for --tail: write a number of lines or all`,
            125,
          );
        const startsLine = { stdout: true, stderr: true };
        const entries = engine.containers.logs(name, {
          follow: flags.follow ?? false,
          tail,
          since: timeOf(flags.since, "--since"),
          until: timeOf(flags.until, "--until"),
        });
        for await (const { stream, log, time } of entries) {
          process[stream].write(flags.timestamps && startsLine[stream] ? `${time} ${log}` : log);
          startsLine[stream] = log.endsWith("\n");
        }
      }),
    );
}

function timeOf(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const isPrecise = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text);
  if (isPrecise && !Number.isNaN(Date.parse(text))) return text; // a Date would cut it to milliseconds
  const ago = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$/.exec(text);
  const milliseconds =
    ago !== null && text !== ""
      ? Date.now() - 1000 * (3600 * Number(ago[1] ?? 0) + 60 * Number(ago[2] ?? 0) + Number(ago[3] ?? 0))
      : /^\d+(\.\d+)?$/.test(text)
        ? Number(text) * 1000
        : Date.parse(text);
  if (Number.isNaN(milliseconds))
    throw new Failure(`invalid value for ${option}: ${JSON.stringify(text)} is no time`, 125);
  return new Date(milliseconds).toISOString();
}
