import type { PidsResources } from "@ctr/oci";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/**
 * The write for `linux.resources.pids`: how many processes and threads there may be; zero and -1 lift it.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see Linux Documentation/admin-guide/cgroup-v1/pids.rst
 */
export function pidsWrites(pids: PidsResources, to: Writes): void {
  if (pids.limit === undefined) return;
  const limit = integerIn(pids.limit, "pids.limit", -1);
  const text = limit > 0 ? `${limit}` : "max";
  to.write("pids.max", text, "pids.limit", "fork fails beyond so many processes and threads");
}
