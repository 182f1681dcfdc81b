import { namespacePlan } from "@ctr/namespaces";
import { explain } from "@ctr/plan";

const plan = namespacePlan([
  { type: "mount" },
  { type: "uts" },
  { type: "network", path: "/proc/4711/ns/net" },
  { type: "cgroup" },
]);
console.log("born in new:", plan.clone.join(", "));
console.log(explain([...plan.join, ...plan.unshare]));
// prints: born in new: mount, uts
// prints: 1  join the network namespace /proc/4711/ns/net  linux.namespaces.network.path: shares the network namespace
// prints: 2  new cgroup namespace                          linux.namespaces.cgroup: the container's cgroup looks like the root
