import { badValue } from "./cgroups-error.ts";
import type { Writes } from "./writes.ts";

// These move, end or divide processes instead of limiting them, and are this package's own tools.
const ours = new Set([
  "cgroup.procs",
  "cgroup.threads",
  "cgroup.type",
  "cgroup.kill",
  "cgroup.freeze",
  "cgroup.subtree_control",
]);

/**
 * The writes for `linux.resources.unified`: v2 files by name, last, so that they win over what the
 * other fields were translated to.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`: the names become paths, so nothing but a plain file name passes
 * @see runtime-spec config-linux.md#unified
 */
export function unifiedWrites(files: Readonly<Record<string, string>>, to: Writes): void {
  for (const [file, text] of Object.entries(files)) {
    unifiedController(file);
    if (typeof text !== "string" || text.length > 4096 || text.includes("\0"))
      throw badValue(`unified[${JSON.stringify(file)}]`, "the value is no text of up to 4096 characters");
    // A value with lines is one write for each: io.max takes one device at a time.
    for (const line of text.split("\n"))
      if (line !== "" || text === "")
        to.write(file, line, `unified[${JSON.stringify(file)}]`, "asked by the file's name");
  }
}

/** The controller that a v2 file belongs to: `memory` of `memory.high`. */
export function unifiedController(file: string): string {
  const option = `unified[${JSON.stringify(file.slice(0, 80))}]`;
  const match = /^([a-z][a-z0-9_]{0,31})\.[A-Za-z0-9_.-]{1,100}$/.exec(file);
  if (match === null || file.includes("..")) throw badValue(option, "this is no cgroup v2 file such as memory.high");
  if (ours.has(file)) throw badValue(option, "this file does not set a limit");
  return match[1] as string;
}
