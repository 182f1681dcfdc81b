import type { Digest } from "@ctr/oci";
import type { CheckOptions, Finding } from "./check.ts";
import { containersNow } from "./check-containers.ts";
import type { Context } from "./context.ts";
import { all, one, run, transaction } from "./database.ts";
import { checkComplete, loadImage } from "./images.ts";
import { readImageTree } from "./read-image.ts";

/** Check that every image has what it consists of, and that every record means something that is there. */
export async function* checkImages(context: Context, o: CheckOptions): AsyncGenerator<Finding, void, undefined> {
  for (const { digest } of all(context.database, "SELECT digest FROM image_target ORDER BY added_at, digest")) {
    o.signal?.throwIfAborted();
    const problem = await incomplete(context, digest as Digest);
    const image = problem === undefined ? undefined : loadImage(context, digest as Digest);
    if (problem === undefined || image === undefined) continue;
    yield {
      about: "image",
      subject: image.names[0] ?? (digest as string),
      problem: `it is incomplete: ${problem}; pull it again, or remove it`,
    };
  }
  yield* checkRecords(context, o);
}

async function incomplete(context: Context, target: Digest): Promise<string | undefined> {
  const image = loadImage(context, target);
  if (image === undefined) return undefined;
  try {
    checkComplete(context, await readImageTree(context, image.target));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Records that mean nothing; each statement names them. */
const dangling = [
  {
    problem: "the name means no image",
    find: "SELECT name AS subject FROM image_name WHERE target NOT IN (SELECT digest FROM image_target)",
    remove: "DELETE FROM image_name WHERE name = ?",
  },
  {
    problem: "it holds a layer that is not there",
    find: "SELECT DISTINCT holder AS subject FROM image_hold WHERE chain_id NOT IN (SELECT chain_id FROM image_layer)",
    remove: "DELETE FROM image_hold WHERE chain_id NOT IN (SELECT chain_id FROM image_layer) AND holder = ?",
  },
] as const;

function* checkRecords(context: Context, o: CheckOptions): Generator<Finding, void, undefined> {
  for (const { problem, find, remove } of dangling)
    for (const { subject } of all(context.database, find)) {
      if (o.repair) transaction(context.database, () => run(context.database, remove, subject as string));
      yield {
        about: "record",
        subject: subject as string,
        problem,
        ...(o.repair ? { repaired: "removed" } : {}),
      };
    }
  if (o.containers === undefined) return;
  const holders = all(context.database, "SELECT DISTINCT holder FROM image_hold"); // a container has its record first
  const containers = containersNow(o);
  for (const { holder } of holders) {
    if (!/^[0-9a-f]{64}$/.test(holder as string) || containers.has(holder as string)) continue;
    if (one(context.database, "SELECT 1 FROM image_hold WHERE holder = ?", holder as string) === undefined) continue;
    if (o.repair) run(context.database, "DELETE FROM image_hold WHERE holder = ?", holder as string);
    yield {
      about: "record",
      subject: holder as string,
      problem: "it holds layers for a container that is not there",
      ...(o.repair ? { repaired: "removed" } : {}),
    };
  }
}
