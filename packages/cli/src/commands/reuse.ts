import type { Command } from "commander";
import { withEngine } from "../session.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface ReuseFlags {
  readonly json?: boolean;
  readonly budget?: string;
  readonly against?: string[];
}

/** The subcommands of `image` about bytes that are there more than once; what they need is loaded when one is called. */
export function registerReuse(image: Command): void {
  image
    .command("reuse [image...]")
    .summary("show who holds which bytes: shared, unique, duplicated, wasted")
    .option("--json", "all of it as JSON")
    .option(
      "--budget <rules>",
      "fail when an image costs more: new-bytes=30MB,layers=15,reuse=80%,wasted=5MB (units of 1000; KiB, MiB of 1024)",
    )
    .option("--against <image>", "count as shared only what this image holds, instead of all others here", collect)
    .action((names: string[], flags: ReuseFlags, command: Command) =>
      withEngine(command, async (engine) => {
        const { reuse } = await import("../image-reuse.ts");
        await reuse(engine, names, flags);
      }),
    );
  image
    .command("diff <before> <after>")
    .summary("show what differs between two images; NAME~1 is NAME without its newest layer")
    .option("--json", "all of it as JSON")
    .option("-a, --all", "every name: what is in new and removed directories, times, what is stored again unchanged")
    .action((before: string, after: string, flags: { json?: boolean; all?: boolean }, command: Command) =>
      withEngine(command, async (engine) => {
        const { diff } = await import("../image-diff.ts");
        await diff(engine, { before, after }, flags);
      }),
    );
}
