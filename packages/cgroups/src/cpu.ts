import type { CpuResources } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/**
 * The v2 weight for v1 shares: 1024 becomes 100, the ends stay the ends (2 → 1, 262144 → 10000).
 *
 * It is the curve through these three points that runc 1.3.2, crun and Kubernetes agreed on in 2025;
 * the straight line of older versions ({@link linearWeight}) made 39 of the default 1024.
 * @param shares  2 to 262144; 1 counts as 2
 * @returns  1 to 10000
 * @see https://github.com/opencontainers/runc/issues/4772; https://github.com/kubernetes/kubernetes/issues/131216
 */
export function weightOfShares(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const level = Math.log2(shares);
  return Math.ceil(10 ** ((level * level + 125 * level) / 612 - 7 / 34));
}

/** The v2 weight that runc up to 1.3.1 writes for `shares`: a straight line from 2 → 1 to 262144 → 10000. */
export function linearWeight(shares: number): number {
  return 1 + Math.floor(((Math.max(shares, 2) - 2) * 9999) / 262_142);
}

/**
 * The writes for the time-sharing part of `linux.resources.cpu`; `cpus` and `mems` are cpuset's.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see runtime-spec config-linux.md#cpu; Linux Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files";
 *   Documentation/scheduler/sched-bwc.rst
 */
export function cpuWrites(cpu: CpuResources, to: Writes): void {
  weightWrites(cpu, to);
  const bandwidth = checkBandwidth(cpu);
  if (to.version === 1) bandwidthV1(bandwidth, to);
  else bandwidthV2(bandwidth, to);
  realtimeWrites(cpu, to);
}

/** Shares cannot be set while a cgroup is idle, so idle goes first or last. */
function weightWrites(cpu: CpuResources, to: Writes): void {
  const idle = cpu.idle === undefined ? undefined : integerIn(cpu.idle, "cpu.idle", 0, 1);
  const writeIdle = (): void =>
    to.write("cpu.idle", `${idle}`, "cpu.idle", "it runs only where others leave a CPU idle");
  if (idle !== undefined && Number(idle) === 0) writeIdle();
  if (cpu.shares !== undefined && Number(cpu.shares) !== 0) {
    const shares = checkShares(Number(cpu.shares));
    const why = "its part of a CPU that others want too";
    if (to.version === 1) to.write("cpu.shares", `${shares}`, "cpu.shares", why);
    else to.write("cpu.weight", `${weightOfShares(shares)}`, "cpu.shares", why);
  }
  if (idle !== undefined && Number(idle) === 1) writeIdle();
}

function checkShares(shares: number): number {
  if (!Number.isInteger(shares) || shares < 0)
    throw badValue("cpu.shares", `invalid CPU shares (${shares}): value must be a positive integer`);
  if (shares < 2) throw badValue("cpu.shares", "The minimum allowed cpu-shares is 2");
  if (shares > 262_144) throw badValue("cpu.shares", "The maximum allowed cpu-shares is 262144");
  return shares;
}

interface Bandwidth {
  /** µs; -1 without limit. */
  readonly quota: number | undefined;
  readonly period: number | undefined;
  readonly burst: number | undefined;
}

// A zero is how Docker and old documents write "not asked".
const asked = (value: number | bigint | undefined): number | undefined =>
  value === undefined || Number(value) === 0 ? undefined : Number(value);

/** The kernel takes 1 ms to 1 s as period and no quota under 1 ms (kernel/sched, min_cfs_quota_period). */
function checkBandwidth(cpu: CpuResources): Bandwidth {
  const quota = asked(cpu.quota);
  const period = asked(cpu.period);
  const burst = cpu.burst === undefined ? undefined : Number(integerIn(cpu.burst, "cpu.burst", 0));
  if (quota !== undefined && quota !== -1 && (!Number.isInteger(quota) || quota < 1_000))
    throw badValue("cpu.quota", `CPU cfs quota can not be less than 1ms (i.e. 1000); ${quota} was asked`);
  if (period !== undefined && (!Number.isInteger(period) || period < 1_000 || period > 1_000_000))
    throw badValue(
      "cpu.period",
      `CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000); ${period} was asked`,
    );
  if (burst !== undefined && quota !== undefined && quota > 0 && burst > quota)
    throw badValue("cpu.burst", `CPU cfs burst ${burst} can not be more than the quota ${quota}`);
  return { quota, period, burst };
}

const quotaWhy = "so many microseconds of CPU time in each period";
const burstWhy = "unused time that may be spent later";

function bandwidthV1({ quota, period, burst }: Bandwidth, to: Writes): void {
  // Each new value is checked against the old others: without quota every period is right.
  if (to.update && burst !== undefined) to.write("cpu.cfs_burst_us", "0", "cpu.burst", burstWhy);
  if (to.update && quota !== undefined && period !== undefined)
    to.write("cpu.cfs_quota_us", "-1", "cpu.quota", quotaWhy);
  if (period !== undefined) to.write("cpu.cfs_period_us", `${period}`, "cpu.period", "the window that a quota is for");
  if (quota !== undefined) to.write("cpu.cfs_quota_us", `${quota}`, "cpu.quota", quotaWhy);
  if (burst !== undefined) to.write("cpu.cfs_burst_us", `${burst}`, "cpu.burst", burstWhy);
}

function bandwidthV2({ quota, period, burst }: Bandwidth, to: Writes): void {
  if (to.update && burst !== undefined) to.write("cpu.max.burst", "0", "cpu.burst", burstWhy);
  if (quota !== undefined || period !== undefined) {
    const first = quota === undefined || quota === -1 ? "max" : `${quota}`;
    // Without a second number the kernel keeps the period, 100 ms in a new cgroup.
    const text = period === undefined ? first : `${first} ${period}`;
    to.write("cpu.max", text, quota === undefined ? "cpu.period" : "cpu.quota", quotaWhy);
  }
  if (burst !== undefined) to.write("cpu.max.burst", `${burst}`, "cpu.burst", burstWhy);
}

function realtimeWrites(cpu: CpuResources, to: Writes): void {
  const period = asked(cpu.realtimePeriod);
  const runtime = asked(cpu.realtimeRuntime);
  if (to.version === 2) {
    if (runtime !== undefined) to.ignore("cpu.realtimeRuntime", "cgroup v2 does not share out real-time CPU time");
    if (period !== undefined) to.ignore("cpu.realtimePeriod", "cgroup v2 does not share out real-time CPU time");
    return;
  }
  const why = "time for processes with real-time scheduling";
  if (period !== undefined)
    to.write("cpu.rt_period_us", `${integerIn(period, "cpu.realtimePeriod", 1)}`, "cpu.realtimePeriod", why);
  if (runtime !== undefined)
    to.write("cpu.rt_runtime_us", `${integerIn(runtime, "cpu.realtimeRuntime", -1)}`, "cpu.realtimeRuntime", why);
}
