import type { Engine, StoreReuse, Transfer } from "@ctr/engine";
import {
  type BrokenRule,
  checkBudget,
  type ImageReuse,
  type LayerReuse,
  parseBudget,
  type ReuseBudget,
  type ReuseReport,
  wasteBytes,
} from "@ctr/image-reuse";
import { type Digest, familiarReference, parseReference } from "@ctr/oci";
import { showAgo } from "./duration.ts";
import { harmless } from "./failure.ts";
import { showCommand, showPath } from "./show-text.ts";
import { showSize } from "./size.ts";
import { table } from "./table.ts";

export interface ReuseFlags {
  readonly json?: boolean;
  readonly budget?: string;
  readonly against?: readonly string[];
}

/** Rows of the lists that go on and on; JSON has more of them. */
const mostRows = 10;

/** Print the reuse report; exit code 1 when an image is over its budget. */
export async function reuse(engine: Engine, names: readonly string[], flags: ReuseFlags): Promise<void> {
  const budget = flags.budget === undefined ? {} : parseBudget(flags.budget);
  const report = await engine.images.reuse({
    ...(names.length === 0 ? {} : { images: names }),
    ...(flags.against === undefined ? {} : { against: flags.against }),
    ...(flags.json ? {} : { most: mostRows }),
  });
  const broken = report.images.flatMap((image) =>
    checkBudget(report, image, budget).map((rule) => ({ image: labelOf(image), ...rule })),
  );
  if (flags.json)
    process.stdout.write(`${JSON.stringify(flags.budget === undefined ? report : { ...report, broken }, null, 2)}\n`);
  else process.stdout.write(showReport(report, names.length === 0));
  for (const rule of broken) process.stderr.write(`${showBroken(rule)}\n`);
  if (broken.length > 0) process.exitCode = 1;
}

const labelOf = ({ names: [name], id }: Pick<ImageReuse, "names" | "id">): string => name ?? short(id);

const short = (digest: Digest): string => digest.slice("sha256:".length, "sha256:".length + 12);

function showReport(report: StoreReuse, isAll: boolean): string {
  if (report.images.length === 0) return "No images.\n";
  return [
    showImages(report.images),
    showLayers(report.layers),
    showWasted(report),
    showDuplicates(report),
    showTransfers(report),
    isAll ? showHost(report) : "",
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function showImages(images: readonly ImageReuse[]): string {
  const rows = images.map((image) => [
    labelOf(image),
    String(image.layers.length),
    showSize(image.blobs.total),
    showSize(image.blobs.shared),
    showSize(image.blobs.unique),
    showSize(image.disk.total),
    showSize(image.disk.shared),
    showSize(image.disk.unique),
    showSize(wasteBytes(image.waste)),
  ]);
  const headings = ["IMAGE", "LAYERS", "BLOBS", "SHARED", "UNIQUE", "ON DISK", "SHARED", "UNIQUE", "WASTED"];
  return table(headings, rows, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/** Columns of the terminal that the other columns leave; for a file, enough to know the command by. */
const roomForCommand = (): number => Math.max(20, (process.stdout.columns ?? 140) - 65);

function showLayers(layers: readonly LayerReuse[]): string {
  const room = roomForCommand();
  const rows = layers.map((layer) => [
    short(layer.diffId),
    String(layer.images.length),
    showSize(layer.blobs[0]?.size ?? 0),
    showSize(layer.diskBytes),
    String(layer.content.files),
    showSize(wasteBytes(layer.waste)),
    showCommand(layer.createdBy, room),
  ]);
  const headings = ["LAYER", "IMAGES", "BLOB", "ON DISK", "FILES", "WASTED", "CREATED BY"];
  return layers.length === 0 ? "" : table(headings, rows, [1, 2, 3, 4, 5]);
}

const wasteWords = { copied: "copied unchanged", replaced: "replaced", deleted: "deleted" } as const;

function showWasted({ wasted, layers }: ReuseReport): string {
  if (wasted.length === 0) return "";
  const diffIdOf = new Map(layers.map(({ chainId, diffId }) => [chainId, diffId]));
  const layerName = (chainId: Digest): string => short(diffIdOf.get(chainId) ?? chainId);
  const rows = wasted
    .slice(0, mostRows)
    .map(({ kind, path, bytes, by, of }) => [
      showSize(bytes),
      wasteWords[kind],
      layerName(by),
      by === of ? "" : layerName(of),
      showPath(path),
    ]);
  const files = layers.reduce(
    (sum, { waste }) => sum + waste.copied.files + waste.replaced.files + waste.deleted.files,
    0,
  );
  return (
    table(["WASTED", "HOW", "BY LAYER", "IN LAYER", "PATH"], rows, [0]) +
    (files > rows.length ? `${files} files in all\n` : "")
  );
}

function showDuplicates({ duplicates: { groups, extra }, layers }: ReuseReport): string {
  if (groups.length === 0) return "";
  const diffIdOf = new Map(layers.map(({ chainId, diffId }) => [chainId, diffId]));
  const rows = groups.slice(0, mostRows).map(({ bytes, files, size, places }) => [
    showSize(bytes),
    String(files),
    showSize(size),
    places
      .slice(0, 2)
      .map(({ layer, path }) => `${short(diffIdOf.get(layer) ?? layer)}:${showPath(path)}`)
      .join(" ") + (files > 2 ? " …" : ""),
  ]);
  return `${table(["DUPLICATE", "FILES", "EACH", "WHERE"], rows, [0, 1, 2])}${showSize(extra.bytes)} in ${extra.files} files more than there are contents\n`;
}

function showTransfers({ transfers }: StoreReuse): string {
  if (transfers.length === 0) return "";
  const rows = transfers.map((transfer) => [
    transfer.kind,
    showReference(transfer.reference),
    showSize(transfer.movedBytes),
    showSize(transfer.reusedBytes),
    showShare(transfer),
    showAgo(transfer.at),
  ]);
  return table(["LAST", "IMAGE", "MOVED", "REUSED", "REUSE", "WHEN"], rows, [2, 3, 4]);
}

function showReference(text: string): string {
  try {
    return familiarReference(parseReference(text));
  } catch {
    return text;
  }
}

function showShare({ movedBytes, reusedBytes }: Transfer): string {
  const total = movedBytes + reusedBytes;
  return total === 0 ? "" : `${Math.floor((100 * reusedBytes) / total)}%`;
}

function showHost({ host }: ReuseReport): string {
  const line = (what: string, { stored, unshared }: { stored: number; unshared: number }): string[] => [
    what,
    showSize(stored),
    showSize(unshared),
    showSize(unshared - stored),
  ];
  const rows = [line("blobs", host.blobs), line("unpacked", host.disk)];
  return table(["ALL IMAGES", "STORED", "WITHOUT SHARING", "SAVED"], rows, [1, 2, 3]);
}

const ruleNames: Readonly<Record<keyof ReuseBudget, string>> = {
  newBytes: "new-bytes",
  layers: "layers",
  reuse: "reuse",
  wasted: "wasted",
};

/** `app:2: new-bytes 45MB, budget 30MB; layer 3f2a1b4c5d6e costs most, 31MB: RUN npm install` */
function showBroken({ image, rule, actual, limit, layer, cost = 0 }: BrokenRule & { readonly image: string }): string {
  const [is, may] = [actual, limit].map((value) => showValue(rule, value));
  const verdict = `${harmless(image)}: ${ruleNames[rule]} ${is}, budget ${may}`;
  if (layer === undefined) return verdict;
  const what = rule === "layers" ? `is number ${cost}` : `costs most, ${showSize(cost)}`;
  const command = layer.createdBy === undefined ? "" : `: ${harmless(showCommand(layer.createdBy, 60))}`;
  return `${verdict}; layer ${short(layer.diffId)} ${what}${command}`;
}

function showValue(rule: keyof ReuseBudget, value: number): string {
  if (rule === "layers") return String(value);
  // Down, so that a share that is under its limit never looks as if it were equal.
  return rule === "reuse" ? `${Math.floor(value * 1000) / 10}%` : showSize(value);
}
