import { type BigIntStats, closeSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { Aspect, FileFacts, FileType } from "../tree-change.ts";
import { type Found, openPart, pathOf, xattrsOf } from "./layer-stack.ts";
import { chunkSize, fill, pathBytes, treeError } from "./open-beneath.ts";

/**
 * In what two files of one name differ. Contents of equal size are read: a time says nothing where
 * builds set it.
 *
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`
 */
export async function differences(before: Found, after: Found, signal?: AbortSignal): Promise<Aspect[]> {
  const type = typeOf(after.stat);
  if (typeOf(before.stat) !== type) return ["type"];
  const differs: Aspect[] = [];
  if (type === "file" && !(await haveSameContent(before, after, signal))) differs.push("content");
  if (type === "symlink" && !linkOf(before).equals(linkOf(after))) differs.push("target");
  if ((type === "character" || type === "block") && before.stat.rdev !== after.stat.rdev) differs.push("device");
  if (before.stat.mode !== after.stat.mode) differs.push("mode");
  if (before.stat.uid !== after.stat.uid || before.stat.gid !== after.stat.gid) differs.push("owner");
  if (!haveSameXattrs(before, after)) differs.push("xattrs");
  if (before.stat.mtimeNs !== after.stat.mtimeNs) differs.push("time");
  return differs;
}

export function factsOf({ stat, layer }: Found): FileFacts {
  const type = typeOf(stat);
  return {
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    layer,
    inode: inodeOf(stat),
    links: Number(stat.nlink),
  };
}

export const inodeOf = (stat: BigIntStats): string => `${stat.dev}:${stat.ino}`;

function typeOf(stat: BigIntStats): FileType {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isSocket()) return "socket";
  return stat.isBlockDevice() ? "block" : "character";
}

async function haveSameContent(a: Found, b: Found, signal: AbortSignal | undefined): Promise<boolean> {
  if (a.stat.size !== b.stat.size) return false;
  if (a.stat.size === 0n || inodeOf(a.stat) === inodeOf(b.stat)) return true;
  const first = openPart(a);
  try {
    const second = openPart(b);
    try {
      return await readSame(first, second, Number(a.stat.size), signal);
    } finally {
      closeSync(second);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw treeError(b.name, cause);
  } finally {
    closeSync(first);
  }
}

async function readSame(a: number, b: number, size: number, signal: AbortSignal | undefined): Promise<boolean> {
  const room = Math.min(size, chunkSize);
  const [first, second] = [Buffer.allocUnsafe(room), Buffer.allocUnsafe(room)];
  for (;;) {
    const length = fill(a, first);
    if (fill(b, second) !== length || first.compare(second, 0, length, 0, length) !== 0) return false;
    if (length < room || length === size) return true;
    signal?.throwIfAborted();
    await setImmediate(); // large files: let others have their turn
  }
}

function linkOf(file: Found): Buffer {
  try {
    return readlinkSync(pathBytes(pathOf(file)), { encoding: "buffer" });
  } catch (cause) {
    throw treeError(file.name, cause);
  }
}

function haveSameXattrs(a: Found, b: Found): boolean {
  const [before, after] = [xattrsOf(a), xattrsOf(b)];
  const names = Object.keys(before);
  return (
    names.length === Object.keys(after).length &&
    names.every((name) => after[name] !== undefined && Buffer.compare(before[name]!, after[name]) === 0)
  );
}
