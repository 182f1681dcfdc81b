import type { RdmaLimit } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/**
 * The writes for `linux.resources.rdma`, the same on v1 and v2.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "RDMA Interface Files"
 */
export function rdmaWrites(limits: Readonly<Record<string, RdmaLimit>>, to: Writes): void {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(limits)) {
    const option = `rdma.${device.slice(0, 64)}`;
    if (!/^[\w.-]{1,63}$/.test(device)) throw badValue(option, "this is no device name");
    const keys: string[] = [];
    if (hcaHandles !== undefined) keys.push(`hca_handle=${integerIn(hcaHandles, option, 0, 0x7fff_ffff)}`);
    if (hcaObjects !== undefined) keys.push(`hca_object=${integerIn(hcaObjects, option, 0, 0x7fff_ffff)}`);
    if (keys.length > 0) to.write("rdma.max", [device, ...keys].join(" "), option, "so many RDMA resources");
  }
}
