import type { Hierarchy } from "../layout.ts";
import { processesIn } from "./descendants.ts";
import { errnoOf, kernelError, performWrite, readIfThere } from "./files.ts";
import { setFrozen } from "./freeze.ts";
import { type Patience, untilAsked, untilEvent } from "./wait.ts";

/** Where processes are to be found, and where they can be stopped while they are counted. */
export interface Victims {
  readonly tree: Hierarchy;
  readonly directory: string;
  readonly freezer: { readonly tree: Hierarchy; readonly directory: string } | undefined;
}

/**
 * End every process of a cgroup and all below it, and wait until none is left. A process that forks
 * faster than others count cannot escape: v2 has a file for it (Linux 5.14), v1 stops all first.
 * @throws {CgroupError} `ERR_CGROUPS_BUSY` when one does not go, as in uninterruptible sleep
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "cgroup.kill"
 */
export async function killAll(victims: Victims, patience: Patience = {}): Promise<void> {
  const { tree, directory } = victims;
  const isEmpty = async (): Promise<boolean> => (await processesIn(directory)).length === 0;
  if (tree.version === 2) {
    if (!(await writeKillFile(directory))) await signalAll(victims, "SIGKILL", patience);
    return untilEvent(directory, "its processes to end", async () => !(await isPopulated(directory)), patience);
  }
  return untilAsked(
    directory,
    "its processes to end",
    async () => {
      if (await isEmpty()) return true;
      await signalAll(victims, "SIGKILL", patience);
      return isEmpty();
    },
    patience,
  );
}

/** False when this kernel does not have the file. */
async function writeKillFile(directory: string): Promise<boolean> {
  if ((await readIfThere(`${directory}/cgroup.events`)) === undefined) return true;
  try {
    const because = { option: "kill", why: "every process ends" };
    performWrite({ do: "write", path: `${directory}/cgroup.kill`, text: "1", because });
    return true;
  } catch (cause) {
    if ((cause as { symbol?: unknown }).symbol === "ENOENT") return false;
    throw cause;
  }
}

async function isPopulated(directory: string): Promise<boolean> {
  return /^populated 1$/m.test((await readIfThere(`${directory}/cgroup.events`)) ?? "");
}

/**
 * Send a signal to every process of a cgroup and all below it, once. They are stopped meanwhile where
 * that is possible, so that none is born unseen and no id is used again for a stranger.
 * @throws {CgroupError} `ERR_CGROUPS_KERNEL` when this user may not
 */
export async function signalAll(victims: Victims, signal: NodeJS.Signals, patience: Patience = {}): Promise<void> {
  const { freezer, directory } = victims;
  if (freezer !== undefined) await whileThere(() => setFrozen(freezer.tree, freezer.directory, true, patience));
  try {
    for (const pid of await processesIn(directory)) sendSignal(pid, signal);
  } finally {
    if (freezer !== undefined) await whileThere(() => setFrozen(freezer.tree, freezer.directory, false, patience));
  }
}

/** Somebody else may remove an empty cgroup at any moment; then nobody was left to stop. */
async function whileThere(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (cause) {
    if (!["ENOENT", "ENODEV"].includes(errnoOf(cause).symbol)) throw cause;
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if (errnoOf(cause).symbol !== "ESRCH") throw kernelError(`send ${signal} to`, `process ${pid}`, cause);
  }
}
