import type { ContainerRecord } from "./container-record.ts";
import { type Context, thisProcess } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { refresh } from "./refresh.ts";
import { killAndWait } from "./stop.ts";
import { takeDown } from "./take-down.ts";

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
    if (!o.force)
      throw new EngineError(
        "ERR_ENGINE_RUNNING",
        `You cannot remove a running container ${record.id}. Stop the container before attempting removal or force remove`,
      );
    await killAndWait(context, record);
    record = await refresh(context, record);
  }
  const ours = context.table.update(record.id, ["created", "exited", "removing"], {
    state: "removing",
    owner: thisProcess(),
  });
  if (ours !== undefined) await takeDown(context, ours);
}
