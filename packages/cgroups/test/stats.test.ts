import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuStats, ioStats, memoryStats, oomKillsOf, pidsStats } from "../src/steps.ts";

test("v2: microseconds become nanoseconds", () => {
  const stat = "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 7\nnr_throttled 2\nthrottled_usec 30\n";
  expect(cpuStats(2, { "cpu.stat": stat })).toEqual({
    usage: 1_500_000n,
    user: 1_000_000n,
    system: 500_000n,
    periods: 7,
    throttledPeriods: 2,
    throttled: 30_000n,
  });
});

test("v1: nanoseconds stay, throttling is in cpu's own file", () => {
  const files = {
    "cpuacct.usage": "1500\n",
    "cpuacct.usage_user": "1000\n",
    "cpuacct.usage_sys": "500\n",
    "cpu.stat": "nr_periods 7\nnr_throttled 2\nthrottled_time 30\n",
  };
  expect(cpuStats(1, files)).toMatchObject({ usage: 1500n, user: 1000n, system: 500n, throttled: 30n });
});

test("v2 memory: max is no limit", () => {
  const files = {
    "memory.current": "4096\n",
    "memory.max": "max\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
    "memory.stat": "anon 100\nfile 200\ninactive_file 50\n",
  };
  expect(memoryStats(2, files)).toEqual({
    usage: 4096,
    peak: undefined,
    limit: undefined,
    inactiveFile: 50,
    anonymous: 100,
    file: 200,
    swap: undefined,
    limitHits: 3,
    oomKills: 1,
  });
});

test("v1 memory: the largest number is no limit, swap is what is over", () => {
  const files = {
    "memory.usage_in_bytes": "4096\n",
    "memory.limit_in_bytes": "9223372036854771712\n",
    "memory.memsw.usage_in_bytes": "8192\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "memory.stat": "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\ntotal_inactive_file 5\n",
  };
  expect(memoryStats(1, files)).toMatchObject({
    usage: 4096,
    limit: undefined,
    swap: 4096,
    oomKills: 2,
    anonymous: 20,
    file: 10,
  });
});

test("pids", () => {
  expect(pidsStats({ "pids.current": "3\n", "pids.max": "max\n", "pids.events": "max 4\n" })).toEqual({
    current: 3,
    limit: undefined,
    limitHits: 4,
  });
});

describe("io", () => {
  test("v2: one line per device, lines without numbers left out", () => {
    const text = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:0\n";
    expect(ioStats(2, { "io.stat": text })).toEqual([
      { major: 8, minor: 0, readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 },
    ]);
  });

  test("v1: one line per kind of request", () => {
    const files = {
      "blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\nTotal 30\n",
      "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
    };
    expect(ioStats(1, files)).toEqual([{ major: 8, minor: 0, readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 }]);
  });
});

test("whatever a file holds, there is an answer", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom<1 | 2>(1, 2), (noise, version) => {
      const files = new Proxy({}, { get: () => noise });
      for (const read of [cpuStats, memoryStats, ioStats]) read(version, files);
      pidsStats(files);
      expect(oomKillsOf(noise)).toBeGreaterThanOrEqual(0);
    }),
  );
});
