import type { HugepageLimit } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/**
 * The writes for `linux.resources.hugepageLimits`. Reserved pages are limited too: a process that maps
 * more than it may use is told so by mmap(2), not by SIGBUS later.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see Linux Documentation/admin-guide/cgroup-v1/hugetlb.rst, "Reservation accounting"
 */
export function hugetlbWrites(limits: readonly HugepageLimit[], to: Writes): void {
  const end = to.version === 1 ? "limit_in_bytes" : "max";
  for (const [index, { pageSize, limit }] of limits.entries()) {
    const option = `hugepageLimits[${index}]`;
    // It becomes part of a file name.
    if (!/^[1-9]\d{0,5}[KMG]B$/.test(pageSize))
      throw badValue(option, `${JSON.stringify(pageSize.slice(0, 20))} is no page size: write it as 2MB or 1GB`);
    const text = `${integerIn(limit, option, 0)}`;
    to.write(`hugetlb.${pageSize}.${end}`, text, option, "so many bytes in huge pages");
    to.write(`hugetlb.${pageSize}.rsvd.${end}`, text, option, "so many bytes of huge pages set aside");
  }
}
