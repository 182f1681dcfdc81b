import { join } from "node:path";
import { type Cgroup, openCgroup } from "@ctr/cgroups";
import { perform } from "@ctr/kernel";
import { removeLayerDirectory } from "@ctr/overlayfs";
import { hostFacts } from "@ctr/runtime";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, thisProcess } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { finishStart, refresh } from "./refresh.ts";
import { killAndWait } from "./stop.ts";

/** The cgroup of a container, below each tree's mount. */
export const cgroupPath = (id: string): string => `/ctr/${id}`;

/** The cgroup that a start made, whichever process did. */
export const cgroupOf = (id: string): Cgroup => openCgroup({ layout: hostFacts().layout, path: cgroupPath(id) });

/**
 * Remove a container.
 *
 * @param o.force  Kill it first if it runs.
 * @throws {EngineError} `ERR_ENGINE_RUNNING`
 */
export async function removeContainer(context: Context, container: ContainerRecord, o: { readonly force?: boolean } = {}): Promise<void> {
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
  const ours = context.table.update(record.id, ["created", "exited", "removing"], { state: "removing", owner: thisProcess() });
  if (ours !== undefined) await takeDown(context, ours);
}

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
