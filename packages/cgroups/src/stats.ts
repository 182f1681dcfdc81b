import { parseAmount, parseFlatKeyed } from "./values.ts";

/** CPU time since the cgroup was made, in nanoseconds. */
export interface CpuStats {
  readonly usage: bigint;
  readonly user: bigint;
  readonly system: bigint;
  /** Periods of the quota that have passed, how many were cut short, and for how long in all. */
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttled: bigint;
}

/** Bytes. A limit that is `undefined` does not exist. */
export interface MemoryStats {
  readonly usage: number;
  readonly peak: number | undefined;
  readonly limit: number | undefined;
  /** Part of `usage` that the kernel gives back first: file pages nobody used lately. */
  readonly inactiveFile: number;
  readonly anonymous: number;
  readonly file: number;
  /** Swap alone. */
  readonly swap: number | undefined;
  /** How often the kernel met the limit. */
  readonly limitHits: number;
  /** Processes that it ended for want of memory. */
  readonly oomKills: number;
}

/** Processes and threads. */
export interface PidsStats {
  readonly current: number;
  readonly limit: number | undefined;
  /** Forks that failed at the limit. */
  readonly limitHits: number;
}

/** One block device. */
export interface IoStats {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** Texts of a cgroup's files by name; one that does not exist is absent. */
export type Files = Readonly<Record<string, string | undefined>>;

/**
 * @param files  v2: `cpu.stat`; v1: `cpuacct.usage`, `cpuacct.usage_user`, `cpuacct.usage_sys`, `cpu.stat`
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files"; cgroup-v1/cpuacct.rst
 */
export function cpuStats(version: 1 | 2, files: Files): CpuStats {
  const stat = parseFlatKeyed(files["cpu.stat"] ?? "");
  const micros = (key: string): bigint => (stat.get(key) ?? 0n) * 1_000n;
  const nanos = (file: string): bigint => BigInt(parseAmount(files[file] ?? "") ?? 0);
  return {
    usage: version === 2 ? micros("usage_usec") : nanos("cpuacct.usage"),
    user: version === 2 ? micros("user_usec") : nanos("cpuacct.usage_user"),
    system: version === 2 ? micros("system_usec") : nanos("cpuacct.usage_sys"),
    periods: Number(stat.get("nr_periods") ?? 0n),
    throttledPeriods: Number(stat.get("nr_throttled") ?? 0n),
    throttled: version === 2 ? micros("throttled_usec") : (stat.get("throttled_time") ?? 0n),
  };
}

/**
 * @param files  the names in {@link memoryFiles}
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files"; cgroup-v1/memory.rst
 */
export function memoryStats(version: 1 | 2, files: Files): MemoryStats {
  return version === 1 ? memoryStatsV1(files) : memoryStatsV2(files);
}

/** The files that {@link memoryStats} reads. */
export const memoryFiles = {
  1: [
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.memsw.usage_in_bytes",
    "memory.failcnt",
    "memory.oom_control",
    "memory.stat",
  ],
  2: ["memory.current", "memory.peak", "memory.max", "memory.swap.current", "memory.events", "memory.stat"],
} as const;

function memoryStatsV1(files: Files): MemoryStats {
  const stat = parseFlatKeyed(files["memory.stat"] ?? "");
  const amount = (file: string): number | undefined => parseAmount(files[file] ?? "");
  const usage = amount("memory.usage_in_bytes") ?? 0;
  const both = amount("memory.memsw.usage_in_bytes");
  const total = (key: string): number => Number(stat.get(`total_${key}`) ?? stat.get(key) ?? 0n);
  return {
    usage,
    peak: amount("memory.max_usage_in_bytes"),
    limit: amount("memory.limit_in_bytes"),
    inactiveFile: total("inactive_file"),
    anonymous: total("rss"),
    file: total("cache"),
    // The two files are read one after the other while both numbers move.
    swap: both === undefined ? undefined : Math.max(0, both - usage),
    limitHits: amount("memory.failcnt") ?? 0,
    oomKills: oomKillsOf(files["memory.oom_control"] ?? ""),
  };
}

function memoryStatsV2(files: Files): MemoryStats {
  const stat = parseFlatKeyed(files["memory.stat"] ?? "");
  const events = files["memory.events"] ?? "";
  const amount = (file: string): number | undefined => parseAmount(files[file] ?? "");
  return {
    usage: amount("memory.current") ?? 0,
    peak: amount("memory.peak"),
    limit: amount("memory.max"),
    inactiveFile: Number(stat.get("inactive_file") ?? 0n),
    anonymous: Number(stat.get("anon") ?? 0n),
    file: Number(stat.get("file") ?? 0n),
    swap: amount("memory.swap.current"),
    limitHits: Number(parseFlatKeyed(events).get("max") ?? 0n),
    oomKills: oomKillsOf(events),
  };
}

/**
 * How many processes the kernel ended for want of memory.
 * @param text  v1: `memory.oom_control` (since Linux 4.13); v2: `memory.events`
 */
export function oomKillsOf(text: string): number {
  return Number(parseFlatKeyed(text).get("oom_kill") ?? 0n);
}

/** @param files  `pids.current`, `pids.max`, `pids.events`, the same on v1 and v2 */
export function pidsStats(files: Files): PidsStats {
  return {
    current: parseAmount(files["pids.current"] ?? "") ?? 0,
    limit: parseAmount(files["pids.max"] ?? ""),
    limitHits: Number(parseFlatKeyed(files["pids.events"] ?? "").get("max") ?? 0n),
  };
}

/**
 * @param files  v2: `io.stat`; v1: `blkio.throttle.io_service_bytes_recursive` and `blkio.throttle.io_serviced_recursive`
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files"; cgroup-v1/blkio-controller.rst
 */
export function ioStats(version: 1 | 2, files: Files): IoStats[] {
  return version === 2 ? ioStatsV2(files["io.stat"] ?? "") : ioStatsV1(files);
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
function ioStatsV2(text: string): IoStats[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d{1,4}):(\d{1,7}) (.*)$/.exec(line);
    if (match === null) return [];
    const pairs = new Map((match[3] as string).split(" ").map((pair) => pair.split("=") as [string, string]));
    const value = (key: string): number => parseAmount(pairs.get(key) ?? "") ?? 0;
    return [
      {
        major: Number(match[1]),
        minor: Number(match[2]),
        readBytes: value("rbytes"),
        writtenBytes: value("wbytes"),
        reads: value("rios"),
        writes: value("wios"),
      },
    ];
  });
}

// "8:0 Read 4096", one line for each kind of request, then "Total 4096"
function ioStatsV1(files: Files): IoStats[] {
  const bytes = perDevice(files["blkio.throttle.io_service_bytes_recursive"] ?? "");
  const requests = perDevice(files["blkio.throttle.io_serviced_recursive"] ?? "");
  return [...new Set([...bytes.keys(), ...requests.keys()])].map((device) => {
    const [major, minor] = device.split(":").map(Number);
    return {
      major: major as number,
      minor: minor as number,
      readBytes: bytes.get(device)?.get("Read") ?? 0,
      writtenBytes: bytes.get(device)?.get("Write") ?? 0,
      reads: requests.get(device)?.get("Read") ?? 0,
      writes: requests.get(device)?.get("Write") ?? 0,
    };
  });
}

function perDevice(text: string): Map<string, Map<string, number>> {
  const devices = new Map<string, Map<string, number>>();
  for (const line of text.split("\n")) {
    const match = /^(\d{1,4}:\d{1,7}) (\w{1,20}) (\d{1,20})$/.exec(line);
    if (match === null) continue;
    const device = devices.get(match[1] as string) ?? new Map<string, number>();
    device.set(match[2] as string, Number(match[3]));
    devices.set(match[1] as string, device);
  }
  return devices;
}
