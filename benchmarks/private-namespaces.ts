import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const marker = "CTR_BENCHMARK_NAMESPACE";

/**
 * Run this very program again in a mount and a network namespace of its own, so that what it mounts and the bridge
 * that `ctr` makes end with it, and every contestant meets the same.
 *
 * @param o.processes  in a PID namespace too: no daemon outlives the run, however it ends. Default false.
 * @returns undefined inside; outside, the exit code of the run inside
 */
export function enterPrivateNamespaces(o: { readonly processes?: boolean } = {}): number | undefined {
  if (process.env[marker] !== undefined) {
    execFileSync("ip", ["link", "set", "lo", "up"]);
    return undefined;
  }
  const command = [
    "--mount",
    "--propagation",
    "private",
    "--net",
    ...(o.processes ? ["--pid", "--fork", "--kill-child", "--mount-proc"] : []),
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
