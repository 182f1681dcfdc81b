import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { detectLayout } from "@ctr/cgroups";
import { describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

const isV2 = !notRoot && detectLayout().kind === "v2";

/** The first block device that there is, as its path and `major:minor`. */
function blockDevice(): { path: string; number: string } | undefined {
  for (const name of readdirSync("/sys/class/block"))
    if (existsSync(`/dev/${name}`))
      return { path: `/dev/${name}`, number: readFileSync(`/sys/class/block/${name}/dev`, "utf8").trim() };
  return undefined;
}

describe.skipIf(notRoot)("limits of ctr run, read back from the kernel (needs root)", () => {
  const ctr = temporaryCtr();

  /** What a file of the container's cgroup says, while it runs. */
  async function limitOf(flags: readonly string[], v1: string, v2: string): Promise<string> {
    const id = await ctr.start(...flags);
    try {
      const path = isV2 ? `ctr/${id}/${v2}` : v1.replace("/", `/ctr/${id}/`);
      return readFileSync(join("/sys/fs/cgroup", path), "utf8").trim();
    } finally {
      await ctr.say("rm", "-f", id);
    }
  }

  const rows = [
    { flags: ["-m", "64m"], v1: "memory/memory.limit_in_bytes", v2: "memory.max", is: "67108864", why: "bytes" },
    {
      flags: ["-m", "64m", "--memory-swap", "96m"],
      v1: "memory/memory.memsw.limit_in_bytes",
      v2: "memory.swap.max",
      is: ["100663296", "33554432"],
      why: "v1 counts both, v2 swap alone",
    },
    {
      flags: ["-m", "64m", "--memory-reservation", "32m"],
      v1: "memory/memory.soft_limit_in_bytes",
      v2: "memory.low",
      is: "33554432",
      why: "the soft limit",
    },
    {
      flags: ["--cpus", "0.5"],
      v1: "cpu/cpu.cfs_quota_us",
      v2: "cpu.max",
      is: ["50000", "50000 100000"],
      why: "half of each period",
    },
    {
      flags: ["--cpu-quota", "20000", "--cpu-period", "50000"],
      v1: "cpu/cpu.cfs_period_us",
      v2: "cpu.max",
      is: ["50000", "20000 50000"],
      why: "as given",
    },
    { flags: ["-c", "512"], v1: "cpu/cpu.shares", v2: "cpu.weight", is: ["512", "59"], why: "shares become a weight" },
    { flags: ["--cpuset-cpus", "0"], v1: "cpuset/cpuset.cpus", v2: "cpuset.cpus", is: "0", why: "the first CPU" },
    { flags: ["--pids-limit", "20"], v1: "pids/pids.max", v2: "pids.max", is: "20", why: "processes and threads" },
    { flags: ["--pids-limit", "-1"], v1: "pids/pids.max", v2: "pids.max", is: "max", why: "no limit" },
  ] as const;
  for (const { flags, v1, v2, is, why } of rows) {
    // A v1 kernel may count no swap; nobody can set a limit then.
    const known = notRoot || isV2 || !v1.includes("memsw") || existsSync(join("/sys/fs/cgroup", v1));
    test.skipIf(!known)(
      `${flags.join(" ")} → ${isV2 ? v2 : v1}: ${why}${known ? "" : " (this kernel counts no swap)"}`,
      async () => {
        expect(await limitOf(flags, v1, v2)).toBe(typeof is === "string" ? is : is[isV2 ? 1 : 0]);
      },
    );
  }

  const device = notRoot ? undefined : blockDevice();
  const throttles = [
    { flag: "--device-read-bps", rate: "1mb", v1: "blkio.throttle.read_bps_device", v2: "rbps", is: 1 << 20 },
    { flag: "--device-write-bps", rate: "2mb", v1: "blkio.throttle.write_bps_device", v2: "wbps", is: 2 << 20 },
    { flag: "--device-read-iops", rate: "100", v1: "blkio.throttle.read_iops_device", v2: "riops", is: 100 },
    { flag: "--device-write-iops", rate: "200", v1: "blkio.throttle.write_iops_device", v2: "wiops", is: 200 },
  ] as const;
  for (const { flag, rate, v1, v2, is } of throttles)
    test.skipIf(device === undefined)(
      `${flag} DEVICE:${rate}${device === undefined ? " (there is no block device)" : ""}`,
      async () => {
        const text = await limitOf([flag, `${device!.path}:${rate}`], `blkio/${v1}`, "io.max");
        expect(text).toContain(isV2 ? `${v2}=${is}` : `${device!.number} ${is}`);
      },
    );

  test("--pids-limit holds", async () => {
    const { stderr } = await ctr.run(["--pids-limit", "8"], "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 9 & done; wait");
    expect(stderr).toMatch(/can't fork/);
  });

  test("-m holds: the program is killed, and inspect says so", async () => {
    const hungry = "x=x; while :; do x=$x$x; done";
    const done = await ctr.call([
      "run",
      "--network",
      "none",
      "--name",
      "hungry",
      "-m",
      "16m",
      "--memory-swap",
      "16m",
      "busybox",
      "sh",
      "-c",
      hungry,
    ]);
    expect(done.status).toBe(137);
    expect(await ctr.say("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "hungry")).toBe("true 137");
    await ctr.say("rm", "hungry");
  });

  test("inspect repeats what was asked for", async () => {
    const id = await ctr.say(
      "create",
      "-m",
      "64m",
      "--cpus",
      "1.5",
      "--cpuset-cpus",
      "0",
      "--pids-limit",
      "20",
      "busybox",
      "true",
    );
    const format =
      "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpusetCpus}} {{.HostConfig.PidsLimit}}";
    expect(await ctr.say("inspect", "-f", format, id)).toBe("67108864 1500000000 0 20");
    await ctr.say("rm", id);
  });
});
