import { closeSync, openSync } from "node:fs";
import type { LinuxResources } from "@ctr/oci";
import type { Reason } from "@ctr/plan";
import { type CgroupSteps, cgroupSteps } from "../cgroup-steps.ts";
import { CgroupError } from "../cgroups-error.ts";
import type { Controller, Layout } from "../layout.ts";
import { Cgroup } from "./cgroup.ts";
import { checkCpuset } from "./cpuset.ts";
import { inherit, makeDirectory, removeEmpty } from "./directory.ts";
import { kernelError, performWrite, readNowIfThere } from "./files.ts";
import { detectLayout } from "./layout.ts";

/**
 * Make a cgroup at `path` in every tree that is needed, and set its limits. Nobody is in it yet: run
 * its `joinSteps` in the child, or start the child with CLONE_INTO_CGROUP and its `directoryFd`.
 *
 * What was made is removed again when a later part fails; directories above it stay, since another
 * container may be about to use them. An empty cgroup of that path, left behind by a crash, is made anew.
 * @param o.layout  default: that of this machine
 * @param o.intoCgroup  the start uses CLONE_INTO_CGROUP for the v2 tree
 * @param o.always  as in {@link cgroupSteps}
 * @throws {CgroupError} `ERR_CGROUPS_BUSY` when processes are in a cgroup of that path; `ERR_CGROUPS_KERNEL`
 *   with file, text and errno; and those of `cgroupSteps`
 */
export async function createCgroup(o: {
  readonly layout?: Layout;
  readonly path: string;
  readonly resources: LinuxResources;
  readonly because?: Reason;
  readonly intoCgroup?: boolean;
  readonly always?: readonly Controller[];
}): Promise<Cgroup> {
  const layout = o.layout ?? detectLayout();
  const because = o.because ?? { option: "default", why: "its processes are counted and limited together" };
  const steps = cgroupSteps({ ...o, layout, because });
  checkCpuset(layout, o.resources);
  const made: string[] = [];
  let fd = -1;
  try {
    for (const directory of steps.create) {
      const own = steps.directories.includes(directory);
      if (!makeDirectory(directory) && own) makeAnew(directory);
      if (own) made.push(directory);
    }
    inherit(steps.inherit);
    for (const step of steps.limits) performWrite(step);
    fd = await openUnified(steps, layout);
    return new Cgroup({ layout, path: o.path, steps, directoryFd: fd });
  } catch (cause) {
    for (const directory of made) removeEmpty(directory);
    throw cause;
  }
}

/** Two containers of one path would share limits, and the end of one would be the end of the other. */
function makeAnew(directory: string): void {
  if (removeEmpty(directory) && makeDirectory(directory)) return;
  const pids = (readNowIfThere(`${directory}/cgroup.procs`) ?? "").trim().split("\n").slice(0, 10).join(", ");
  throw new CgroupError(`the cgroup ${directory} is in use by ${pids === "" ? "others" : `processes ${pids}`}`, {
    code: "ERR_CGROUPS_BUSY",
    file: directory,
    symbol: "EBUSY",
    hint: "choose another path, or end them",
  });
}

/** Open the v2 directory, when that tree is used, and put the device program on it. */
async function openUnified(steps: CgroupSteps, layout: Layout): Promise<number> {
  const mount = layout.unified?.mount;
  const directory = mount === undefined ? undefined : steps.directories.find((it) => it.startsWith(`${mount}/`));
  if (directory === undefined) return -1;
  const fd = openSync(directory, "r");
  if (steps.devices === undefined) return fd;
  try {
    // Only here is native code needed: v1 and plain limits do without.
    const { attachDeviceProgram } = await import("@ctr/kernel");
    attachDeviceProgram({ cgroupFd: fd, program: steps.devices.program });
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw kernelError("attach the device program to", directory, cause, "it needs CAP_BPF or CAP_SYS_ADMIN");
  }
}
