import type { LinuxResources } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CgroupError, cgroupSteps, type Layout, updateSteps } from "../src/steps.ts";
import { v1, v2 } from "./layouts.ts";

const because = { option: "test", why: "a test asks" };

/** The writes as `file=text`, without the directory, joins and controllers passed down. */
function writes(layout: Layout, resources: LinuxResources): string[] {
  return lines(cgroupSteps({ layout, path: "/ctr/c1", resources, because, always: [] }).limits);
}

const lines = (steps: readonly Step[]): string[] =>
  steps
    .filter((it) => it.do === "write")
    .filter(({ path }) => !path.endsWith("subtree_control"))
    .map(({ path, text }) => `${path.slice(path.lastIndexOf("/") + 1)}=${text}`);

const MiB = 1024 * 1024;

const cases: { resources: LinuxResources; v1: string[]; v2: string[]; why: string }[] = [
  {
    resources: { memory: { limit: 64 * MiB } },
    v1: ["memory.limit_in_bytes=67108864"],
    v2: ["memory.max=67108864"],
    why: "a memory limit alone",
  },
  {
    resources: { memory: { limit: 64 * MiB, swap: 96 * MiB } },
    v1: ["memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=100663296"],
    v2: ["memory.swap.max=33554432", "memory.max=67108864"],
    why: "v2 counts swap alone",
  },
  {
    resources: { memory: { limit: 64 * MiB, swap: 64 * MiB } },
    v1: ["memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=67108864"],
    v2: ["memory.swap.max=0", "memory.max=67108864"],
    why: "the same number twice means no swap",
  },
  {
    resources: { memory: { limit: 64 * MiB, swap: -1 } },
    v1: ["memory.limit_in_bytes=67108864"],
    v2: ["memory.max=67108864"],
    why: "unlimited swap is what a new cgroup has",
  },
  {
    resources: { memory: { limit: 64n * 1024n * 1024n, reservation: 32 * MiB } },
    v1: ["memory.limit_in_bytes=67108864", "memory.soft_limit_in_bytes=33554432"],
    v2: ["memory.max=67108864", "memory.low=33554432"],
    why: "a reservation is the soft limit of v1 and the protection of v2",
  },
  {
    resources: { memory: { swappiness: 10, disableOOMKiller: true } },
    v1: ["memory.swappiness=10", "memory.oom_control=1"],
    v2: [],
    why: "v2 has neither",
  },
  {
    resources: { cpu: { shares: 1024 } },
    v1: ["cpu.shares=1024"],
    v2: ["cpu.weight=100"],
    why: "default stays default",
  },
  { resources: { cpu: { shares: 2000 } }, v1: ["cpu.shares=2000"], v2: ["cpu.weight=170"], why: "as runc 1.4 (#4896)" },
  { resources: { cpu: { shares: 2 } }, v1: ["cpu.shares=2"], v2: ["cpu.weight=1"], why: "the least" },
  {
    resources: { cpu: { shares: 262_144 } },
    v1: ["cpu.shares=262144"],
    v2: ["cpu.weight=10000"],
    why: "the most",
  },
  {
    resources: { cpu: { quota: 50_000, period: 100_000 } },
    v1: ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"],
    v2: ["cpu.max=50000 100000"],
    why: "half a CPU",
  },
  { resources: { cpu: { quota: -1 } }, v1: ["cpu.cfs_quota_us=-1"], v2: ["cpu.max=max"], why: "no quota" },
  {
    resources: { cpu: { period: 50_000 } },
    v1: ["cpu.cfs_period_us=50000"],
    v2: ["cpu.max=max 50000"],
    why: "a period alone limits nothing",
  },
  {
    resources: { cpu: { quota: 20_000, burst: 10_000 } },
    v1: ["cpu.cfs_quota_us=20000", "cpu.cfs_burst_us=10000"],
    v2: ["cpu.max=20000", "cpu.max.burst=10000"],
    why: "the burst is checked against the quota, so it comes after",
  },
  {
    resources: { cpu: { shares: 512, idle: 1 } },
    v1: ["cpu.shares=512", "cpu.idle=1"],
    v2: ["cpu.weight=59", "cpu.idle=1"],
    why: "an idle cgroup takes no shares any more",
  },
  {
    resources: { cpu: { shares: 512, idle: 0 } },
    v1: ["cpu.idle=0", "cpu.shares=512"],
    v2: ["cpu.idle=0", "cpu.weight=59"],
    why: "shares only after it is no longer idle",
  },
  {
    resources: { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 900_000 } },
    v1: ["cpu.rt_period_us=1000000", "cpu.rt_runtime_us=900000"],
    v2: [],
    why: "v2 does not share out real time",
  },
  {
    resources: { cpu: { cpus: "0,1,2,5", mems: "0" } },
    v1: ["cpuset.cpus=0-2,5", "cpuset.mems=0"],
    v2: ["cpuset.cpus=0-2,5", "cpuset.mems=0"],
    why: "the same list in its short form",
  },
  { resources: { pids: { limit: 100 } }, v1: ["pids.max=100"], v2: ["pids.max=100"], why: "a number of processes" },
  { resources: { pids: { limit: -1 } }, v1: ["pids.max=max"], v2: ["pids.max=max"], why: "-1 lifts it" },
  { resources: { pids: { limit: 0 } }, v1: [], v2: [], why: "0 is how old documents write nothing" },
  {
    resources: { blockIO: { weight: 500, weightDevice: [{ major: 8, minor: 0, weight: 100 }] } },
    v1: ["blkio.bfq.weight=500", "blkio.bfq.weight_device=8:0 100"],
    v2: ["io.weight=4950", "io.weight=8:0 910"],
    why: "v2 weighs from 1 to 10000",
  },
  {
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }],
        throttleWriteIOPSDevice: [
          { major: 8, minor: 0, rate: 20 },
          { major: 8, minor: 16, rate: 0 },
        ],
      },
    },
    v1: [
      "blkio.throttle.read_bps_device=8:0 1000",
      "blkio.throttle.write_iops_device=8:0 20",
      "blkio.throttle.write_iops_device=8:16 0",
    ],
    v2: ["io.max=8:0 rbps=1000 wiops=20", "io.max=8:16 wiops=max"],
    why: "one line per device on v2, and zero is no limit",
  },
  {
    resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MiB }] },
    v1: ["hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304"],
    v2: ["hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"],
    why: "used and reserved pages",
  },
  { resources: {}, v1: [], v2: [], why: "nothing asked, nothing written" },
];

for (const { resources, why, ...expected } of cases)
  test(`${JSON.stringify(resources, (_, it) => (typeof it === "bigint" ? `${it}` : it))}: ${why}`, () => {
    expect(writes(v1, resources)).toEqual(expected.v1);
    expect(writes(v2, resources)).toEqual(expected.v2);
  });

const wrong: { resources: LinuxResources; message: RegExp; why: string }[] = [
  {
    resources: { memory: { limit: 1024 } },
    message: /Minimum memory limit allowed is 6MB/,
    why: "nothing starts in it",
  },
  { resources: { memory: { limit: 6 * MiB - 1 } }, message: /6MB/, why: "one byte under" },
  { resources: { memory: { limit: 1.5 } }, message: /memory.limit: 1.5 is not/, why: "half a byte" },
  { resources: { memory: { limit: -2 } }, message: /memory.limit/, why: "only -1 has a meaning" },
  { resources: { memory: { swap: 64 * MiB } }, message: /always set the Memory limit/, why: "swap without memory" },
  {
    resources: { memory: { limit: 64 * MiB, swap: 32 * MiB } },
    message: /memoryswap limit should be larger/,
    why: "swap counts both",
  },
  {
    resources: { memory: { limit: 64 * MiB, reservation: 65 * MiB } },
    message: /less than memory reservation/,
    why: "more kept than allowed",
  },
  { resources: { memory: { swappiness: 101 } }, message: /swappiness.*0 to 100/, why: "out of range" },
  { resources: { cpu: { shares: 1 } }, message: /minimum allowed cpu-shares is 2/, why: "the kernel would make it 2" },
  { resources: { cpu: { shares: 262_145 } }, message: /maximum allowed cpu-shares is 262144/, why: "one too many" },
  { resources: { cpu: { shares: -5 } }, message: /positive integer/, why: "negative" },
  { resources: { cpu: { quota: 999 } }, message: /quota can not be less than 1ms/, why: "the kernel's least" },
  { resources: { cpu: { quota: -2 } }, message: /quota/, why: "only -1 has a meaning" },
  { resources: { cpu: { period: 999 } }, message: /period can not be less than 1ms/, why: "too short" },
  { resources: { cpu: { period: 1_000_001 } }, message: /larger than 1s/, why: "too long" },
  { resources: { cpu: { quota: 1000, burst: 2000 } }, message: /burst/, why: "more burst than quota" },
  { resources: { cpu: { cpus: "0-" } }, message: /cpu.cpus: invalid list/, why: "half a range" },
  { resources: { cpu: { cpus: "3-1" } }, message: /invalid list/, why: "backwards" },
  { resources: { cpu: { cpus: "0\n1" } }, message: /invalid list/, why: "two lines" },
  { resources: { cpu: { cpus: "99999" } }, message: /invalid list/, why: "no machine has it" },
  { resources: { cpu: { mems: "all" } }, message: /cpu.mems: invalid list/, why: "a word" },
  { resources: { cpu: { cpus: " " } }, message: /names nothing/, why: "only a space" },
  { resources: { pids: { limit: 1.5 } }, message: /pids.limit/, why: "half a process" },
  { resources: { blockIO: { weight: 5 } }, message: /10 to 1000/, why: "under the least weight" },
  {
    resources: { blockIO: { throttleReadBpsDevice: [{ major: -1, minor: 0, rate: 1 }] } },
    message: /throttleReadBpsDevice\[0\]/,
    why: "no such major",
  },
  {
    resources: { hugepageLimits: [{ pageSize: "../2MB", limit: 1 }] },
    message: /no page size/,
    why: "it becomes a file name",
  },
];

for (const { resources, message, why } of wrong)
  test(`refused: ${JSON.stringify(resources)}: ${why}`, () => {
    for (const layout of [v1, v2]) {
      expect(() => writes(layout, resources)).toThrow(message);
      expect(() => writes(layout, resources)).toThrow(expect.objectContaining({ code: "ERR_CGROUPS_VALUE" }));
    }
  });

describe("unified", () => {
  test("its files come last, so that they win", () => {
    const resources = { memory: { limit: 64 * MiB }, unified: { "memory.high": "50000000", "memory.max": "max" } };
    expect(writes(v2, resources)).toEqual(["memory.max=67108864", "memory.high=50000000", "memory.max=max"]);
  });

  test("several lines are several writes", () => {
    const text = "8:0 rbps=1\n8:16 rbps=2\n";
    expect(writes(v2, { unified: { "io.max": text } })).toEqual(["io.max=8:0 rbps=1", "io.max=8:16 rbps=2"]);
  });

  test("it is refused where v1 has the controllers", () => {
    expect(() => writes(v1, { unified: { "memory.high": "1" } })).toThrow(/these are cgroup v2 files/);
  });

  for (const file of [
    "../memory.max",
    "memory/../cgroup.procs",
    "memory..max",
    "memory",
    "",
    "cgroup.procs",
    "cgroup.kill",
    "cgroup.subtree_control",
    "memory.max\n",
    "__proto__",
  ])
    test(`refused: ${JSON.stringify(file)}`, () => {
      const unified = JSON.parse(`{${JSON.stringify(file)}: "1"}`);
      expect(() => writes(v2, { unified })).toThrow(expect.objectContaining({ code: "ERR_CGROUPS_VALUE" }));
    });
});

describe("update", () => {
  const update = (layout: Layout, resources: LinuxResources): string[] =>
    lines(updateSteps({ layout, path: "/ctr/c1", resources }).limits);

  test("v1 lifts memory and swap together before it changes either", () => {
    expect(update(v1, { memory: { limit: 64 * MiB, swap: 64 * MiB } })).toEqual([
      "memory.memsw.limit_in_bytes=-1",
      "memory.limit_in_bytes=67108864",
      "memory.memsw.limit_in_bytes=67108864",
    ]);
  });

  test("v1 lifts the quota before it changes the period", () => {
    expect(update(v1, { cpu: { quota: 5_000, period: 10_000 } })).toEqual([
      "cpu.cfs_quota_us=-1",
      "cpu.cfs_period_us=10000",
      "cpu.cfs_quota_us=5000",
    ]);
  });

  test("unlimited memory takes the limit of swap with it", () => {
    expect(update(v2, { memory: { limit: -1 } })).toEqual(["memory.swap.max=max", "memory.max=max"]);
  });

  test("devices are left alone, and that is said", () => {
    const done = updateSteps({ layout: v1, path: "/ctr/c1", resources: { devices: [] } });
    expect(done).toMatchObject({ limits: [], ignored: [{ option: "linux.resources.devices" }] });
  });
});

test("whatever is asked, it is translated or refused with our error", () => {
  const int = fc.oneof(fc.integer(), fc.double(), fc.bigInt({ min: -5n, max: 2n ** 64n }));
  const device = fc.record({ major: fc.integer(), minor: fc.integer(), rate: int, weight: fc.integer() });
  const resources = fc.record(
    {
      memory: fc.record({ limit: int, swap: int, reservation: int, swappiness: fc.integer() }, { requiredKeys: [] }),
      cpu: fc.record(
        { shares: int, quota: int, period: int, burst: int, idle: int, cpus: fc.string() },
        { requiredKeys: [] },
      ),
      pids: fc.record({ limit: int }),
      blockIO: fc.record({ weightDevice: fc.array(device), throttleReadBpsDevice: fc.array(device) }),
      hugepageLimits: fc.array(fc.record({ pageSize: fc.string(), limit: int })),
      unified: fc.dictionary(fc.string(), fc.string()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(resources, fc.constantFrom(v1, v2), (asked, layout) => {
      try {
        const { limits } = cgroupSteps({ layout, path: "/ctr/c1", resources: asked as LinuxResources, because });
        for (const step of limits) {
          expect(step).toMatchObject({ do: "write", path: expect.stringMatching(/^\/sys\/fs\/cgroup\/[\w./]+$/) });
          expect((step as { path: string }).path).not.toContain("..");
        }
      } catch (error) {
        expect(error).toBeInstanceOf(CgroupError);
      }
    }),
  );
});
