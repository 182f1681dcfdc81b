import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { start } from "@ctr/kernel";
import type { LinuxResources } from "@ctr/oci";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Cgroup, CgroupError, type Controller, createCgroup, type Layout, openCgroup } from "../../src/index.ts";
import { ended, joined, runIn, startIn } from "./child.ts";

const MiB = 1024 * 1024;

/** What a cgroup does, whatever the version: every layout runs this suite. Needs root. */
export function cgroupContract(layout: Layout): void {
  const open: Cgroup[] = [];
  const always: Controller[] = ["pids", "memory", "cpu", "cpuacct", "freezer"];

  async function make(resources: LinuxResources, more: { always?: Controller[]; path?: string } = {}): Promise<Cgroup> {
    const path = more.path ?? `/ctr-test-${randomUUID()}`;
    const cgroup = await createCgroup({ layout, path, resources, always: more.always ?? always });
    open.push(cgroup);
    return cgroup;
  }

  afterEach(async () => {
    for (const cgroup of open.splice(0)) {
      await cgroup.kill();
      await cgroup.remove();
      for (const directory of cgroup.directories) expect(existsSync(directory)).toBe(false);
    }
  });

  const version = (controller: Controller): 1 | 2 => layout.controllers[controller]!.version;
  const fileOf = (cgroup: Cgroup, controller: Controller, file: string): string =>
    readFileSync(`${layout.controllers[controller]!.mount}${cgroup.path}/${file}`, "utf8").trim();

  describe("the kernel shows what was asked", () => {
    const disk = aDisk();
    const cases: { controller: Controller; resources: LinuxResources; 1: [string, string]; 2: [string, string] }[] = [
      {
        controller: "memory",
        resources: { memory: { limit: 64 * MiB } },
        1: ["memory.limit_in_bytes", "67108864"],
        2: ["memory.max", "67108864"],
      },
      {
        controller: "memory",
        resources: { memory: { limit: 64 * MiB, reservation: 32 * MiB } },
        1: ["memory.soft_limit_in_bytes", "33554432"],
        2: ["memory.low", "33554432"],
      },
      {
        controller: "cpu",
        resources: { cpu: { shares: 512 } },
        1: ["cpu.shares", "512"],
        2: ["cpu.weight", "59"],
      },
      {
        controller: "cpu",
        resources: { cpu: { quota: 20_000, period: 50_000 } },
        1: ["cpu.cfs_quota_us", "20000"],
        2: ["cpu.max", "20000 50000"],
      },
      {
        controller: "cpu",
        resources: { cpu: { quota: 20_000, burst: 10_000 } },
        1: ["cpu.cfs_burst_us", "10000"],
        2: ["cpu.max.burst", "10000"],
      },
      {
        controller: "cpu",
        resources: { cpu: { shares: 512, idle: 1 } },
        1: ["cpu.idle", "1"],
        2: ["cpu.idle", "1"],
      },
      {
        controller: "pids",
        resources: { pids: { limit: 33 } },
        1: ["pids.max", "33"],
        2: ["pids.max", "33"],
      },
      {
        controller: "cpuset",
        resources: { cpu: { cpus: "0", mems: "0" } },
        1: ["cpuset.cpus", "0"],
        2: ["cpuset.cpus", "0"],
      },
      {
        controller: "io",
        resources: { blockIO: { throttleReadBpsDevice: [{ ...disk, rate: MiB }] } },
        1: ["blkio.throttle.read_bps_device", `${disk.major}:${disk.minor} ${MiB}`],
        2: ["io.max", `${disk.major}:${disk.minor} rbps=${MiB} wbps=max riops=max wiops=max`],
      },
    ];
    if (hasWeights(layout))
      cases.push({
        controller: "io",
        resources: { blockIO: { weight: 500 } },
        1: ["blkio.bfq.weight", "500"],
        2: ["io.weight", "default 4950"],
      });
    for (const { controller, resources, ...expected } of cases)
      test(JSON.stringify(resources), async () => {
        const cgroup = await make(resources);
        const [file, text] = expected[version(controller)];
        expect(fileOf(cgroup, controller, file)).toBe(text);
        // And a process can be in it.
        expect(await runIn(cgroup, "exit 0")).toMatchObject({ code: 0 });
      });
  });

  test("the child of a plan is in it before its first own step", async () => {
    const path = `/ctr-test-${randomUUID()}`;
    const cgroup = await createCgroup({ layout, path, resources: {}, always, intoCgroup: true });
    open.push(cgroup);
    const because = { option: "test", why: "something to run" };
    const steps = [...cgroup.joinSteps, { do: "exec", argv: ["sleep", "1000"], env: ["PATH=/bin"], because } as const];
    const child = await start({ steps, ...(cgroup.directoryFd !== -1 && { cgroup: cgroup.directoryFd }) });
    await child.running;
    expect(await cgroup.processes()).toEqual([child.pid]);
    const trees = new Set(always.map((it) => layout.controllers[it]!.mount));
    const lines = readFileSync(`/proc/${child.pid}/cgroup`, "utf8").split("\n");
    expect(lines.filter((it) => it.endsWith(`:${path}`)).length).toBe(trees.size);
    await cgroup.kill();
    expect(await child.ended()).toMatchObject({ signal: "SIGKILL" });
  });

  test("a process that needs more memory than the limit is ended, and that is counted", async () => {
    const cgroup = await make({ memory: { limit: 96 * MiB, swap: 96 * MiB } });
    const eater = `exec "$1" -e 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))'`;
    expect(await runIn(cgroup, eater, process.execPath)).toMatchObject({ signal: "SIGKILL" });
    expect(await cgroup.oomKills()).toBeGreaterThan(0);
    expect((await cgroup.stats()).memory).toMatchObject({ limit: 96 * MiB, oomKills: expect.any(Number) });
  });

  test("fork fails beyond the number of processes", async () => {
    const cgroup = await make({ pids: { limit: 4 } });
    const { output } = await runIn(cgroup, "for i in 1 2 3 4 5 6; do sleep 1000 >&- 2>&- & done");
    expect(output).toMatch(/fork/i);
    const { pids } = await cgroup.stats();
    expect(pids).toMatchObject({ limit: 4, limitHits: expect.any(Number) });
    expect(pids?.limitHits).toBeGreaterThan(0);
  });

  test("a frozen process does not run; thawed it does", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "while :; do :; done");
    await joined(child);
    await cgroup.freeze();
    const used = (await cgroup.stats()).cpu!.usage;
    // The shell below runs on the same CPUs meanwhile.
    await ended(spawn("sh", ["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]));
    expect((await cgroup.stats()).cpu!.usage).toBe(used);
    await cgroup.thaw();
    await vi.waitUntil(async () => (await cgroup.stats()).cpu!.usage > used, { timeout: 30_000 });
  });

  test("a quota cuts a busy process short", async () => {
    const cgroup = await make({ cpu: { quota: 1_000, period: 100_000 } });
    await joined(startIn(cgroup, "while :; do :; done"));
    await vi.waitUntil(async () => (await cgroup.stats()).cpu!.throttledPeriods > 1, { timeout: 30_000 });
  });

  test("a process sees only the CPUs of its set", async () => {
    const cgroup = await make({ cpu: { cpus: "0" } });
    const { output } = await runIn(cgroup, "grep Cpus_allowed_list /proc/self/status");
    expect(output).toMatch(/Cpus_allowed_list:\s+0\n/);
  });

  test("CPUs that the machine does not have are refused in words", async () => {
    await expect(make({ cpu: { cpus: "0,4095" } })).rejects.toThrow(/Requested CPUs are not available/);
  });

  describe("devices", () => {
    // The kernel log: a device that no container gets by default.
    const read = "head -c 0 < /dev/kmsg";
    const withDevices: Controller[] = [...always, "devices"];

    test("one without a rule cannot be opened, those of every container can", async () => {
      const cgroup = await make({}, { always: withDevices });
      expect(await runIn(cgroup, read)).toMatchObject({ output: expect.stringMatching(/not permitted/) });
      expect(await runIn(cgroup, "head -c 1 < /dev/zero > /dev/null && exec 3</dev/urandom")).toMatchObject({
        code: 0,
      });
    });

    test("a rule opens one, for reading only", async () => {
      const kmsg = { allow: true, type: "c", major: 1, minor: 11, access: "r" } as const;
      const cgroup = await make({ devices: [{ allow: false }, kmsg] }, { always: withDevices });
      expect(await runIn(cgroup, read)).toMatchObject({ code: 0 });
      expect(await runIn(cgroup, ": > /dev/kmsg")).toMatchObject({ output: expect.stringMatching(/not permitted/) });
    });

    test("a rule for everything leaves all open", async () => {
      const cgroup = await make({ devices: [{ allow: true, access: "rwm" }] }, { always: withDevices });
      expect(await runIn(cgroup, read)).toMatchObject({ code: 0 });
    });
  });

  test("nothing escapes SIGKILL, however fast it forks", async () => {
    const cgroup = await make({ pids: { limit: 64 } });
    const forker = "while :; do (:) & done";
    const child = startIn(cgroup, `set +e; (${forker}) 2>/dev/null & (${forker}) 2>/dev/null & ${forker} 2>/dev/null`);
    await joined(child);
    // The three of them, and at times some of theirs.
    await vi.waitUntil(async () => (await cgroup.processes()).length >= 3, { timeout: 60_000 });
    await cgroup.kill();
    expect(await cgroup.processes()).toEqual([]);
  });

  test("frozen processes can be ended", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    await cgroup.freeze();
    const end = ended(child);
    await cgroup.kill();
    expect(await end).toMatchObject({ signal: "SIGKILL" });
  });

  test("without a freezer, too", async () => {
    const cgroup = await make({ pids: { limit: 8 } }, { always: [] });
    const child = startIn(cgroup, "sleep 1000 & sleep 1000 & exec sleep 1000");
    await joined(child);
    const end = ended(child);
    await vi.waitUntil(async () => (await cgroup.processes()).length === 3, { timeout: 60_000 });
    await cgroup.kill();
    expect(await end).toMatchObject({ signal: "SIGKILL" });
  });

  test("other signals reach every process once", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "trap 'exit 7' TERM; echo ready; while :; do :; done");
    await vi.waitUntil(async () => (await cgroup.processes()).length === 1);
    await joined(child);
    const end = ended(child);
    await vi.waitUntil(() => readFileSync(`/proc/${child.pid}/status`, "utf8").match(/SigCgt:\s+0*[1-9a-f]/) !== null);
    await cgroup.kill("SIGTERM");
    expect(await end).toMatchObject({ code: 7 });
  });

  test("its processes are told by their ids", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    expect(await cgroup.processes()).toEqual([child.pid]);
    expect(await openCgroup({ layout, path: cgroup.path }).processes()).toEqual([child.pid]);
  });

  test("remove kills nothing: it waits until the last process has ended", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    const end = ended(child);
    await expect(cgroup.remove({ timeout: 50 })).rejects.toThrow(
      expect.objectContaining({ code: "ERR_CGROUPS_BUSY", message: expect.stringContaining(`${child.pid}`) }),
    );
    await expect(cgroup.remove({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    const removing = cgroup.remove();
    child.kill("SIGTERM");
    await Promise.all([removing, end]);
    expect(await cgroup.stats()).toEqual({});
  });

  test("cgroups that a container made below are removed with it, and twice is fine", async () => {
    const cgroup = await make({});
    for (const directory of cgroup.directories.filter(existsSync)) mkdirSync(`${directory}/a/b`, { recursive: true });
    await cgroup.remove();
    await cgroup.remove();
  });

  test("a path in use is refused", async () => {
    const cgroup = await make({});
    await joined(startIn(cgroup, "exec sleep 1000"));
    await expect(createCgroup({ layout, path: cgroup.path, resources: {}, always })).rejects.toThrow(
      expect.objectContaining({ code: "ERR_CGROUPS_BUSY" }),
    );
  });

  test("when one limit fails, nothing is left, and the error says where and why", async () => {
    const path = `/ctr-test-${randomUUID()}`;
    const resources = { blockIO: { throttleReadBpsDevice: [{ major: 4000, minor: 7, rate: 1 }] } };
    const failed = await createCgroup({ layout, path, resources, always }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CgroupError);
    expect(failed).toMatchObject({
      code: "ERR_CGROUPS_KERNEL",
      option: "linux.resources.blockIO.throttleReadBpsDevice[0]",
      file: expect.stringContaining(path),
      text: expect.stringContaining("4000:7"),
      symbol: expect.stringMatching(/^E/),
      hint: expect.stringContaining("no such block device"),
    });
    for (const { mount } of Object.values(layout.controllers)) expect(readdirSync(mount)).not.toContain(path.slice(1));
  });

  test("what a crash left behind is made anew, without its old limits", async () => {
    const left = await make({ pids: { limit: 5 } });
    const cgroup = await make({}, { path: left.path });
    expect((await cgroup.stats()).pids).toMatchObject({ limit: undefined });
  });

  test("a limit can be asked later of a controller that nothing was asked of", async () => {
    const cgroup = await make({});
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    await cgroup.update({ cpu: { cpus: "0" } });
    expect(readFileSync(`/proc/${child.pid}/status`, "utf8")).toMatch(/Cpus_allowed_list:\t0\n/);
  });

  test("limits can grow and shrink", async () => {
    const cgroup = await make({ memory: { limit: 64 * MiB, swap: 64 * MiB }, cpu: { quota: 10_000, period: 20_000 } });
    await joined(startIn(cgroup, "exec sleep 1000"));
    await cgroup.update({ memory: { limit: 256 * MiB, swap: 256 * MiB }, cpu: { quota: 200_000, period: 100_000 } });
    await cgroup.update({ memory: { limit: 32 * MiB, swap: 32 * MiB }, cpu: { quota: 2_000, period: 4_000 } });
    await cgroup.update({ pids: { limit: 9 }, cpu: { period: 5_000 } });
    expect(await cgroup.stats()).toMatchObject({ memory: { limit: 32 * MiB }, pids: { limit: 9, current: 1 } });
    const quota = version("cpu") === 1 ? fileOf(cgroup, "cpu", "cpu.cfs_quota_us") : fileOf(cgroup, "cpu", "cpu.max");
    expect(quota).toMatch(/^2000\b/);
    await expect(cgroup.update({ memory: { limit: 6 * MiB, checkBeforeUpdate: true } })).resolves.toEqual([]);
  });
}

/** Whether something weighs block I/O here: BFQ on v1, the generic files on v2. */
function hasWeights({ controllers, ioWeight }: Layout): boolean {
  return ioWeight === "generic" || existsSync(`${controllers.io?.mount}/blkio.bfq.io_service_bytes`);
}

/** Some block device of this machine; a limit on it is only written and read. */
function aDisk(): { major: number; minor: number } {
  const names = readdirSync("/sys/block").filter((it) => !/^(loop|ram|zram)/.test(it));
  const [major, minor] = readFileSync(`/sys/block/${names[0]}/dev`, "utf8").split(":").map(Number);
  return { major: major!, minor: minor! };
}
