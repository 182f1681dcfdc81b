import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const marker = "CTR_BENCHMARK_NAMESPACE";

/**
 * Run this very program again in a mount and a network namespace of its own, so that what it mounts and the bridge
 * that `ctr` makes end with it, and every contestant meets the same.
 *
 * @returns undefined inside; outside, the exit code of the run inside
 */
export function enterPrivateNamespaces(): number | undefined {
  if (process.env[marker] !== undefined) return undefined;
  const command = [
    "--mount",
    "--propagation",
    "private",
    "--net",
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  const { status, error } = spawnSync("unshare", command, { stdio: "inherit", env: { ...process.env, [marker]: "1" } });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/**
 * crun before 1.9 refuses a machine with v1 trees beside a v2 tree that has controllers. A v1 mount of those
 * moves them, for as long as it is mounted.
 *
 * @returns the controllers that have to be mounted as v1; empty where there is nothing to do
 */
export function strayControllers(): string[] {
  try {
    return readFileSync("/sys/fs/cgroup/unified/cgroup.controllers", "utf8")
      .split(/\s+/)
      .filter((name) => name !== "");
  } catch {
    return []; // pure v1 or pure v2
  }
}
