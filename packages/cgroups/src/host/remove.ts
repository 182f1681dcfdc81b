import { CgroupError } from "../cgroups-error.ts";
import type { Hierarchy } from "../layout.ts";
import { childrenFirst, processesIn } from "./descendants.ts";
import { removeEmpty } from "./directory.ts";
import { type Patience, untilAsked, untilEvent } from "./wait.ts";

/**
 * Remove a cgroup and all below it in one tree. Nothing is killed: while processes are in it the kernel
 * refuses, and this waits for their end. A cgroup that is gone already is fine.
 * @throws {CgroupError} `ERR_CGROUPS_BUSY` with the ids of the processes when time is over
 */
export async function removeIn(tree: Hierarchy, directory: string, patience: Patience = {}): Promise<void> {
  // The usual case, at once: one empty directory.
  if (removeEmpty(directory)) return;
  const isRemoved = async (): Promise<boolean> => {
    for (const each of await childrenFirst(directory)) if (!removeEmpty(each)) return false;
    return true;
  };
  const wait = tree.version === 2 ? untilEvent : untilAsked;
  try {
    await wait(directory, "it to be empty", isRemoved, patience);
  } catch (cause) {
    if (!(cause instanceof CgroupError) || cause.code !== "ERR_CGROUPS_BUSY") throw cause;
    const pids = await processesIn(directory);
    throw new CgroupError(`cannot remove ${directory}: processes ${pids.slice(0, 10).join(", ")} are in it`, {
      code: "ERR_CGROUPS_BUSY",
      file: directory,
      symbol: "EBUSY",
      hint: "end them first: kill(SIGKILL)",
      cause,
    });
  }
}
