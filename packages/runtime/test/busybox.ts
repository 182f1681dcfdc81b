import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ending } from "@ctr/kernel";
import type { RuntimeConfig } from "@ctr/oci";
import { expect, onTestFinished } from "vitest";
import { defaultConfig, type RunningContainer, type RunOptions, run } from "../src/index.ts";

/** A program with every small command in it, which needs no library. */
const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));

/** Why tests of whole containers do not run here; empty when they do. */
export const skipReason: string =
  process.getuid?.() !== 0 ? " (needs root)" : busybox === undefined ? " (needs a static busybox)" : "";

const applets = skipReason === "" ? execFileSync(busybox!, ["--list"], { encoding: "utf8" }).trim().split("\n") : [];

/** A directory of the test's own; `rootfs` in it is the container's. */
export interface Bundle {
  readonly directory: string;
  readonly rootfs: string;
}

export function bundle(): Bundle {
  const directory = mkdtempSync(join(tmpdir(), "ctr-runtime-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const rootfs = join(directory, "rootfs");
  for (const name of ["bin", "etc", "tmp", "proc", "sys", "dev"]) mkdirSync(join(rootfs, name), { recursive: true });
  // Root of a user namespace is somebody else, who must come in.
  for (const path of [directory, rootfs]) chmodSync(path, 0o755);
  chmodSync(join(rootfs, "tmp"), 0o1777);
  copyFileSync(busybox!, join(rootfs, "bin/busybox"));
  for (const applet of applets) if (applet !== "busybox") symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(join(rootfs, "etc/marker"), "of the container\n");
  return { directory, rootfs };
}

let containers = 0;

/** The default walls around `script`, in a cgroup of the test's own, with `change` made to them. */
export function configOf(
  script: string | readonly string[],
  change: (config: RuntimeConfig) => RuntimeConfig = (it) => it,
): RuntimeConfig {
  const config = defaultConfig({ args: typeof script === "string" ? ["sh", "-c", script] : script });
  const cgroupsPath = `/ctr-runtime-test-${process.pid}-${containers++}`;
  return change({ ...config, linux: { ...config.linux, cgroupsPath } });
}

export interface Ran {
  readonly output: string;
  readonly ending: Ending;
}

/** Run a container to its end, with all that it wrote to standard output and error. */
export async function runIn(at: Bundle, config: RuntimeConfig, options: Partial<RunOptions> = {}): Promise<Ran> {
  const path = join(at.directory, "output");
  const file = openSync(path, "w+");
  const input = openSync("/dev/null", "r");
  try {
    const container = await run({ config, rootfs: at.rootfs, stdio: [input, file, file], ...options });
    endWithTest(container);
    return { ending: await container.ended(), output: readFileSync(path, "utf8") };
  } finally {
    for (const fd of [file, input]) closeSync(fd);
  }
}

/** A test that fails must not leave its container behind. */
export function endWithTest(container: RunningContainer): void {
  onTestFinished(() => container[Symbol.asyncDispose]());
}

/** Whatever a container could leave on this machine. */
export function machine(): object {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "),
  );
  return {
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes("ctr-runtime-")),
    children: children.filter((pid) => pid !== ""),
    cgroups: cgroupsLeft(),
    hostname: readFileSync("/proc/sys/kernel/hostname", "utf8"),
    corePattern: readFileSync("/proc/sys/kernel/core_pattern", "utf8"),
  };
}

function cgroupsLeft(): string[] {
  const trees = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [before, after] = line.split(" - ");
      return after?.startsWith("cgroup") ? [before!.split(" ")[4]!] : [];
    });
  return trees.flatMap((tree) =>
    readdirSync(tree).filter((name) => name.startsWith(`ctr-runtime-test-${process.pid}-`)),
  );
}

/** A directory of the host beside the rootfs that no container may touch. */
export function canary(at: Bundle): { readonly path: string; isUntouched(): void } {
  const path = join(at.directory, "canary");
  mkdirSync(path);
  writeFileSync(join(path, "file"), "alive");
  const isUntouched = (): void => {
    expect(readdirSync(path)).toEqual(["file"]);
    expect(readFileSync(join(path, "file"), "utf8")).toBe("alive");
  };
  return { path, isUntouched };
}
