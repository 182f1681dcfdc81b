import type { CompareRequest, Engine } from "@ctr/engine";
import { type ChangeSummary, isStoredAgain, summarizeChanges, type TreeChange } from "@ctr/image-reuse";
import { showPath } from "./show-text.ts";
import { showSize } from "./size.ts";
import { table } from "./table.ts";

/** Print what differs between two images. */
export async function diff(
  engine: Engine,
  images: CompareRequest,
  flags: { readonly json?: boolean; readonly all?: boolean },
): Promise<void> {
  const changes: TreeChange[] = [];
  for await (const change of engine.images.compare(images)) changes.push(change);
  const summary = summarizeChanges(changes);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ ...images, summary, changes }, null, 2)}\n`);
    return;
  }
  const rows = (
    flags.all ? changes.map((change) => ({ change, names: 1, bytes: bytesOf(change) })) : condense(changes)
  ).map(({ change, names, bytes }) => [
    marks[change.kind],
    bytes === undefined ? "" : showSize(bytes),
    showPath(change.path) + (names > 1 ? `/… (${names} names)` : ""),
    showDifferences(change),
  ]);
  if (rows.length > 0) process.stdout.write(table(["", "SIZE", "PATH", "CHANGE"], rows, [1]));
  process.stdout.write(showSummary(summary, changes.filter(isTimeOnly).length));
}

function showSummary(sum: ChangeSummary, timesOnly: number): string {
  const lines = [
    `${sum.added} added, ${sum.changed - timesOnly} changed, ${sum.deleted} deleted: ` +
      `${showSize(sum.addedBytes)} of new content, ${showSize(sum.removedBytes)} gone`,
  ];
  if (timesOnly > 0) lines.push(`changed in nothing but time: ${timesOnly}`);
  if (sum.copied > 0) lines.push(`stored again with the same content: ${sum.copied}, ${showSize(sum.copiedBytes)}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** `docker diff`'s letters, and one for what is there again. */
const marks: Readonly<Record<TreeChange["kind"], string>> = { added: "A", changed: "C", deleted: "D", copied: "=" };

/** One line of the table. */
interface Condensed {
  readonly change: TreeChange;
  /** Names that it stands for. */
  names: number;
  bytes: number | undefined;
}

/** A new or removed directory with all in it as one line; without what only has another time or place. */
function condense(changes: readonly TreeChange[]): Condensed[] {
  const rows: Condensed[] = [];
  let open: Condensed | undefined; // the directory whose content is being passed
  for (const change of changes) {
    if (open?.change.kind === change.kind && change.path.startsWith(`${open.change.path}/`)) {
      open.names++;
      const bytes = bytesOf(change);
      if (bytes !== undefined) open.bytes = (open.bytes ?? 0) + bytes;
      continue;
    }
    if (change.kind === "copied" || isTimeOnly(change)) continue;
    const row = { change, names: 1, bytes: bytesOf(change) };
    rows.push(row);
    const isTree = (change.kind === "added" ? change.after : change.before)?.type === "directory";
    open = change.kind !== "changed" && isTree ? row : undefined;
  }
  return rows;
}

const isTimeOnly = ({ differs }: TreeChange): boolean => differs.length === 1 && differs[0] === "time";

/** Of a file of several names only one counts; a directory has none. */
function bytesOf(change: TreeChange): number | undefined {
  if (change.kind === "added") return change.after?.type === "file" ? change.addedBytes : undefined;
  if (change.kind === "deleted") return change.before?.type === "file" ? change.removedBytes : undefined;
  return change.after?.type === "file" ? change.after.size : undefined;
}

/** `content +12B, mode 644 → 755` */
function showDifferences(change: TreeChange): string {
  const { before, after, differs } = change;
  if (before === undefined || after === undefined) return "";
  const words = differs.map((aspect) => {
    if (aspect === "type") return `${before.type} → ${after.type}`;
    if (aspect === "mode") return `mode ${before.mode.toString(8)} → ${after.mode.toString(8)}`;
    if (aspect === "owner") return `owner ${before.uid}:${before.gid} → ${after.uid}:${after.gid}`;
    if (aspect === "content") return `content${showGrowth(after.size - before.size)}`;
    return aspect;
  });
  return [...words, ...(isStoredAgain(change) ? ["stored again unchanged"] : [])].join(", ");
}

const showGrowth = (bytes: number): string =>
  bytes === 0 ? "" : ` ${bytes > 0 ? "+" : "-"}${showSize(Math.abs(bytes))}`;
