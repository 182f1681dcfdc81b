import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { isDigest } from "@ctr/oci";
import { isShortName } from "@ctr/overlayfs";
import type { CheckOptions, Finding } from "./check.ts";
import { containersNow } from "./check-containers.ts";
import { removeBlobFiles } from "./collect.ts";
import { type Context, imagesDirectory, overlayDirectory, temporaryDirectory } from "./context.ts";
import { all, one, transaction } from "./database.ts";
import { readLink, shortNameOf } from "./layer-links.ts";
import { discard } from "./layers.ts";
import { isLayoutCurrent, writeLayoutIndex } from "./layout.ts";
import { isAlive, ownerOf } from "./owner.ts";

/** A file that nothing knows of. */
interface Stray {
  readonly path: string;
  readonly problem: string;
  /** Absent for what the store would never have named so: whose it is, nobody knows. */
  readonly remove?: () => void | Promise<void>;
}

/** Find the files that belong to no record, and an `index.json` that is not up to date. */
export async function* checkStrays(context: Context, o: CheckOptions): AsyncGenerator<Finding, void, undefined> {
  for (const stray of [...strayBlobs(context), ...strayLayers(context, o), ...strayLinks(context, o)]) {
    o.signal?.throwIfAborted();
    const { path, problem, remove } = stray;
    if (o.repair) await remove?.();
    const subject = relative(context.root, path);
    if (o.repair && remove !== undefined) yield { about: "file", subject, problem, repaired: "removed" };
    else yield { about: "file", subject, problem: remove === undefined ? `${problem}; remove it yourself` : problem };
  }
  yield* strayTemporaries(context, o);
  const isCurrent = transaction(context.database, () => {
    const before = isLayoutCurrent(context);
    if (o.repair) writeLayoutIndex(context);
    return before;
  });
  if (isCurrent) return;
  const finding = { about: "file", subject: "images/index.json", problem: "it does not name the images" } as const;
  yield o.repair ? { ...finding, repaired: "written again" } : finding;
}

/** Under the write lock: a blob gets its file and its record in one transaction. */
function strayBlobs(context: Context): readonly Stray[] {
  return transaction(context.database, () =>
    ["sha256", "sha512"].flatMap((algorithm) => {
      const directory = join(imagesDirectory(context), "blobs", algorithm);
      return readdirSync(directory).flatMap((name): Stray[] => {
        const path = join(directory, name);
        const digest = `${algorithm}:${name}`;
        if (!isDigest(digest)) return [{ path, problem: "it is no blob" }];
        const sql = "SELECT 1 FROM image_blob WHERE digest = ?";
        if (one(context.database, sql, digest) !== undefined) return [];
        const remove = async (): Promise<void> => void (await removeBlobFiles(context, [digest]));
        return [{ path, problem: "the blob has no record", remove }];
      });
    }),
  );
}

function strayLayers(context: Context, o: CheckOptions): readonly Stray[] {
  const root = overlayDirectory(context);
  const names = readdirSync(root); // before the records: a record is made before its directory
  const known = cacheIds(context, o);
  return names.flatMap((name): Stray[] => {
    if (name === "l" || known.has(name)) return [];
    const path = join(root, name);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return []; // somebody was just removing it
    if (!/^[0-9a-f]{64}$/.test(name)) return [{ path, problem: "it is no layer" }];
    return [{ path, problem: "the layer has no record", remove: () => discard(context, name) }];
  });
}

function strayLinks(context: Context, o: CheckOptions): readonly Stray[] {
  const directory = join(overlayDirectory(context), "l");
  const names = lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(directory) : [];
  const known = cacheIds(context, o);
  return names.flatMap((name): Stray[] => {
    const path = join(directory, name);
    const target = readLink(path);
    const cacheId = /^\.\.\/([^/]+)\/diff$/.exec(target ?? "")?.[1];
    if (cacheId !== undefined && known.has(cacheId) && shortNameOf(context, cacheId) === name) return [];
    if (target === undefined && lstatSync(path, { throwIfNoEntry: false }) === undefined) return [];
    if (!isShortName(name) || target === undefined) return [{ path, problem: "it is no short name of a layer" }];
    return [{ path, problem: "it leads to no layer", remove: () => rmSync(path, { force: true }) }];
  });
}

/** Layers, work on them, and containers. */
function cacheIds(context: Context, o: CheckOptions): ReadonlySet<string> {
  const sql = "SELECT cache_id FROM image_layer UNION SELECT cache_id FROM image_unfinished";
  const layers = all(context.database, sql).map((row) => row.cache_id as string);
  return new Set([...layers, ...containersNow(o).keys()]);
}

function* strayTemporaries(context: Context, o: CheckOptions): Generator<Finding, void, undefined> {
  const directory = temporaryDirectory(context);
  for (const name of readdirSync(directory)) {
    if (isAlive(ownerOf(name))) continue; // also for what is not the store's
    const finding = { about: "file", subject: `tmp/${name}`, problem: "its process was killed" } as const;
    if (o.repair) rmSync(join(directory, name), { recursive: true, force: true });
    yield o.repair ? { ...finding, repaired: "removed" } : finding;
  }
}
