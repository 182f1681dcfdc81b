import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { OverlayfsError } from "../overlayfs-error.ts";
import { isShortName, lowerText, parseLower, shortName } from "../short-link.ts";

//   overlay2/l/ABC…            → ../<cache id>/diff      short names for mount options
//   overlay2/<cache id>/diff   what this layer adds
//                       link   its short name
//                       lower  the short names below it, newest first: l/ABC:l/DEF  (not in a base layer)
//                       work   the kernel's, for a layer that is written through    (not in a base layer)
//                       merged where a container's view is mounted                  (containers only)

/** The files of one layer. */
export interface LayerDirectory {
  readonly directory: string;
  readonly diff: string;
  /** Short name: `l/<link>` leads to `diff`. */
  readonly link: string;
}

function checkCacheId(cacheId: string): void {
  // `l` is where the short links are.
  if (cacheId === "l" || !/^[a-z0-9][a-z0-9-]{0,127}$/.test(cacheId))
    throw new OverlayfsError("ERR_OVERLAYFS_LAYOUT", `${JSON.stringify(cacheId)} is no name for a layer's directory`);
}

/** The short name that a layer's `link` file holds. @throws {OverlayfsError} `ERR_OVERLAYFS_LAYOUT` */
export function readLink(overlayRoot: string, cacheId: string): string {
  checkCacheId(cacheId);
  const path = join(overlayRoot, cacheId, "link");
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    const why = (cause as Error).message;
    throw new OverlayfsError("ERR_OVERLAYFS_LAYOUT", `layer ${cacheId} has no readable ${path}: ${why}`, { cause });
  }
  if (!isShortName(text)) throw new OverlayfsError("ERR_OVERLAYFS_LAYOUT", `${path} holds no short name`);
  return text;
}

/** The same of a layer that may be half made or half removed. What cannot be read just now is an error still. */
function findLink(overlayRoot: string, cacheId: string): string | undefined {
  const path = join(overlayRoot, cacheId, "link");
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const text = readFileSync(path, "utf8").trim();
  return isShortName(text) ? text : undefined;
}

/**
 * Make the directory of a layer on top of `parents` (cache ids, newest first), with an empty `diff`.
 *
 * @throws {OverlayfsError} for ids that are no names, or parents without a link
 */
export async function createLayerDirectory(o: {
  readonly overlayRoot: string;
  readonly cacheId: string;
  readonly parents: readonly string[];
  readonly container?: boolean;
}): Promise<LayerDirectory> {
  checkCacheId(o.cacheId);
  const directory = join(o.overlayRoot, o.cacheId);
  const diff = join(directory, "diff");
  const below = o.parents.map((parent) => readLink(o.overlayRoot, parent));
  const link = shortName(randomBytes(26));
  mkdirSync(join(o.overlayRoot, "l"), { recursive: true, mode: 0o700 });
  mkdirSync(directory, { mode: 0o710 });
  mkdirSync(diff);
  chmodSync(diff, 0o755); // it is a container's "/", whatever the caller's umask
  if (below.length > 0) {
    mkdirSync(join(directory, "work"), { mode: 0o700 });
    writeFileSync(join(directory, "lower"), lowerText(below), { mode: 0o644 });
  }
  if (o.container) mkdirSync(join(directory, "merged"), { mode: 0o700 });
  // The short link comes last: whoever finds the directory of a start that was cut off can find it too.
  const temporary = join(directory, "link.new");
  writeFileSync(temporary, link, { mode: 0o644 });
  renameSync(temporary, join(directory, "link"));
  symlinkSync(`../${o.cacheId}/diff`, join(o.overlayRoot, "l", link));
  return { directory, diff, link };
}

/**
 * Say that other layers lie below one that is there, `parents` (cache ids, newest first). On disk when it returns.
 *
 * @throws {OverlayfsError} for ids that are no names, or parents without a link
 */
export async function setParents(o: {
  readonly overlayRoot: string;
  readonly cacheId: string;
  readonly parents: readonly string[];
}): Promise<void> {
  checkCacheId(o.cacheId);
  const path = join(o.overlayRoot, o.cacheId, "lower");
  const text = lowerText(o.parents.map((parent) => readLink(o.overlayRoot, parent)));
  writeFileSync(`${path}.new`, text, { mode: 0o644 });
  syncFile(`${path}.new`);
  renameSync(`${path}.new`, path);
  syncFile(join(o.overlayRoot, o.cacheId));
}

function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Remove a layer's directory and its short link; missing is fine. Follows nothing and enters no mount. */
export async function removeLayerDirectory(o: {
  readonly overlayRoot: string;
  readonly cacheId: string;
}): Promise<void> {
  checkCacheId(o.cacheId);
  const link = findLink(o.overlayRoot, o.cacheId);
  if (link !== undefined) removeLink(join(o.overlayRoot, "l", link));
  const because = { option: "remove", why: "the layer is not used any more" };
  perform([{ do: "remove", in: "host", path: join(o.overlayRoot, o.cacheId), because }]);
}

// Node's rmSync with `force` says no code for what it does not expect.
function removeLink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Where the directories of `cacheIds` (newest first) can be found, by their short links. */
export function lowerDirectories(overlayRoot: string, cacheIds: readonly string[]): string[] {
  return cacheIds.map((cacheId) => join(overlayRoot, "l", readLink(overlayRoot, cacheId)));
}

/** The layers below one, as its `lower` file says: short names, newest first. */
export function readLower(overlayRoot: string, cacheId: string): string[] {
  checkCacheId(cacheId);
  const path = join(overlayRoot, cacheId, "lower");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const links = parseLower(text);
  if (links === undefined)
    throw new OverlayfsError("ERR_OVERLAYFS_LAYOUT", `${path} names something else than short links`);
  return links;
}
