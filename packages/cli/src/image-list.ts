import type { Engine, ImageSummary } from "@ctr/engine";
import { familiarName, familiarReference, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { collectFilters } from "./filter-flag.ts";
import { type ImageRow, imageRows, type Sharing } from "./image-rows.ts";
import { withEngine } from "./session.ts";
import { table } from "./table.ts";
import { formatRows } from "./template.ts";

interface Flags {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly digests?: boolean;
  readonly filter?: readonly string[];
  readonly format?: string;
}

/** `ctr images`, which is `ctr image ls` as well. */
export function registerList(command: Command): void {
  command
    .argument("[name]", "only this repository, or this tag of it; * and ? stand for anything in a part of a name")
    .summary("list images")
    .option("-a, --all", "for compatibility: there are no hidden images")
    .option("--digests", "show digests")
    .option(
      "-f, --filter <filter>",
      "dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME or reference=PATTERN",
      collectFilters,
    )
    .option("--format <template>", "Go template, `json` or `table …`")
    .option("--no-trunc", "ids in full")
    .option("-q, --quiet", "only ids")
    .action((name: string | undefined, flags: Flags, command: Command) =>
      withEngine(command, (engine) => list(engine, name, flags)),
    );
}

async function list(engine: Engine, name: string | undefined, flags: Flags): Promise<void> {
  const filters = [...(flags.filter ?? []), ...(name === undefined ? [] : [`reference=${patternOf(name)}`])];
  const summaries = await engine.images.list({ filters });
  const { format } = flags;
  const sharing = format !== undefined && /json|Shared|Unique/.test(format) ? await sharingOf(engine) : undefined;
  const digests = (flags.digests ?? false) || (format?.includes(".Digest") ?? false);
  const rows = summaries.flatMap((summary) =>
    imageRows(summary, { short: flags.trunc, digests, sharing: sharing?.get(summary.image.target.digest) }),
  );
  process.stdout.write(flags.quiet ? ids(rows) : show(rows, format, digests));
}

/** A name may be written in full; patterns are compared with the short form. */
function patternOf(name: string): string {
  try {
    const reference = parseReference(name);
    const isWhole = reference.digest !== undefined || name.slice(name.lastIndexOf("/") + 1).includes(":");
    return isWhole ? familiarReference(reference) : familiarName(reference);
  } catch {
    return name; // a pattern
  }
}

async function sharingOf(engine: Engine): Promise<ReadonlyMap<ImageSummary["id"], Sharing>> {
  const { images } = await (await engine.system()).usage();
  return new Map(images.map((image) => [image.image.target.digest, image]));
}

const ids = (rows: readonly ImageRow[]): string => [...new Set(rows.map(({ ID }) => `${ID}\n`))].join("");

function show(rows: readonly ImageRow[], format: string | undefined, digests: boolean): string {
  if (format !== undefined && format !== "table") return formatRows(format, rows, table);
  return table(
    ["REPOSITORY", "TAG", ...(digests ? ["DIGEST"] : []), "IMAGE ID", "CREATED", "SIZE"],
    rows.map((row) => [row.Repository, row.Tag, ...(digests ? [row.Digest] : []), row.ID, row.CreatedSince, row.Size]),
  );
}
