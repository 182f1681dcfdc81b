import { constants, lstatSync, readFileSync } from "node:fs";
import { lstat, open, opendir } from "node:fs/promises";
import { join } from "node:path";

/** Files that are synced at the same time. */
const concurrency = 32;

/**
 * Bytes that a tree takes on disk, as du(1) with -x counts them: blocks, a file with several names once, nothing of
 * another file system that is mounted inside. What goes away meanwhile is not counted; a tree that is not there is 0.
 *
 * @param o.sync  Also bring every file and directory to disk.
 */
export async function measureTree(path: string, o: { readonly sync: boolean } = { sync: false }): Promise<number> {
  const top = lstatSync(path, { throwIfNoEntry: false });
  const seen = new Set<string>();
  let bytes = 0;
  const visit = async (entry: string): Promise<void> => {
    const status = await existing(lstat(entry));
    if (status === undefined || status.dev !== top?.dev) return;
    const inode = `${status.dev}:${status.ino}`;
    if (!seen.has(inode)) bytes += status.blocks * 512; // stat(2): st_blocks counts 512 bytes each
    if (status.nlink > 1) seen.add(inode);
    if (status.isDirectory()) await visitAll(entry);
    if (o.sync && (status.isDirectory() || status.isFile())) await syncFile(entry);
  };
  const visitAll = async (directory: string): Promise<void> => {
    const batch: Promise<void>[] = [];
    for await (const { name } of (await existing(opendir(directory))) ?? []) {
      batch.push(visit(join(directory, name)));
      if (batch.length >= concurrency) await Promise.all(batch.splice(0));
    }
    await Promise.all(batch);
  };
  await visit(path);
  return bytes;
}

/** Bytes that a layer's short name takes: a symlink with a target as long as this has a block of its own on some file systems. */
export function shortNameBytes(overlayRoot: string, cacheId: string): number {
  try {
    const link = readFileSync(join(overlayRoot, cacheId, "link"), "utf8").trim();
    return (lstatSync(join(overlayRoot, "l", link), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  } catch {
    return 0; // it has none
  }
}

async function existing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    await file.sync();
  } catch (error) {
    // A file whose owner may not read it; without root there is no other way to its inode.
    if (!(error instanceof Error && "code" in error && error.code === "EACCES")) throw error;
  }
}
