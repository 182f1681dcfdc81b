import type { LinuxResources } from "@ctr/oci";
import { cgroupDirectory } from "../cgroup-path.ts";
import { badValue } from "../cgroups-error.ts";
import type { Layout } from "../layout.ts";
import { parseAmount } from "../values.ts";
import { readIfThere } from "./files.ts";

/**
 * A new period alone: v2 keeps quota and period in one file and would drop the quota, so the present
 * one is asked for again.
 */
export async function withPresentQuota(
  layout: Layout,
  path: string,
  resources: LinuxResources,
): Promise<LinuxResources> {
  const tree = layout.controllers.cpu;
  const { cpu } = resources;
  if (tree?.version !== 2 || !cpu?.period || cpu.quota) return resources;
  const present = (await readIfThere(`${cgroupDirectory(tree, path)}/cpu.max`)) ?? "";
  const quota = parseAmount(present.split(" ")[0] ?? "");
  return quota === undefined ? resources : { ...resources, cpu: { ...cpu, quota } };
}

/**
 * `checkBeforeUpdate`: a limit under the present use would not be refused by v2, it would end processes.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see runtime-spec config-linux.md#memory
 */
export async function checkUsage(layout: Layout, path: string, resources: LinuxResources): Promise<void> {
  const tree = layout.controllers.memory;
  const { limit, checkBeforeUpdate } = resources.memory ?? {};
  if (tree === undefined || checkBeforeUpdate !== true || limit === undefined || limit <= 0) return;
  const file = tree.version === 1 ? "memory.usage_in_bytes" : "memory.current";
  const usage = parseAmount((await readIfThere(`${cgroupDirectory(tree, path)}/${file}`)) ?? "") ?? 0;
  if (limit < usage)
    throw badValue("memory.limit", `${limit} bytes are less than the ${usage} in use, and checkBeforeUpdate is set`);
}
