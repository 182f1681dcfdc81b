import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { removeLayerDirectory } from "@ctr/overlayfs";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, isAlive, thisProcess } from "./context.ts";
import { cgroupOf, finishStart } from "./give-back.ts";

/** Take everything away that a container has, in whatever state it was left; then its record. Again is fine. */
export async function takeDown(context: Context, record: ContainerRecord): Promise<void> {
  const cgroup = cgroupOf(record.id);
  await finishStart(context, record);
  await cgroup.remove();
  await removeLayerDirectory({ overlayRoot: join(context.root, "overlay2"), cacheId: record.id });
  const because = { option: "rm", why: "the container is removed" };
  perform([{ do: "remove", in: "host", path: containerDirectory(context.root, record.id), because }]);
  context.store.release(record.id);
  context.table.delete(record.id);
}

/**
 * Take a container down that does not run, unless another call or process is making or removing it.
 *
 * @returns false when it is not ours to remove; ask again once the other one is done
 */
export async function claimAndTakeDown(context: Context, id: string): Promise<boolean> {
  const ours = context.table.update(
    id,
    ["creating", "created", "exited", "removing"],
    { state: "removing", owner: thisProcess() },
    (record) => !(isAlive(record.owner) && (record.state === "creating" || record.state === "removing")),
  );
  if (ours === undefined) return false;
  try {
    await takeDown(context, ours);
  } catch (error) {
    // Whoever tries again may have more luck, this process too.
    context.table.update(id, ["removing"], { state: ours.startedAt === undefined ? "created" : "exited" });
    throw error;
  }
  return true;
}
