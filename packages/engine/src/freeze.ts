import { setTimeout } from "node:timers/promises";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, isAlive, thisProcess } from "./context.ts";
import { cgroupOf } from "./give-back.ts";

/** How often another process's work is looked at; nothing tells when it is over. */
const pollMilliseconds = 5;

/**
 * Do something while no process of a container runs, then let them go on, whatever happened. One that does not
 * run needs no stopping. Were this process killed meanwhile, the next command would thaw the container.
 *
 * @throws {CgroupError} when its processes cannot be stopped; what `action` throws
 */
export async function whileFrozen<T>(
  context: Context,
  record: ContainerRecord,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (!isRunning(record)) return action();
  while (!claim(context, record.id)) {
    signal?.throwIfAborted();
    if (!isRunning(context.table.get(record.id))) return action();
    await setTimeout(pollMilliseconds); // another process has it frozen
  }
  try {
    try {
      await cgroupOf(record.id).freeze({ signal });
    } catch (error) {
      if (isRunning(context.table.get(record.id))) throw error; // else it has ended, which is as good
    }
    return await action();
  } finally {
    await thaw(context, record);
  }
}

/** Let a container go on that a process froze which is gone. */
export async function thawAbandoned(context: Context, record: ContainerRecord): Promise<void> {
  if (record.frozenBy !== undefined && !isAlive(record.frozenBy)) await thaw(context, record);
}

const isRunning = (record: ContainerRecord | undefined): boolean =>
  record?.state === "running" && isAlive(record.process);

function claim(context: Context, id: string): boolean {
  const free = (record: ContainerRecord): boolean => !isAlive(record.frozenBy);
  return context.table.update(id, ["running"], { frozenBy: thisProcess() }, free) !== undefined;
}

async function thaw(context: Context, record: ContainerRecord): Promise<void> {
  try {
    await cgroupOf(record.id).thaw();
  } catch (error) {
    if (isAlive(record.process)) throw error; // else its cgroup went with it
  } finally {
    context.table.update(record.id, ["running", "finishing", "exited"], { frozenBy: undefined });
  }
}
