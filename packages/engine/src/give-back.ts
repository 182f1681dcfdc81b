import { type Cgroup, openCgroup } from "@ctr/cgroups";
import { hostFacts } from "@ctr/runtime";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";

/** The cgroup of a container, below each tree's mount. */
export const cgroupPath = (id: string): string => `/ctr/${id}`;

/** The cgroup that a start made, whichever process did. */
export const cgroupOf = (id: string): Cgroup => openCgroup({ layout: hostFacts().layout, path: cgroupPath(id) });

/**
 * Give back what a start took: processes that are left, cgroup, address and ports. Says whether the kernel
 * had ended some of it for want of memory. Again is fine.
 */
export async function finishStart(context: Context, record: ContainerRecord): Promise<boolean> {
  const cgroup = cgroupOf(record.id);
  const oomKilled = (await cgroup.oomKills()) > 0;
  await cgroup.kill("SIGKILL");
  await cgroup.remove();
  if (usesBridge(record)) await context.network.disconnect(record.id);
  return oomKilled;
}

export function usesBridge(record: ContainerRecord): boolean {
  return (record.options.network ?? "bridge") === "bridge";
}
