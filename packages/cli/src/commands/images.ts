import type { Engine, ImageSummary } from "@ctr/engine";
import { familiarName, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { showAgo } from "../duration.ts";
import { harmless } from "../failure.ts";
import { withEngine } from "../session.ts";
import { showSize } from "../size.ts";
import { table } from "../table.ts";
import { formatRows } from "../template.ts";
import { showDocuments } from "./inspect.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface ListFlags {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly digests?: boolean;
  readonly format?: string;
}

export function register(program: Command): void {
  program
    .command("images [name]")
    .summary("list images")
    .option("-a, --all", "for compatibility: there are no hidden images")
    .option("-q, --quiet", "only ids")
    .option("--no-trunc", "ids in full")
    .option("--format <template>", "Go template, `json` or `table …`")
    .action((name: string | undefined, flags: ListFlags, command: Command) =>
      withEngine(command, async (engine) => list(engine, name, flags)),
    );
  program
    .command("rmi <image...>")
    .summary("remove images")
    .option("-f, --force", "also with a container made from it")
    .action((names: string[], flags: { force?: boolean }, command: Command) =>
      withEngine(command, (engine) => remove(engine, names, flags.force ?? false)),
    );
  program
    .command("tag <image> <name>")
    .summary("give an image one more name")
    .action((image: string, name: string, _flags: object, command: Command) =>
      withEngine(command, async (engine) => engine.images.tag(image, name)),
    );
  const image = program.command("image").summary("more about images");
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
    .action((names: string[], flags: { format?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        const found = await Promise.all(names.map((name) => engine.images.inspect(name)));
        process.stdout.write(showDocuments(found, flags.format));
      }),
    );
}

function list(engine: Engine, name: string | undefined, flags: ListFlags): void {
  const wanted = name === undefined ? undefined : parseReference(name);
  const rows = engine.images.list().flatMap((summary) => rowsOf(summary, flags.trunc));
  const shown = rows.filter(
    (row) =>
      wanted === undefined ||
      (row.Repository === familiarName(wanted) && (!name!.includes(":") || row.Tag === wanted.tag)),
  );
  if (flags.quiet) process.stdout.write([...new Set(shown.map((row) => row.ID))].map((id) => `${id}\n`).join(""));
  else if (flags.format !== undefined) process.stdout.write(formatRows(flags.format, shown, table));
  else
    process.stdout.write(
      table(
        ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"],
        shown.map((row) => [row.Repository, row.Tag, row.ID, row.CreatedSince, row.Size]),
      ),
    );
}

interface ImageRow {
  readonly [name: string]: string;
  readonly Repository: string;
  readonly Tag: string;
  readonly ID: string;
  readonly CreatedSince: string;
  readonly Size: string;
}

function rowsOf({ image, id, size }: ImageSummary, short: boolean): ImageRow[] {
  const common = {
    ID: short ? id.slice(7, 19) : id,
    CreatedAt: new Date(image.addedAt).toISOString(),
    CreatedSince: showAgo(image.addedAt),
    Size: showSize(size),
  };
  const tagged = image.names.filter((name) => !name.includes("@")).map((name) => parseReference(name));
  if (tagged.length === 0) return [{ Repository: "<none>", Tag: "<none>", ...common }];
  return tagged.map((reference) => ({
    Repository: familiarName(reference),
    Tag: reference.tag ?? "<none>",
    ...common,
  }));
}

async function remove(engine: Engine, names: readonly string[], force: boolean): Promise<void> {
  for (const name of names) {
    try {
      const { untagged, deleted } = await engine.images.remove(name, { force });
      process.stdout.write(
        [...untagged.map((one) => `Untagged: ${one}\n`), ...deleted.map((one) => `Deleted: ${one}\n`)].join(""),
      );
    } catch (error) {
      process.stderr.write(`Error: ${harmless((error as Error).message)}\n`);
      process.exitCode = 1;
    }
  }
}
