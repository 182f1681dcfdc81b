import type { CpuResources } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import type { Writes } from "./writes.ts";

// NR_CPUS is 8192 and MAX_NUMNODES 1024 at most; a larger number is a mistake or an attack.
const largest = 8191;

/**
 * The numbers of a list as cpusets and taskset(1) write it: `0-2,7` is 0, 1, 2 and 7, in order.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see cpuset(7), "List format"
 */
export function parseCpuList(text: string, option: string): number[] {
  const numbers = new Set<number>();
  if (text.trim() === "") return [];
  for (const part of text.trim().split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last > largest)
      throw badValue(option, `invalid list ${JSON.stringify(text.slice(0, 80))}: write it as 0-2,7`);
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** The list format of numbers: runs become `first-last`. */
export function cpuListText(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/**
 * The writes for `cpus` and `mems` of `linux.resources.cpu`.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see cpuset(7); Linux Documentation/admin-guide/cgroup-v2.rst, "Cpuset Interface Files"
 */
export function cpusetWrites(cpu: CpuResources, to: Writes): void {
  const cpus = list(cpu.cpus, "cpu.cpus");
  const mems = list(cpu.mems, "cpu.mems");
  if (cpus !== undefined) to.write("cpuset.cpus", cpus, "cpu.cpus", "it runs on these CPUs only");
  if (mems !== undefined) to.write("cpuset.mems", mems, "cpu.mems", "it takes memory from these nodes only");
}

/** Whether the cpuset controller is needed at all. */
export function asksCpuset(cpu: CpuResources | undefined): boolean {
  return (cpu?.cpus ?? "") !== "" || (cpu?.mems ?? "") !== "";
}

function list(text: string | undefined, option: string): string | undefined {
  if (text === undefined || text === "") return undefined;
  const numbers = parseCpuList(text, option);
  if (numbers.length === 0)
    throw badValue(option, `invalid list ${JSON.stringify(text.slice(0, 80))}: it names nothing`);
  return cpuListText(numbers);
}
