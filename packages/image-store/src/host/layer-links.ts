import { randomBytes } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { isShortName, lowerText, shortName } from "@ctr/overlayfs";
import { type Context, overlayDirectory, temporaryPath } from "./context.ts";
import { replaceFile } from "./durable.ts";

//   overlay2/<cache id>/link     ABC…                       the layer's short name
//                       lower    l/DEF…:l/GHI…              those of the layers below, newest first
//   overlay2/l/ABC…              ──▶ ../<cache id>/diff     what mounts are made with

/** What is wrong with a layer's short name and with the list of those below it; undefined when nothing is. */
export function linkProblem(context: Context, cacheId: string, parents: readonly string[]): string | undefined {
  const root = overlayDirectory(context);
  const link = readText(join(root, cacheId, "link"));
  if (link === undefined || !isShortName(link)) return "its file link holds no short name";
  if (readLink(join(root, "l", link)) !== `../${cacheId}/diff`) return `overlay2/l/${link} does not lead to it`;
  return lowerProblem(context, cacheId, parents);
}

/** Whether `lower` names the layers below. */
export function lowerProblem(context: Context, cacheId: string, parents: readonly string[]): string | undefined {
  const root = overlayDirectory(context);
  const links = parents.map((parent) => readText(join(root, parent, "link")));
  if (links.some((link) => link === undefined)) return undefined; // told of the layer that has none
  const expected = parents.length === 0 ? undefined : lowerText(links as string[]);
  const found = readText(join(root, cacheId, "lower"));
  return found === expected ? undefined : "its file lower does not name the layers below it";
}

/** Make a layer's short name and the list of those below it what they should be. Its directory must be there. */
export async function repairLinks(context: Context, cacheId: string, parents: readonly string[]): Promise<void> {
  const root = overlayDirectory(context);
  let link = readText(join(root, cacheId, "link"));
  const target = `../${cacheId}/diff`;
  if (link === undefined || !isShortName(link) || isOfOther(context, link, cacheId)) {
    link = linksTo(context, cacheId)[0] ?? shortName(randomBytes(26));
    rmSync(join(root, cacheId, "link"), { recursive: true, force: true });
    replaceFile({ path: join(root, cacheId, "link"), temporary: temporaryPath(context), text: link });
  }
  if (readLink(join(root, "l", link)) !== target) {
    mkdirSync(join(root, "l"), { recursive: true, mode: 0o700 });
    rmSync(join(root, "l", link), { force: true });
    symlinkSync(target, join(root, "l", link));
  }
  if (lowerProblem(context, cacheId, parents) === undefined) return;
  if (parents.length > 0) await context.layerDirectories.setParents({ overlayRoot: root, cacheId, parents });
  else rmSync(join(root, cacheId, "lower"), { recursive: true, force: true });
}

/** Whether another layer has this short name. */
function isOfOther(context: Context, link: string, cacheId: string): boolean {
  const other = /^\.\.\/([^/]+)\/diff$/.exec(readLink(join(overlayDirectory(context), "l", link)) ?? "")?.[1];
  return other !== undefined && other !== cacheId && shortNameOf(context, other) === link;
}

/** Short names that lead to a layer's files. */
export function linksTo(context: Context, cacheId: string): readonly string[] {
  const directory = join(overlayDirectory(context), "l");
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter(
    (name) => isShortName(name) && readLink(join(directory, name)) === `../${cacheId}/diff`,
  );
}

/** What a layer says that its short name is. */
export function shortNameOf(context: Context, cacheId: string): string | undefined {
  return readText(join(overlayDirectory(context), cacheId, "link"));
}

/** Whether the directory of a layer's files is there. */
export function hasDiff(context: Context, cacheId: string): boolean {
  const path = join(overlayDirectory(context), cacheId, "diff");
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim().slice(0, 65_536);
  } catch {
    return undefined; // missing, or no file
  }
}

export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // missing, or no link
  }
}
