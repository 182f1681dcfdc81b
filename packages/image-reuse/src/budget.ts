import type { Digest } from "@ctr/oci";
import { ImageReuseError } from "./image-reuse-error.ts";
import { type ImageReuse, type LayerReuse, type ReuseReport, wasteBytes } from "./reuse-report.ts";

/** What an image may cost. A rule that is absent holds. */
export interface ReuseBudget {
  /** Most bytes of blobs that no other image holds. */
  readonly newBytes?: number;
  /** Most layers. */
  readonly layers?: number;
  /** Least share, 0 to 1, of the blob bytes that another image holds as well. */
  readonly reuse?: number;
  /** Most bytes that are shipped and not needed: copied unchanged, replaced or deleted. */
  readonly wasted?: number;
}

export interface BrokenRule {
  readonly rule: keyof ReuseBudget;
  readonly limit: number;
  readonly actual: number;
  /** The layer that costs most; of too many layers, the first that is too many. Absent when no layer is to blame. */
  readonly layer?: { readonly chainId: Digest; readonly diffId: Digest; readonly createdBy: string | undefined };
  /** What that layer costs; of too many layers, its place, the oldest being 1. */
  readonly cost?: number;
}

const ruleNames = { "new-bytes": "newBytes", layers: "layers", reuse: "reuse", wasted: "wasted" } as const;

/**
 * Read `new-bytes=30MB,layers=15,reuse=80%,wasted=5MiB`. kB, MB and GB are powers of 1000, as sizes are
 * shown; KiB, MiB and GiB of 1024.
 *
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_BUDGET`
 */
export function parseBudget(text: string): ReuseBudget {
  const budget: { -readonly [rule in keyof ReuseBudget]: ReuseBudget[rule] } = {};
  for (const item of text.split(",", 100)) {
    const [name = "", value = "", ...rest] = item.split("=");
    const rule = Object.hasOwn(ruleNames, name.trim()) ? ruleNames[name.trim() as keyof typeof ruleNames] : undefined;
    if (rule === undefined || rest.length > 0) throw refused(item, `write ${Object.keys(ruleNames).join("=…, ")}=…`);
    if (budget[rule] !== undefined) throw refused(item, "it is there twice");
    budget[rule] = readers[rule](value.trim(), item);
  }
  return budget;
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  ...{ k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
};

function readBytes(value: string, item: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{1,3})?$/i.exec(value);
  const unit = units[(match?.[2] ?? "b").toLowerCase()];
  if (match === null || unit === undefined) throw refused(item, "write a size such as 30MB or 512KiB");
  return Math.floor(Number(match[1]) * unit);
}

function readCount(value: string, item: string): number {
  if (!/^\d{1,6}$/.test(value)) throw refused(item, "write a number of layers such as 15");
  return Number(value);
}

function readShare(value: string, item: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(value);
  const share = match === null ? Number.NaN : Number(match[1]) / 100;
  if (!(share <= 1)) throw refused(item, "write a share such as 80%");
  return share;
}

const readers: Readonly<Record<keyof ReuseBudget, (value: string, item: string) => number>> = {
  newBytes: readBytes,
  layers: readCount,
  reuse: readShare,
  wasted: readBytes,
};

function refused(item: string, instead: string): ImageReuseError {
  return new ImageReuseError(
    "ERR_IMAGE_REUSE_BUDGET",
    `budget ${JSON.stringify(item.slice(0, 100))} is not understood: ${instead}`,
  );
}

/** The rules that an image of a report breaks, each with the layer that costs most. */
export function checkBudget(
  report: Pick<ReuseReport, "layers">,
  image: ImageReuse,
  budget: ReuseBudget,
): readonly BrokenRule[] {
  const layers = image.layers.map(({ chainId }) => report.layers.find((layer) => layer.chainId === chainId)!);
  const newBytes = newBytesOf(image, layers);
  const { total, shared, unique } = image.blobs;
  const actual = {
    newBytes: unique,
    layers: layers.length,
    reuse: total === 0 ? 1 : shared / total,
    wasted: wasteBytes(image.waste),
  };
  const costs = { newBytes, layers: undefined, reuse: newBytes, wasted: layers.map(({ waste }) => wasteBytes(waste)) };
  return Object.values(ruleNames).flatMap((rule): BrokenRule[] => {
    const limit = budget[rule];
    if (limit === undefined) return [];
    const isKept = rule === "reuse" ? actual.reuse >= limit : actual[rule] <= limit;
    if (isKept) return [];
    return [{ rule, limit, actual: actual[rule], ...blamed(layers, costs[rule], limit) }];
  });
}

/** Of each layer, what no other image holds; a blob that is there twice counts at the first. */
function newBytesOf(image: ImageReuse, layers: readonly LayerReuse[]): readonly number[] {
  const seen = new Set<Digest>();
  return image.layers.map(({ blob }, index) => {
    const holders = layers[index]!.blobs.find(({ digest }) => digest === blob.digest)?.images ?? [];
    const isNew = holders.length < 2 && !seen.has(blob.digest);
    seen.add(blob.digest);
    return isNew ? blob.size : 0;
  });
}

function blamed(
  layers: readonly LayerReuse[],
  costs: readonly number[] | undefined,
  limit: number,
): Pick<BrokenRule, "layer" | "cost"> {
  const index = costs === undefined ? limit : costs.indexOf(Math.max(...costs));
  const layer = layers[index];
  const cost = costs === undefined ? index + 1 : costs[index];
  if (layer === undefined || cost === undefined || cost === 0) return {};
  const { chainId, diffId, createdBy } = layer;
  return { layer: { chainId, diffId, createdBy }, cost };
}
