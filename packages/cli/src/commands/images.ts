import type { Engine } from "@ctr/engine";
import { familiarReference, type Platform, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { Failure, reasonOf } from "../failure.ts";
import { registerHistory } from "../image-history.ts";
import { registerList } from "../image-list.ts";
import { registerPrune } from "../image-prune.ts";
import { readPlatform } from "../platform-flag.ts";
import { withEngine } from "../session.ts";
import { register as registerArchive } from "./archive.ts";
import { showDocuments } from "./inspect.ts";
import { registerRemote } from "./remote.ts";
import { registerReuse } from "./reuse.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

export function register(program: Command): void {
  const image = program.command("image").summary("more about images");
  registerList(program.command("images"));
  registerList(image.command("ls").alias("list"));
  registerHistory(program.command("history"));
  registerHistory(image.command("history"));
  registerRemove(program.command("rmi"));
  registerRemove(image.command("rm").alias("remove"));
  registerTag(program.command("tag"));
  registerTag(image.command("tag"));
  registerPrune(image);
  image
    .command("from-host <program...>")
    .summary("make an image out of programs of this machine and the libraries they need")
    .requiredOption("-t, --tag <name>", "name of the image", collect)
    .option("--data <path>", "a file or directory that comes along", collect)
    .action((programs: string[], flags: { tag: string[]; data?: string[] }, command: Command) =>
      withEngine(command, async (engine) => {
        const made = await engine.images.fromHost({
          programs,
          tags: flags.tag,
          ...(flags.data === undefined ? {} : { data: flags.data }),
        });
        process.stdout.write(`${made.id}\n`);
      }),
    );
  image
    .command("inspect <image...>")
    .summary("show all about images")
    .option("-f, --format <template>", "Go template, or `json`")
    .option("--remote", "as they are on their registries")
    .option("--raw", "with --remote: the manifest or index itself")
    .option("--platform <os/arch>", "with --remote: the image for another platform", readPlatform)
    .action((names: string[], flags: InspectFlags, command: Command) =>
      withEngine(command, (engine) => inspect(engine, names, flags)),
    );
  registerArchive(image);
  registerRemote(image);
  registerReuse(image);
}

interface InspectFlags {
  readonly format?: string;
  readonly remote?: boolean;
  readonly raw?: boolean;
  readonly platform?: Platform;
}

async function inspect(engine: Engine, names: readonly string[], flags: InspectFlags): Promise<void> {
  if ((flags.raw || flags.platform !== undefined) && !flags.remote)
    throw new Failure("--raw and --platform need --remote", 1);
  if (!flags.remote) {
    const found = await Promise.all(names.map((name) => engine.images.inspect(name)));
    process.stdout.write(showDocuments(found, flags.format));
    return;
  }
  const { inspectRemote, showRaw } = await import("../remote-images.ts");
  if (flags.raw) for (const name of names) await showRaw(engine, name);
  else {
    const found = await Promise.all(names.map((name) => inspectRemote(engine, name, flags.platform)));
    process.stdout.write(showDocuments(found, flags.format));
  }
}

function registerRemove(command: Command): void {
  command
    .argument("<image...>")
    .summary("remove images")
    .option("-f, --force", "also with a container made from it")
    .action((names: string[], flags: { force?: boolean }, command: Command) =>
      withEngine(command, (engine) => remove(engine, names, flags.force ?? false)),
    );
}

function registerTag(command: Command): void {
  command
    .argument("<image>")
    .argument("<name>")
    .summary("give an image one more name")
    .action((image: string, name: string, _flags: object, command: Command) =>
      withEngine(command, async (engine) => engine.images.tag(image, name)),
    );
}

async function remove(engine: Engine, names: readonly string[], force: boolean): Promise<void> {
  for (const name of names) {
    try {
      const { untagged, deleted } = await engine.images.remove(name, { force });
      process.stdout.write(
        [
          ...untagged.map((one) => `Untagged: ${familiarReference(parseReference(one))}\n`),
          ...deleted.map((one) => `Deleted: ${one}\n`),
        ].join(""),
      );
    } catch (error) {
      process.stderr.write(`Error: ${reasonOf(error as Error)}\n`);
      process.exitCode = 1;
    }
  }
}
