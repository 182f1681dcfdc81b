import type { Engine } from "@ctr/engine";
import type { Command } from "commander";
import { confirm } from "../confirm.ts";
import { showAgo } from "../duration.ts";
import { Failure } from "../failure.ts";
import { collectFilters } from "../filter-flag.ts";
import { withEngine } from "../session.ts";
import { showCommand } from "../show-text.ts";
import { parseSize, showSize } from "../size.ts";
import { table } from "../table.ts";
import { formatRows } from "../template.ts";

/** `builder du` and `builder prune`. */
export function registerBuilder(program: Command): Command {
  const builder = program.command("builder").summary("more about builds");
  builder
    .command("du")
    .summary("show what the build cache takes on disk")
    .option("--format <template>", "Go template, `json` or `table …`")
    .option("--verbose", "whole ids and instructions")
    .action((flags: DuFlags, command: Command) => withEngine(command, (engine) => du(engine, flags)));
  builder
    .command("prune")
    .summary("forget what builds did, and remove the layers that only they keep")
    .option("-a, --all", "also steps whose layers are in an image")
    .option("-f, --force", "do not ask")
    .option("--filter <filter>", "until=24h: only what no build used since", collectFilters)
    .option("--keep-storage <bytes>", "leave so much of what was used last")
    .option("--reserved-space <bytes>", "the same")
    .option("--max-used-space <bytes>", "the same: remove until no more than this is used")
    .action((flags: PruneFlags, command: Command) => withEngine(command, (engine) => prune(engine, flags)));
  return builder;
}

interface DuFlags {
  readonly format?: string;
  readonly verbose?: boolean;
}

type Entries = Awaited<ReturnType<Engine["buildCache"]>>;

async function du(engine: Engine, flags: DuFlags): Promise<void> {
  const entries = await engine.buildCache();
  const rows = rowsOf(entries, flags.verbose ?? false);
  if (flags.format !== undefined && flags.format !== "table")
    return void process.stdout.write(formatRows(flags.format, rows, table));
  process.stdout.write(
    table(
      ["ID", "CREATED", "LAST ACCESSED", "SIZE", "SHARED", "RECLAIMABLE", "DESCRIPTION"],
      rows.map((row) => [
        ...[row.ID, row.CreatedSince, row.LastUsedSince, row.Size],
        ...[row.Shared, row.Reclaimable, row.Description],
      ]),
    ),
  );
  const bytes = (which: Entries): string => showSize(which.reduce((sum, entry) => sum + entry.bytes, 0));
  const own = entries.filter(({ isShared }) => !isShared);
  process.stdout.write(
    [
      `Shared:        ${bytes(entries.filter(({ isShared }) => isShared))}`,
      `Private:       ${bytes(own)}`,
      `Reclaimable:   ${bytes(own.filter(({ isInUse }) => !isInUse))}`,
      `Total:         ${bytes(entries)}`,
      "",
    ].join("\n"),
  );
}

/** By the names of Docker's template fields, and the bytes for programs. */
function rowsOf(entries: Entries, whole: boolean) {
  return entries.map((entry) => ({
    ID: whole ? idOf(entry) : idOf(entry).slice(0, 12),
    CacheType: entry.kind === "mount" ? "exec.cachemount" : "regular",
    CreatedAt: new Date(entry.createdAt).toISOString(),
    CreatedSince: showAgo(entry.createdAt),
    LastUsedAt: new Date(entry.lastUsedAt).toISOString(),
    LastUsedSince: showAgo(entry.lastUsedAt),
    Size: showSize(entry.bytes),
    SizeBytes: entry.bytes,
    Shared: String(entry.isShared),
    InUse: String(entry.isInUse),
    Reclaimable: String(!entry.isInUse && !entry.isShared),
    Description: whole ? entry.description.replace(/\s+/g, " ") : showCommand(entry.description, 60),
  }));
}

const idOf = ({ id }: Entries[number]): string => id.replace(/^sha256:/, "");

interface PruneFlags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter?: readonly string[];
  readonly keepStorage?: string;
  readonly reservedSpace?: string;
  readonly maxUsedSpace?: string;
}

async function prune(engine: Engine, flags: PruneFlags): Promise<void> {
  const kept = flags.maxUsedSpace ?? flags.reservedSpace ?? flags.keepStorage;
  const filters = flags.filter ?? [];
  for (const filter of filters)
    if (!filter.startsWith("until=")) throw new Failure(`invalid filter '${filter}': until=24h is there`, 1);
  const what = flags.all ? "all build cache" : "all dangling build cache";
  if (!flags.force && !(await confirm(`WARNING! This will remove ${what}. Are you sure you want to continue?`))) return;
  const { entries, reclaimed } = await engine.pruneBuildCache({
    onlyUnshared: !flags.all,
    ...(kept === undefined ? {} : { keepBytes: parseSize(kept, "--max-used-space") }),
    ...(filters.length === 0 ? {} : { until: filters.at(-1)!.slice("until=".length) }),
  });
  const ids = entries.map((entry) => `${idOf(entry)}\n`);
  process.stdout.write(
    `${ids.length === 0 ? "" : `Deleted build cache objects:\n${ids.join("")}\n`}Total reclaimed space: ${showSize(reclaimed)}\n`,
  );
}
