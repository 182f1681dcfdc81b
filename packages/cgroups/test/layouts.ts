import { type Layout, parseLayout } from "../src/steps.ts";

const v1Mounts = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb"]
  .map((it, index) => `${32 + index} 31 0:${29 + index} / /sys/fs/cgroup/${it} rw,relatime - cgroup cgroup rw,${it}`)
  .join("\n");

/** One tree per controller. */
export const v1: Layout = parseLayout({ mountinfo: v1Mounts, cgroup: "", unifiedControllers: "" });

/** One tree for all. */
export const v2: Layout = parseLayout({
  mountinfo: "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
  cgroup: "0::/user.slice",
  unifiedControllers: "cpuset cpu io memory hugetlb pids rdma misc",
});

/** v1 trees beside a v2 tree that holds what v1 does not. */
export const hybrid: Layout = parseLayout({
  mountinfo: `${v1Mounts.split("\n").slice(0, -1).join("\n")}\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`,
  cgroup: "4:memory:/process/1\n0::/",
  unifiedControllers: "hugetlb",
});
