import { readdir } from "node:fs/promises";
import { errnoOf, kernelError, readIfThere } from "./files.ts";

/** A cgroup's directory and all below it, children before parents. A missing directory gives none. */
export async function childrenFirst(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const below: string[] = [];
    // A container may make cgroups of its own, and as deep as it likes: no recursion per entry at once.
    for (const entry of entries)
      if (entry.isDirectory()) below.push(...(await childrenFirst(`${directory}/${entry.name}`)));
    return [...below, directory];
  } catch (cause) {
    if (errnoOf(cause).symbol === "ENOENT") return [];
    if (errnoOf(cause).symbol.startsWith("E")) throw kernelError("list", directory, cause);
    throw cause;
  }
}

/** The ids of the processes in a cgroup and all below it, in this process's PID namespace. */
export async function processesIn(directory: string): Promise<number[]> {
  const pids = new Set<number>();
  // 0 is a process that this namespace cannot see.
  for (const each of await childrenFirst(directory))
    for (const line of ((await readIfThere(`${each}/cgroup.procs`)) ?? "").split("\n"))
      if (/^[1-9]\d*$/.test(line)) pids.add(Number(line));
  return [...pids].sort((a, b) => a - b);
}
