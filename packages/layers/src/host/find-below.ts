import type { DirectoryStatus } from "../layer-steps.ts";
import { statBelow } from "./stat-below.ts";

/**
 * What the directory `path` is like in the layers below, newest first. A link on the way ends the search: its
 * directory is another one.
 */
export function findBelow(lowers: readonly string[], path: readonly string[]): DirectoryStatus | undefined {
  for (const lower of lowers) {
    const found = lookUp(lower, path);
    if (found === "hidden") return undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function lookUp(lower: string, path: readonly string[]): DirectoryStatus | "hidden" | undefined {
  let here = lower;
  let status: DirectoryStatus | undefined;
  for (const part of path) {
    here = `${here}/${part}`;
    const stat = statBelow(here);
    if (stat === undefined) return undefined;
    if (!stat.isDirectory()) return "hidden";
    status = { mode: Number(stat.mode & 0o7777n), uid: Number(stat.uid), gid: Number(stat.gid), mtime: stat.mtimeNs };
  }
  return status;
}
