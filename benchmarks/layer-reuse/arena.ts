import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";

/** An empty file system for one contestant's turn. */
export interface Arena extends Disposable {
  readonly directory: string;
}

/**
 * A fresh ext4, with a journal, in a file below `directory`. Every turn begins on one: after the deletion of many
 * files ext4 is slow for minutes, and the one before has left none that could be deleted.
 *
 * @param bytes  how large; the file has holes
 */
export function openArena(directory: string, bytes: number): Arena {
  const image = join(directory, "arena.ext4");
  const target = join(directory, "arena"); // short: sockets lie in it
  mkdirSync(target, { recursive: true });
  const file = openSync(image, "w");
  ftruncateSync(file, bytes);
  closeSync(file);
  // Not later, by a kernel thread, while somebody is timed.
  execFileSync("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
  execFileSync("mount", ["-o", "loop", image, target]);
  return {
    directory: target,
    [Symbol.dispose]: () => {
      execFileSync("umount", [target]);
      rmSync(image);
    },
  };
}

/** Write back what a step has left in memory, so that it is not in the next one's time. */
export function settle(arena: Arena): void {
  execFileSync("sync", ["-f", arena.directory]);
}
