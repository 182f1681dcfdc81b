import { cgroupSteps, parseLayout } from "@ctr/cgroups/steps";

const mountinfo = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
const layout = parseLayout({ mountinfo, cgroup: "0::/", unifiedControllers: "cpu memory pids" });
const resources = { memory: { limit: 64 << 20, swap: 96 << 20 }, cpu: { shares: 512 } };
const because = { option: "--memory 64m", why: "an example" };
const { limits } = cgroupSteps({ layout, path: "/ctr/c1", resources, because, always: [] });
for (const step of limits) if (step.do === "write") console.log(`${step.path} ← ${step.text}`);
// prints: /sys/fs/cgroup/cgroup.subtree_control ← +cpu +memory
// prints: /sys/fs/cgroup/ctr/cgroup.subtree_control ← +cpu +memory
// prints: /sys/fs/cgroup/ctr/c1/memory.swap.max ← 33554432
// prints: /sys/fs/cgroup/ctr/c1/memory.max ← 67108864
// prints: /sys/fs/cgroup/ctr/c1/cpu.weight ← 59
