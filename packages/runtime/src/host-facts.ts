import { readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { parseStatus } from "@ctr/capabilities";
import { type Controller, detectLayout, type Hierarchy, type Layout } from "@ctr/cgroups";
import type { CgroupTree } from "@ctr/rootfs";
import type { Machine } from "@ctr/seccomp";
import { RuntimeError } from "./runtime-error.ts";

/** What a plan needs to know about this machine. */
export interface HostFacts {
  readonly layout: Layout;
  readonly cgroupTrees: readonly CgroupTree[];
  readonly available: bigint;
  readonly machine: Machine;
  readonly isFile: (source: string) => boolean;
}

const machines: Readonly<Record<string, Machine>> = { x64: "x86_64", arm64: "aarch64" };

let known: HostFacts | undefined;

/**
 * Found out once per process: it reads half a dozen files of /proc and /sys, a tenth of a container's start.
 *
 * @throws {RuntimeError} `ERR_RUNTIME_UNSUPPORTED` on a kernel before 5.12 or another processor
 */
export function hostFacts(): HostFacts {
  known ??= findFacts();
  return known;
}

function findFacts(): HostFacts {
  const machine = machines[process.arch];
  if (machine === undefined)
    throw new RuntimeError("ERR_RUNTIME_UNSUPPORTED", `no seccomp table for the processor ${process.arch}`);
  const [major = 0, minor = 0] = release().split(".", 2).map(Number);
  if (major < 5 || (major === 5 && minor < 12))
    throw new RuntimeError("ERR_RUNTIME_UNSUPPORTED", `Linux ${release()} is too old: mount_setattr(2) came with 5.12`);
  const layout = detectLayout();
  return {
    layout,
    cgroupTrees: cgroupTrees(layout),
    available: parseStatus(readFileSync("/proc/self/status", "utf8")).bounding,
    machine,
    isFile,
  };
}

function isFile(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** What `type: cgroup` shows in a container: the same trees, in the same order, as on this machine. */
function cgroupTrees(layout: Layout): CgroupTree[] {
  if (layout.kind === "v2") return [{ name: "", type: "cgroup2", options: [] }];
  const controllersAt = new Map<string, string[]>();
  for (const [controller, tree] of Object.entries(layout.controllers) as [Controller, Hierarchy][])
    if (tree.version === 1)
      controllersAt.set(tree.mount, [...(controllersAt.get(tree.mount) ?? []), v1Name(controller)]);
  return [...controllersAt].map(([mount, options]) => ({
    name: mount.slice(mount.lastIndexOf("/") + 1),
    type: "cgroup",
    options,
  }));
}

const v1Name = (controller: Controller): string => (controller === "io" ? "blkio" : controller);
