import { createHash } from "node:crypto";
import type { Digest } from "@ctr/oci";
import type { StoredLayer } from "../stored-image.ts";
import { blobFile, readBlobStream } from "./blobs.ts";
import type { CheckOptions, Finding } from "./check.ts";
import type { BadBlob } from "./check-blobs.ts";
import { containersNow } from "./check-containers.ts";
import type { Context } from "./context.ts";
import { all, one } from "./database.ts";
import { hasDiff, linkProblem, lowerProblem, repairLinks } from "./layer-links.ts";
import { findLayer, listLayers, overlayParents } from "./layers.ts";
import { diffDirectories, dropLayer, droppedAbove, holdersOf, Scratch } from "./replace-layer.ts";

/** As many differences of one layer are told of. */
const maxDifferences = 10;

/** Blobs that can be believed, by the diff id of the layer that they are. */
type Archives = ReadonlyMap<Digest, Digest>;

/** Check every layer, lower ones first. Returns those whose content could not be compared with anything. */
export async function* checkLayers(
  context: Context,
  o: CheckOptions,
  bad: ReadonlyMap<Digest, BadBlob>,
): AsyncGenerator<Finding, readonly Digest[], undefined> {
  const archives = findArchives(context, bad);
  const unverified: Digest[] = [];
  for (const { chainId } of listLayers(context)) {
    o.signal?.throwIfAborted();
    const layer = findLayer(context, chainId);
    if (layer === undefined) continue; // removed meanwhile, or with the one below it
    if (layer.parent !== undefined && findLayer(context, layer.parent) === undefined) {
      yield* orphaned(context, o, layer);
      continue;
    }
    const result = yield* checkLayer(context, o, layer, archives);
    if (result === "unverified") unverified.push(chainId);
    if (result === "exchanged") await nameNewParents(context, o);
  }
  return unverified;
}

function findArchives(context: Context, bad: ReadonlyMap<Digest, BadBlob>): Archives {
  const archives = new Map<Digest, Digest>();
  const rows = all(
    context.database,
    `SELECT diff_ids, child, position FROM image_variant JOIN image_link ON parent = manifest
     JOIN image_blob ON digest = child WHERE position > 0`, // the config comes first
  );
  for (const { diff_ids, child, position } of rows) {
    const diffId = (JSON.parse(diff_ids as string) as Digest[])[(position as number) - 1];
    if (diffId !== undefined && !bad.has(child as Digest)) archives.set(diffId, child as Digest);
  }
  return archives;
}

async function* orphaned(
  context: Context,
  o: CheckOptions,
  layer: StoredLayer,
): AsyncGenerator<Finding, void, undefined> {
  const finding = { about: "layer", subject: layer.chainId, problem: "the layer below it has no record" } as const;
  if (o.repair) await dropLayer(context, layer.chainId);
  yield o.repair ? { ...finding, repaired: "taken off the records; pull the image again" } : finding;
}

type Result = "sound" | "unverified" | "exchanged" | "broken";

async function* checkLayer(
  context: Context,
  o: CheckOptions,
  layer: StoredLayer,
  archives: Archives,
): AsyncGenerator<Finding, Result, undefined> {
  const parents = overlayParents(context, layer.chainId).slice(1);
  if (hasDiff(context, layer.cacheId)) {
    yield* checkLinks(context, o, layer, parents);
    if (o.quick || o.layers === undefined) return "sound";
  }
  const archive = archives.get(layer.diffId);
  if (archive === undefined) return yield* withoutArchive(context, o, layer);
  return yield* withArchive(context, o, { layer, parents, archive });
}

async function* checkLinks(
  context: Context,
  o: CheckOptions,
  layer: StoredLayer,
  parents: readonly string[],
): AsyncGenerator<Finding, void, undefined> {
  const problem = linkProblem(context, layer.cacheId, parents);
  if (problem === undefined) return;
  const finding = { about: "layer", subject: layer.chainId, problem } as const;
  if (o.repair) await repairLinks(context, layer.cacheId, parents);
  yield o.repair ? { ...finding, repaired: "written again" } : finding;
}

/** A layer that was made here makes its own archive or blob again, byte for byte; nothing can be said of others. */
async function* withoutArchive(
  context: Context,
  o: CheckOptions,
  layer: StoredLayer,
): AsyncGenerator<Finding, Result, undefined> {
  if (!hasDiff(context, layer.cacheId)) {
    const problem = "its directory is missing, and its archive is not here";
    yield* drop(context, o, { about: "layer", subject: layer.chainId, problem }, layer);
    return "broken";
  }
  const [diff] = diffDirectories(context, [layer.cacheId]);
  const changed = await changedBlob(context, layer, diff!);
  if (changed === undefined) return "sound";
  if (changed !== "no blob") {
    const problem = `it was changed: its blob ${changed}, which was dropped, cannot be made of it any more`;
    yield* drop(context, o, { about: "layer", subject: layer.chainId, problem }, layer);
    return "broken";
  }
  const isOwn = await o.layers!.diffIdOf(diff!).then(
    (diffId) => diffId === layer.diffId,
    () => false,
  );
  return isOwn ? "sound" : "unverified";
}

/** The blob of a layer that was dropped and does not come out of its directory any more; undefined when it does. */
async function changedBlob(
  context: Context,
  layer: StoredLayer,
  directory: string,
): Promise<Digest | "no blob" | undefined> {
  const sql = "SELECT digest, recipe FROM image_recipe WHERE diff_id = ? AND recipe <> '' LIMIT 1";
  const row = one(context.database, sql, layer.diffId);
  if (row === undefined || context.blobMaker === undefined) return "no blob";
  const hash = createHash("sha256");
  try {
    for await (const chunk of context.blobMaker.make({ directory, recipe: row.recipe as string })) hash.update(chunk);
  } catch {
    return row.digest as Digest; // what no archive can tell of
  }
  return row.digest === `sha256:${hash.digest("hex")}` ? undefined : (row.digest as Digest);
}

async function* withArchive(
  context: Context,
  o: CheckOptions,
  { layer, parents, archive }: { layer: StoredLayer; parents: readonly string[]; archive: Digest },
): AsyncGenerator<Finding, Result, undefined> {
  const about = { about: "layer", subject: layer.chainId } as const;
  const isMissing = !hasDiff(context, layer.cacheId);
  if (isMissing && !(o.repair && o.layers !== undefined)) {
    yield { ...about, problem: "its directory is missing" };
    return "broken";
  }
  // Where nothing is repaired, those below may be without a name to point to.
  await using scratch = await Scratch.make(context, o.repair ? parents : []);
  try {
    const lowers = diffDirectories(context, parents);
    const bytes = readBlobStream(context, archive);
    await o.layers!.unpack({ archive: bytes, directory: scratch.diff, lowers, diffId: layer.diffId });
  } catch (error) {
    o.signal?.throwIfAborted();
    yield { ...about, problem: `its archive ${archive} cannot be unpacked: ${(error as Error).message}` };
    return "broken";
  }
  const problem = isMissing ? "its directory is missing" : await differences(context, o, layer, scratch.diff);
  if (problem === undefined) return "sound";
  return yield* exchange(context, o, { ...about, problem }, { layer, scratch });
}

async function differences(
  context: Context,
  o: CheckOptions,
  layer: StoredLayer,
  expected: string,
): Promise<string | undefined> {
  const [found] = diffDirectories(context, [layer.cacheId]);
  const told: string[] = [];
  let more = 0;
  for await (const difference of o.layers!.compare({ expected, found: found! }))
    if (told.length < maxDifferences) told.push(difference);
    else more++;
  if (told.length === 0 || findLayer(context, layer.chainId)?.cacheId !== layer.cacheId) return undefined;
  return `${told.join("; ")}${more === 0 ? "" : `; and ${more} more`}`;
}

async function* exchange(
  context: Context,
  o: CheckOptions,
  finding: Finding,
  { layer, scratch }: { layer: StoredLayer; scratch: Scratch },
): AsyncGenerator<Finding, Result, undefined> {
  if (!o.repair) {
    yield finding;
    return "broken";
  }
  const containers = containersNow(o);
  const running = holdersOf(context, layer.chainId).find((holder) => containers.get(holder)?.isRunning);
  if (running !== undefined) {
    yield { ...finding, problem: `${finding.problem}; container ${running.slice(0, 12)} runs on it: stop that first` };
    return "broken";
  }
  if (!(await scratch.adopt(layer))) return "sound"; // somebody else was first
  yield { ...finding, repaired: "unpacked again" };
  return "exchanged";
}

async function* drop(
  context: Context,
  o: CheckOptions,
  finding: Finding,
  layer: StoredLayer,
): AsyncGenerator<Finding, void, undefined> {
  const containers = containersNow(o);
  const container = holdersOf(context, layer.chainId).find((holder) => containers.has(holder));
  if (!o.repair) yield finding;
  else if (container !== undefined)
    yield { ...finding, problem: `${finding.problem}; container ${container.slice(0, 12)} was made on it` };
  else {
    await saveBlobs(context, layer);
    await dropLayer(context, layer.chainId);
    yield { ...finding, repaired: "taken off the records; pull the image again" };
  }
}

/** What lies upon a layer that goes may be sound, and its blob dropped: it is made again while that is possible. */
async function saveBlobs(context: Context, { chainId }: StoredLayer): Promise<void> {
  for (const digest of droppedAbove(context, chainId)) {
    try {
      await blobFile(context, digest);
    } catch {
      // This one is what is broken.
    }
  }
}

/** The lists of layers below name short names, and a new directory has a new one. */
async function nameNewParents(context: Context, o: CheckOptions): Promise<void> {
  for (const { chainId, cacheId } of listLayers(context)) {
    if (findLayer(context, chainId)?.cacheId !== cacheId || !hasDiff(context, cacheId)) continue;
    const parents = overlayParents(context, chainId).slice(1);
    if (lowerProblem(context, cacheId, parents) !== undefined) await repairLinks(context, cacheId, parents);
  }
  for (const { id, chainId } of containersNow(o).values()) {
    if (chainId === undefined || findLayer(context, chainId) === undefined || !hasDiff(context, id)) continue;
    const parents = overlayParents(context, chainId);
    if (lowerProblem(context, id, parents) !== undefined) await repairLinks(context, id, parents);
  }
}
