import type { Engine, HistoryEntry } from "@ctr/engine";
import { familiarReference, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { showAgo } from "./duration.ts";
import { Failure } from "./failure.ts";
import { withEngine } from "./session.ts";
import { showSize } from "./size.ts";
import { table } from "./table.ts";
import { formatRows } from "./template.ts";

interface Flags {
  readonly human: boolean | string;
  readonly trunc: boolean;
  readonly quiet?: boolean;
  readonly format?: string;
}

/** `ctr history`, which is `ctr image history` as well. */
export function registerHistory(command: Command): void {
  command
    .argument("[image]")
    .usage("[options] IMAGE")
    .summary("show how an image came to be")
    .option("--format <template>", "Go template, `json` or `table …`")
    // Go's flags take `--human=false`, and `-H` has no value: what stands behind it is the image.
    .option("-H, --human [boolean]", "sizes and dates for people; `--human=false`: bytes and RFC 3339", true)
    .option("--no-trunc", "commands and ids in full")
    .option("-q, --quiet", "only ids")
    .action((name: string | undefined, flags: Flags, command: Command) => {
      const isValue = typeof flags.human === "boolean" || ["true", "false"].includes(flags.human);
      const image = name ?? (isValue ? undefined : String(flags.human));
      if (image === undefined || (!isValue && name !== undefined))
        throw new Failure("ctr history requires exactly 1 argument: the image", 1);
      return withEngine(command, (engine) => history(engine, image, flags));
    });
}

async function history(engine: Engine, image: string, flags: Flags): Promise<void> {
  const isHuman = String(flags.human) !== "false";
  const entries = await engine.images.history(image);
  const rows = entries.map((entry) => historyRow(entry, { isHuman, isShort: flags.trunc }));
  if (flags.quiet) process.stdout.write(rows.map((row) => `${row.ID}\n`).join(""));
  else if (flags.format !== undefined && flags.format !== "table")
    process.stdout.write(formatRows(flags.format, rows, table));
  else
    process.stdout.write(
      table(
        ["IMAGE", isHuman ? "CREATED" : "CREATED AT", "CREATED BY", "SIZE", "COMMENT"],
        rows.map((row) => [
          row.ID,
          isHuman ? row.CreatedSince : row.CreatedAt,
          row.CreatedBy.replaceAll("\n", " "),
          row.Size,
          row.Comment,
        ]),
      ),
    );
}

function historyRow(entry: HistoryEntry, o: { readonly isHuman: boolean; readonly isShort: boolean }) {
  const text = entry.createdBy.replaceAll("\t", " ");
  const isDated = entry.created !== undefined && !Number.isNaN(Date.parse(entry.created));
  return {
    ID: entry.id === undefined ? "<missing>" : o.isShort ? entry.id.slice(7, 19) : entry.id,
    CreatedSince: isDated ? showAgo(entry.created!) : "N/A",
    CreatedAt: isDated ? entry.created! : "N/A",
    CreatedBy: o.isShort && text.length > 45 ? `${text.slice(0, 44)}…` : text,
    Size: entry.size === undefined ? "N/A" : o.isHuman ? showSize(entry.size) : String(entry.size),
    Comment: entry.comment,
    Tags: entry.tags.map((name) => familiarReference(parseReference(name))).join(","),
  };
}
