import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { removeLayerDirectory } from "@ctr/overlayfs";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
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
