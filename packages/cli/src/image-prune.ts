import type { Engine } from "@ctr/engine";
import { familiarReference, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { confirm } from "./confirm.ts";
import { collectFilters } from "./filter-flag.ts";
import { withEngine } from "./session.ts";
import { showSize } from "./size.ts";

interface Flags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter?: readonly string[];
}

/** What went away, as the engine tells it. */
type Removal = Awaited<ReturnType<Engine["images"]["prune"]>>;

/** `ctr image prune` */
export function registerPrune(image: Command): void {
  image
    .command("prune")
    .summary("remove images that are not used")
    .option("-a, --all", "all that no container was made from, not only those without a tag")
    .option("-f, --force", "do not ask")
    .option("--filter <filter>", "until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]", collectFilters)
    .action((flags: Flags, command: Command) => withEngine(command, (engine) => prune(engine, flags)));
}

async function prune(engine: Engine, flags: Flags): Promise<void> {
  const what = flags.all ? "all images without at least one container associated to them" : "all dangling images";
  const question = `WARNING! This will remove ${what}.\nAre you sure you want to continue?`;
  if (!flags.force && !(await confirm(question))) return;
  const removal = await engine.images.prune({ all: flags.all ?? false, filters: flags.filter ?? [] });
  process.stdout.write(`${deletedImages(removal)}Total reclaimed space: ${showSize(removal.reclaimed)}\n`);
}

/** With an empty line behind it; nothing when nothing went. */
export function deletedImages({ untagged, deleted }: Removal): string {
  if (untagged.length + deleted.length === 0) return "";
  const names = untagged.map((name) => `untagged: ${familiarReference(parseReference(name))}\n`);
  return `Deleted Images:\n${names.join("")}${deleted.map((id) => `deleted: ${id}\n`).join("")}\n`;
}
