import type { NetworkResources } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/** The write that marks packets for tc(8), v1 only. @see Linux Documentation/admin-guide/cgroup-v1/net_cls.rst */
export function classIdWrites(network: NetworkResources, to: Writes): void {
  if (network.classID === undefined || network.classID === 0) return;
  const text = `${integerIn(network.classID, "network.classID", 0, 0xffff_ffff)}`;
  to.write("net_cls.classid", text, "network.classID", "packets carry this class");
}

/** The writes that give packets a priority, v1 only. @see Linux Documentation/admin-guide/cgroup-v1/net_prio.rst */
export function networkPriorityWrites(network: NetworkResources, to: Writes): void {
  for (const [index, { name, priority }] of (network.priorities ?? []).entries()) {
    const option = `network.priorities[${index}]`;
    // The kernel reads "<name> <number>".
    if (!/^[^\s/:]{1,15}$/.test(name)) throw badValue(option, `${JSON.stringify(name.slice(0, 20))} is no interface`);
    const text = `${name} ${integerIn(priority, option, 0, 0xffff_ffff)}`;
    to.write("net_prio.ifpriomap", text, option, "packets that leave here have this priority");
  }
}
