import { spawnSync } from "node:child_process";
import { createCgroup } from "@ctr/cgroups";

// A group that may have 32 processes. `always: []` leaves devices and other trees alone.
await using cgroup = await createCgroup({
  path: `/example-${process.pid}`,
  resources: { pids: { limit: 32 } },
  always: [],
});

// The child goes in by itself, which costs nothing; a parent that puts it there waits for the kernel.
const join = cgroup.joinSteps.map((step) => (step.do === "write" ? `echo ${step.text} > ${step.path}` : "")).join("\n");
const counted = spawnSync("sh", ["-c", `${join}\nfor i in $(seq 40); do sleep 9 & done`], { stdio: "ignore" });
const { pids } = await cgroup.stats();
await cgroup.kill();
console.log(`fork failed: ${counted.status !== 0}, limit: ${pids?.limit}, left: ${(await cgroup.processes()).length}`);
// prints: fork failed: true, limit: 32, left: 0
