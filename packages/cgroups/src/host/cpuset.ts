import type { LinuxResources } from "@ctr/oci";
import { badValue } from "../cgroups-error.ts";
import { cpuListText, parseCpuList } from "../cpuset.ts";
import type { Layout } from "../layout.ts";
import { readNowIfThere } from "./files.ts";

/**
 * Refuse CPUs and memory nodes that the machine does not have. v1 would say EACCES; v2 would take them
 * in silence and run the container everywhere.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 */
export function checkCpuset(layout: Layout, resources: LinuxResources): void {
  const tree = layout.controllers.cpuset;
  if (tree === undefined) return;
  for (const kind of ["cpus", "mems"] as const) {
    const asked = resources.cpu?.[kind];
    if (asked === undefined || asked === "") continue;
    const file = tree.version === 1 ? `cpuset.effective_${kind}` : `cpuset.${kind}.effective`;
    const available = parseCpuList(readNowIfThere(`${tree.mount}/${file}`) ?? "", `cpu.${kind}`);
    const missing = parseCpuList(asked, `cpu.${kind}`).some((it) => !available.includes(it));
    if (!missing || available.length === 0) continue;
    const what = kind === "cpus" ? "CPUs" : "memory nodes";
    throw badValue(
      `cpu.${kind}`,
      `Requested ${what} are not available - requested ${asked}, available: ${cpuListText(available)}`,
    );
  }
}
