import { CgroupError } from "./cgroups-error.ts";
import type { Hierarchy } from "./layout.ts";

/**
 * The names that `path` consists of: `/ctr/c1` is `["ctr", "c1"]`.
 * @throws {CgroupError} `ERR_CGROUPS_PATH` unless it is absolute and clean: a name from outside must
 *   never lead to a cgroup that is somebody else's
 */
function cgroupNames(path: string): string[] {
  const names = path.split("/").slice(1);
  const reason = !path.startsWith("/")
    ? "it does not begin with /"
    : names.length > 32
      ? "it is more than 32 levels deep"
      : names.map(problem).find((it) => it !== undefined);
  if (reason === undefined) return names;
  throw new CgroupError(`cgroup path ${JSON.stringify(path)} cannot be used: ${reason}`, {
    code: "ERR_CGROUPS_PATH",
    file: path,
    hint: "write it as /ctr/<container id>",
  });
}

function problem(name: string): string | undefined {
  if (name === "") return "it holds an empty name";
  if (name === "." || name === "..") return `it holds ${JSON.stringify(name)}`;
  if (name.length > 255) return "a name is longer than 255 bytes";
  // cgroup1_mkdir() and cgroup_mkdir() refuse a newline, which would forge a line of /proc/<pid>/cgroup.
  return /[\0-\x1f\x7f]/.test(name) ? "it holds a control character" : undefined;
}

/** The directory of a cgroup in one tree. */
export function cgroupDirectory(hierarchy: Hierarchy, path: string): string {
  return `${hierarchy.mount}/${cgroupNames(path).join("/")}`;
}

/** The directories from just below the mount down to the cgroup itself. */
export function cgroupDirectories(hierarchy: Hierarchy, path: string): string[] {
  const names = cgroupNames(path);
  return names.map((_, index) => `${hierarchy.mount}/${names.slice(0, index + 1).join("/")}`);
}
