import { existsSync, readFileSync } from "node:fs";
import { CgroupError } from "../cgroups-error.ts";
import { type Layout, parseLayout } from "../layout.ts";
import { readNowIfThere } from "./files.ts";

/**
 * Which cgroup trees this machine has.
 * @throws {CgroupError} `ERR_CGROUPS_LAYOUT` when there are none, or /proc is not mounted
 */
export function detectLayout(): Layout {
  const mountinfo = readProc("/proc/self/mountinfo");
  const cgroup = readProc("/proc/self/cgroup");
  const first = parseLayout({ mountinfo, cgroup, unifiedControllers: "" });
  const unifiedControllers =
    first.unified === undefined ? "" : (readNowIfThere(`${first.unified.mount}/cgroup.controllers`) ?? "");
  const layout = parseLayout({ mountinfo, cgroup, unifiedControllers });
  return { ...layout, ioWeight: ioWeight(layout) };
}

/**
 * The weight files themselves are in no tree's root, others of the same maker are: io.cost's there
 * means that `io.weight` exists, BFQ's statistics that `blkio.bfq.weight` does. v1 has had nothing but
 * BFQ since Linux 5.0.
 */
function ioWeight(layout: Layout): Layout["ioWeight"] {
  const tree = layout.controllers.io;
  if (tree === undefined) return layout.ioWeight;
  if (tree.version === 1) return existsSync(`${tree.mount}/blkio.weight_device`) ? "generic" : "bfq";
  return existsSync(`${tree.mount}/io.cost.qos`) ? "generic" : "bfq";
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new CgroupError(`cannot read ${path}`, {
      code: "ERR_CGROUPS_LAYOUT",
      file: path,
      hint: "/proc has to be mounted",
      cause,
    });
  }
}
