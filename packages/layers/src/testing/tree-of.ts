import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import { listXattrs } from "@ctr/kernel";
import { decodeName, encodeName } from "@ctr/plan";
import { isWhiteout } from "../host/tree-members.ts";
import { type Visit, walkTree } from "../host/walk-tree.ts";
import type { Tree } from "./hostile-archive.ts";

/** What a directory holds, links not followed, in the words of {@link Tree}. Of a large file only its size is told. */
export function treeOf(directory: string): Tree {
  const tree: Record<string, string> = {};
  for (const visit of walkTree(directory)) {
    const what = describe(visit);
    if (visit.depth > 0) tree[visit.name] = what;
    else if (what !== "directory") tree["."] = what;
  }
  return tree;
}

function describe(visit: Visit): string {
  const { stat } = visit;
  const names = stat.isDirectory() || stat.nlink === 1n ? "" : ` ×${stat.nlink}`;
  if (stat.isDirectory()) return isOpaque(visit) ? "directory opaque" : "directory";
  if (stat.isSymbolicLink()) return `symlink ${linkText(visit)}${names}`;
  if (stat.isFIFO()) return `fifo${names}`;
  if (isWhiteout(stat)) return "whiteout";
  if (stat.isCharacterDevice() || stat.isBlockDevice())
    return `${stat.isBlockDevice() ? "block" : "character"} ${major(stat.rdev)}:${minor(stat.rdev)}${names}`;
  return `${fileText(visit)}${names}`;
}

function isOpaque(visit: Visit): boolean {
  return listXattrs({ path: visit.path })["trusted.overlay.opaque"] !== undefined;
}

const linkText = ({ path }: Visit): string =>
  decodeName(readlinkSync(Buffer.from(encodeName(path)), { encoding: "buffer" }));

function fileText({ fd, stat }: Visit): string {
  if (stat.size > 100n) return `file of ${stat.size} bytes`;
  const readable = openSync(`/proc/self/fd/${fd}`, "r");
  try {
    const bytes = Buffer.alloc(100);
    return `file ${decodeName(bytes.subarray(0, readSync(readable, bytes))).replaceAll("\0", "·")}`;
  } finally {
    closeSync(readable);
  }
}

// The kernel's encoding of a device number: linux/kdev_t.h, new_encode_dev.
const major = (device: bigint): bigint => (device >> 8n) & 0xfffn;
const minor = (device: bigint): bigint => (device & 0xffn) | ((device >> 12n) & 0xfff00n);
