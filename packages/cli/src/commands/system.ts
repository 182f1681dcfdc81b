import type { Checked, ContainerRecord, Engine, SystemUsage, UsageTotal } from "@ctr/engine";
import type { Command } from "commander";
import { confirm } from "../confirm.ts";
import { showAgo } from "../duration.ts";
import { Failure, harmless } from "../failure.ts";
import { collectFilters } from "../filter-flag.ts";
import { deletedImages } from "../image-prune.ts";
import { imageRows } from "../image-rows.ts";
import { withEngine } from "../session.ts";
import { showSize } from "../size.ts";
import { table } from "../table.ts";
import { formatRows } from "../template.ts";

export function register(program: Command): void {
  const system = program.command("system").summary("more about the state directory");
  system
    .command("df")
    .summary("show what the state directory takes on disk")
    .description(
      "Show what the state directory takes on disk.\n\nSizes are blocks, as du counts them, of what is stored: a layer is there unpacked and, as it came, compressed. Together they are what `du -sxc images overlay2 containers` says of the state directory.",
    )
    .option("-v, --verbose", "each image, container and layer of the build cache")
    .option("--format <template>", "Go template, `json` or `table …`")
    .action((flags: DfFlags, command: Command) => withEngine(command, (engine) => df(engine, flags)));
  system
    .command("check")
    .summary("compare what is stored with what should be")
    .description(
      "Compare what is stored with what should be: every blob with its digest, every unpacked layer with its archive, records with files and files with records. One line for each finding; the exit code is 1 when something is wrong, or still wrong after --repair.",
    )
    .option("--quick", "names, sizes and links only: read no content")
    .option("--repair", "unpack changed layers again, remove what belongs to nothing, forget what cannot be repaired")
    .option("-q, --quiet", "only findings")
    .action((flags: CheckFlags, command: Command) => withEngine(command, (engine) => check(engine, flags)));
  system
    .command("blobs [choice]")
    .summary("keep the compressed layers, or drop those that can be made again")
    .description(
      "keep: every compressed layer stays beside the unpacked one. drop: those that were made here go, and are made again, byte for byte, for a push or a save; layers that another program compressed stay. Without a choice, print the present one.",
    )
    .action((choice: string | undefined, _flags: object, command: Command) =>
      withEngine(command, (engine) => blobs(engine, choice)),
    );
  system
    .command("prune")
    .summary("remove what is not used")
    .option("-a, --all", "all images that no container was made from, not only those without a tag")
    .option("-f, --force", "do not ask")
    .option("--filter <filter>", "until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]", collectFilters)
    .action((flags: PruneFlags, command: Command) => withEngine(command, (engine) => prune(engine, flags)));
}

interface DfFlags {
  readonly verbose?: boolean;
  readonly format?: string;
}

async function df(engine: Engine, flags: DfFlags): Promise<void> {
  const usage = await (await engine.system()).usage();
  const isTable = flags.format === undefined || flags.format === "table";
  if (flags.verbose && isTable) process.stdout.write(showEach(usage));
  else if (flags.verbose && flags.format === "json") process.stdout.write(`${JSON.stringify(eachOf(usage))}\n`);
  else if (isTable)
    process.stdout.write(
      table(
        ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"],
        totalRows(usage).map((row) => [row.Type, row.TotalCount, row.Active, row.Size, row.Reclaimable]),
      ),
    );
  else process.stdout.write(formatRows(flags.format, totalRows(usage), table));
}

/** By the names of Docker's template fields, and the bytes for programs. */
function totalRows({ total }: SystemUsage) {
  const row = (Type: string, it: UsageTotal) => ({
    Type,
    TotalCount: String(it.count),
    Active: String(it.active),
    Size: showSize(it.bytes),
    Reclaimable: `${showSize(it.reclaimable)}${it.bytes === 0 ? "" : ` (${Math.floor((100 * it.reclaimable) / it.bytes)}%)`}`,
    SizeBytes: it.bytes,
    ReclaimableBytes: it.reclaimable,
  });
  return [
    row("Images", total.images),
    row("Containers", total.containers),
    row("Build Cache", total.cache),
    row("Other", total.other),
  ];
}

/** Lists of the lines of `-v`, by the names of Docker's fields. */
function eachOf(usage: SystemUsage) {
  return {
    Images: usage.images.flatMap((image) =>
      imageRows(image, { short: true, digests: false, sharing: image }).map((row) => ({
        ...row,
        Size: showSize(image.totalBytes),
        VirtualSize: showSize(image.totalBytes),
        SizeBytes: image.totalBytes,
        SharedBytes: image.sharedBytes,
        UniqueBytes: image.uniqueBytes,
      })),
    ),
    Containers: usage.containers.map(({ record, bytes }) => ({
      ID: record.id.slice(0, 12),
      Image: record.image ?? record.options.rootfs ?? "",
      Command: `"${record.args.join(" ")}"`,
      Size: showSize(bytes),
      SizeBytes: bytes,
      CreatedAt: record.createdAt,
      RunningFor: showAgo(record.createdAt),
      State: stateOf(record),
      Names: record.name,
    })),
    BuildCache: usage.cache.map(({ chainId, bytes, isShared }) => ({
      ID: chainId.slice(7, 19),
      CacheType: "layer",
      Size: showSize(bytes),
      SizeBytes: bytes,
      Shared: String(isShared),
    })),
  };
}

const stateOf = ({ state }: ContainerRecord): string => (state === "finishing" ? "running" : state);

function showEach(usage: SystemUsage): string {
  const each = eachOf(usage);
  return [
    "Images space usage:\n\n",
    table(
      ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
      each.Images.map((it) => [
        ...[it.Repository, it.Tag, it.ID, it.CreatedSince].map(String),
        ...[it.Size, it.SharedSize, it.UniqueSize, it.Containers].map(String),
      ]),
    ),
    "\nContainers space usage:\n\n",
    table(
      ["CONTAINER ID", "IMAGE", "COMMAND", "SIZE", "CREATED", "STATUS", "NAMES"],
      each.Containers.map((it) => [it.ID, it.Image, cut(it.Command), it.Size, it.RunningFor, it.State, it.Names]),
    ),
    `\nBuild cache usage: ${showSize(usage.total.cache.bytes)}\n\n`,
    table(
      ["CACHE ID", "CACHE TYPE", "SIZE", "SHARED"],
      each.BuildCache.map((it) => [it.ID, it.CacheType, it.Size, it.Shared]),
    ),
    `\nOther: ${showSize(usage.total.other.bytes)}, directories, work in progress and what only containers keep\n`,
  ].join("");
}

const cut = (text: string): string => (text.length > 22 ? `${text.slice(0, 20)}…"` : text);

async function blobs(engine: Engine, choice: string | undefined): Promise<void> {
  const system = await engine.system();
  if (choice === undefined) {
    process.stdout.write(`${system.blobChoice}\n`);
    return;
  }
  if (choice !== "keep" && choice !== "drop")
    throw new Failure(`${JSON.stringify(choice)} is no choice: write keep or drop`, 1);
  const changed = await system.chooseBlobs(choice);
  const count = `${changed.blobs.length} ${changed.blobs.length === 1 ? "blob" : "blobs"}`;
  process.stdout.write(
    choice === "keep"
      ? `${count} made again\n`
      : `${count} dropped\nTotal reclaimed space: ${showSize(changed.reclaimed)}\n`,
  );
}

interface CheckFlags {
  readonly quick?: boolean;
  readonly repair?: boolean;
  readonly quiet?: boolean;
}

async function check(engine: Engine, flags: CheckFlags): Promise<void> {
  const { quick = false, repair = false } = flags;
  const findings = (await engine.system()).check({ quick, repair });
  let [found, repaired] = [0, 0];
  for (;;) {
    const next = await findings.next();
    if (next.done === true) {
      if (!flags.quiet) process.stdout.write(summary(next.value, { found, repaired }));
      if (found > repaired) process.exitCode = 1;
      return;
    }
    const { about, subject, problem, repaired: repair } = next.value;
    found++;
    if (repair !== undefined) repaired++;
    const line = `${about} ${subject}: ${problem}${repair === undefined ? "" : ` (${repair})`}`;
    process.stdout.write(`${harmless(line).replaceAll("\n", "\\n")}\n`);
  }
}

/** What was looked at, and what came of it. */
function summary(checked: Checked, { found, repaired }: { found: number; repaired: number }): string {
  const { blobs, layers, images, unverified } = checked;
  const result =
    found === 0 ? "nothing is wrong" : found === repaired ? `${found} repaired` : `${found - repaired} still wrong`;
  const unknown = unverified.map((chainId) => `layer ${chainId}: not compared, its archive is not here\n`);
  return `${unknown.join("")}${blobs} blobs, ${layers} layers, ${images} images: ${result}\n`;
}

interface PruneFlags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter?: readonly string[];
}

async function prune(engine: Engine, flags: PruneFlags): Promise<void> {
  if (!flags.force && !(await confirm(warning(flags)))) return;
  const system = await engine.system();
  const pruned = await system.prune({ all: flags.all ?? false, filters: flags.filter ?? [] });
  await engine.housekeeping({ network: true });
  const list = (heading: string, ids: readonly string[]): string =>
    ids.length === 0 ? "" : `${heading}:\n${ids.map((id) => `${id}\n`).join("")}\n`;
  process.stdout.write(
    [
      list("Deleted Containers", pruned.containers),
      deletedImages(pruned.images),
      list("Deleted build cache objects", pruned.cache.deleted),
      `Total reclaimed space: ${showSize(pruned.reclaimed)}\n`,
    ].join(""),
  );
}

function warning({ all, filter = [] }: PruneFlags): string {
  const items = [
    "all stopped containers",
    all ? "all images without at least one container associated to them" : "all dangling images",
    ...(filter.length > 0 ? [] : [all ? "all build cache" : "unused build cache"]),
  ];
  const filters = filter.length === 0 ? "" : `  Items to be pruned will be filtered with:\n${lines(filter)}\n`;
  return `WARNING! This will remove:\n${lines(items)}\n${filters}Are you sure you want to continue?`;
}

const lines = (items: readonly string[]): string => items.map((item) => `  - ${item}\n`).join("");
