import { explainStep } from "@ctr/plan";
import { containerPlan } from "@ctr/runtime";

const { namespaces, steps } = containerPlan({
  config: {
    ociVersion: "1.2.1",
    process: { user: { uid: 1000, gid: 1000 }, args: ["sh"], cwd: "/", noNewPrivileges: true },
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
  },
  ...{ rootfs: "/box", joinCgroup: [], cgroupTrees: [], isFile: () => false, machine: "x86_64", available: 0n },
});
console.log("born in new:", namespaces.join(", "));
console.log(steps.slice(-6).map(explainStep).join("\n"));
// prints: born in new: mount, pid
// prints: capability bounding set 0000000000000000
// prints: no new privileges
// prints: user 1000, group 1000
// prints: capabilities 0000000000000000
// prints: close all from fd 3 on at the exec
// prints: exec sh
