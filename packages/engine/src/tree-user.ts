import { setTimeout } from "node:timers/promises";
import { type Context, isAlive, thisProcess } from "./context.ts";

/** How often another process's work is looked at; nothing tells when it is over. */
const pollMilliseconds = 5;

/**
 * Have the files of a container that does not run for oneself: two overlay mounts must not write into one upper
 * directory (Linux Documentation/filesystems/overlayfs.rst, "Sharing and copying layers"). Waits for whoever has
 * them, and for a start that goes on.
 *
 * @returns a function that lets others have them; undefined for a container that is neither created nor exited
 */
export async function useTree(context: Context, id: string): Promise<(() => void) | undefined> {
  const resting = ["created", "exited"] as const;
  for (;;) {
    await untilUnused(context, id);
    const ours = context.table.update(id, resting, { treeUser: thisProcess() }, (now) => !isAlive(now.treeUser));
    if (ours !== undefined) return () => void context.table.update(id, resting, { treeUser: undefined });
    const now = context.table.get(id);
    const isResting = now?.state === "created" || now?.state === "exited";
    const isStarting = now?.state === "starting" && isAlive(now.owner);
    if (!isResting && !isStarting) return undefined;
    await setTimeout(pollMilliseconds);
  }
}

/** Wait until nobody writes into the files of a container that does not run. */
export async function untilUnused(context: Context, id: string): Promise<void> {
  while (isAlive(context.table.get(id)?.treeUser)) await setTimeout(pollMilliseconds);
}
