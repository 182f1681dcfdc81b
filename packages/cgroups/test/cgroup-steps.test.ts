import { describe, expect, test } from "vitest";
import { cgroupSteps } from "../src/steps.ts";
import { hybrid, v1, v2 } from "./layouts.ts";

const because = { option: "default", why: "a test asks" };
const path = "/ctr/c1";

describe("which trees are used", () => {
  test("a container that asks nothing uses six, and joins each by `tasks`", () => {
    const { join, directories } = cgroupSteps({ layout: v1, path, resources: {}, because });
    const names = ["pids", "memory", "cpu", "cpuacct", "freezer", "devices"];
    expect(directories).toEqual(names.map((it) => `/sys/fs/cgroup/${it}/ctr/c1`));
    expect(join).toEqual(
      names.map((it) => ({ do: "write", path: `/sys/fs/cgroup/${it}/ctr/c1/tasks`, text: "0", because })),
    );
  });

  test("blkio and cpuset come when they are asked for", () => {
    const resources = { cpu: { cpus: "0" }, blockIO: { weight: 100 } };
    const { directories } = cgroupSteps({ layout: v1, path, resources, because, always: [] });
    expect(directories).toEqual(["/sys/fs/cgroup/cpuset/ctr/c1", "/sys/fs/cgroup/blkio/ctr/c1"]);
  });

  test("on hybrid each controller is used where it is", () => {
    const resources = { pids: { limit: 5 }, hugepageLimits: [{ pageSize: "2MB", limit: 0 }] };
    const steps = cgroupSteps({ layout: hybrid, path, resources, because, always: [] });
    expect(steps.join.map((it) => (it as { path: string }).path)).toEqual([
      "/sys/fs/cgroup/pids/ctr/c1/tasks",
      "/sys/fs/cgroup/unified/ctr/c1/cgroup.procs",
    ]);
    expect(steps.limits[0]).toMatchObject({ path: "/sys/fs/cgroup/unified/cgroup.subtree_control", text: "+hugetlb" });
  });

  test("v2 has one directory; controllers are passed down to it, and nobody joins who is born in it", () => {
    const steps = cgroupSteps({ layout: v2, path, resources: { pids: { limit: 5 } }, because, intoCgroup: true });
    expect(steps.create).toEqual(["/sys/fs/cgroup/ctr", "/sys/fs/cgroup/ctr/c1"]);
    expect(steps.join).toEqual([]);
    expect(steps.limits.map((it) => (it as { path: string; text: string }).path)).toEqual([
      "/sys/fs/cgroup/cgroup.subtree_control",
      "/sys/fs/cgroup/ctr/cgroup.subtree_control",
      "/sys/fs/cgroup/ctr/c1/pids.max",
    ]);
    expect(steps.limits[0]).toMatchObject({ text: "+cpu +memory +pids" });
    expect(steps.devices).toMatchObject({ directory: "/sys/fs/cgroup/ctr/c1", program: expect.any(Uint8Array) });
  });

  test("devices are never left open for want of a controller", () => {
    const { devices: _, ...controllers } = v1.controllers;
    const layout = { ...v1, controllers };
    expect(() => cgroupSteps({ layout, path, resources: {}, because })).toThrow(/controller devices cannot be used/);
  });

  test("a limit without its controller is refused, and the option is named", () => {
    const { memory: _, ...controllers } = v1.controllers;
    const resources = { memory: { limit: 1 << 30 } };
    expect(() => cgroupSteps({ layout: { ...v1, controllers }, path, resources, because })).toThrow(
      expect.objectContaining({ code: "ERR_CGROUPS_CONTROLLER", option: "linux.resources.memory" }),
    );
  });
});

test("a v1 cpuset is filled from its parent at each level", () => {
  const { inherit } = cgroupSteps({ layout: v1, path, resources: { cpu: { cpus: "0" } }, because });
  expect(inherit.map((it) => [it.from, it.to].map((file) => file.replace("/sys/fs/cgroup/cpuset", "")))).toEqual([
    ["/cpuset.cpus", "/ctr/cpuset.cpus"],
    ["/cpuset.mems", "/ctr/cpuset.mems"],
    ["/ctr/cpuset.cpus", "/ctr/c1/cpuset.cpus"],
    ["/ctr/cpuset.mems", "/ctr/c1/cpuset.mems"],
  ]);
});

test("each limit names the field that asked, the rest the caller's reason", () => {
  const { limits } = cgroupSteps({ layout: v2, path, resources: { pids: { limit: 5 } }, because });
  expect(limits.map((it) => it.because.option)).toEqual(["default", "default", "linux.resources.pids.limit"]);
});

test("what v2 cannot do is said, not dropped", () => {
  const resources = { memory: { swappiness: 5 }, network: { classID: 7 } };
  const { ignored } = cgroupSteps({ layout: v2, path, resources, because });
  expect(ignored.map((it) => it.option)).toEqual(["linux.resources.memory.swappiness", "linux.resources.network"]);
});

for (const [bad, why] of [
  ["ctr/c1", "not absolute"],
  ["/", "the root is everybody's"],
  ["/ctr/", "an empty name"],
  ["/ctr//c1", "an empty name inside"],
  ["/ctr/../memory", "it leaves"],
  ["/ctr/./c1", "a dot"],
  ["/ctr/a\nb", "a newline forges lines of /proc/<pid>/cgroup"],
  [`/ctr/${"x".repeat(256)}`, "a name too long"],
  ["/x".repeat(33), "too deep"],
] as const)
  test(`path refused: ${JSON.stringify(bad.slice(0, 20))}: ${why}`, () => {
    const run = (): unknown => cgroupSteps({ layout: v1, path: bad, resources: {}, because });
    expect(run).toThrow(expect.objectContaining({ code: "ERR_CGROUPS_PATH" }));
  });
