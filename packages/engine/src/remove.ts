import { setTimeout } from "node:timers/promises";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { refresh } from "./refresh.ts";
import { killAndWait } from "./stop.ts";
import { claimAndTakeDown } from "./take-down.ts";

/** How often another process's removal is looked at; nothing tells when it is over. */
const pollMilliseconds = 5;

/**
 * Remove a container.
 *
 * @param o.force  Kill it first if it runs.
 * @throws {EngineError} `ERR_ENGINE_RUNNING`
 */
export async function removeContainer(
  context: Context,
  container: ContainerRecord,
  o: { readonly force?: boolean } = {},
): Promise<void> {
  let record = await refresh(context, container);
  if (record.state === "running" || record.state === "starting") {
    if (!o.force) throw isRunning(record);
    await killAndWait(context, record);
    record = await refresh(context, record);
  }
  while (!(await claimAndTakeDown(context, record.id))) {
    const now = context.table.get(record.id);
    if (now === undefined) return; // somebody else has removed it
    if (now.state === "running" || now.state === "starting") throw isRunning(now);
    await setTimeout(pollMilliseconds);
  }
}

function isRunning(record: ContainerRecord): EngineError {
  return new EngineError(
    "ERR_ENGINE_RUNNING",
    `You cannot remove a running container ${record.id}. Stop the container before attempting removal or force remove`,
  );
}
