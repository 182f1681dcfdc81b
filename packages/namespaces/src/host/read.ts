import { readlinkSync, writeFileSync } from "node:fs";
import type { IdMapping } from "@ctr/oci";
import type { NamespaceType } from "@ctr/plan";
import { idMapText } from "../id-map.ts";

const files: Readonly<Record<NamespaceType, string>> = {
  mount: "mnt",
  pid: "pid",
  network: "net",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** The file that stands for a namespace of a process; open it or name it in a `joinNamespace` step. */
export function namespacePath(pid: number | "self", type: NamespaceType): string {
  return `/proc/${pid}/ns/${files[type]}`;
}

/**
 * Inode numbers of a process's namespaces: equal numbers are one namespace.
 *
 * @throws when the process has ended (ENOENT) or belongs to another user (EACCES)
 * @see namespaces(7), "The /proc/pid/ns/ directory"
 */
export function readNamespaces(pid: number | "self" = "self"): Record<NamespaceType, number> {
  const inode = (type: NamespaceType): number => Number(/\[(\d+)\]$/.exec(readlinkSync(namespacePath(pid, type)))?.[1]);
  return Object.fromEntries(Object.keys(files).map((type) => [type, inode(type as NamespaceType)])) as Record<
    NamespaceType,
    number
  >;
}

/** Fill the id maps of a process that was born in a new user namespace and waits. */
export function writeIdMaps(
  pid: number,
  maps: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] },
): void {
  writeFileSync(`/proc/${pid}/uid_map`, idMapText(maps.uid));
  writeFileSync(`/proc/${pid}/gid_map`, idMapText(maps.gid));
}
