import type { IdMapping } from "@ctr/oci";
import { NamespacesError } from "./namespaces-error.ts";

/** The kernel takes that many lines. @see user_namespaces(7) */
const maxLines = 340;

/**
 * The text of /proc/PID/uid_map or gid_map.
 *
 * @throws {NamespacesError} `ERR_NAMESPACES_MAP`: none, too many, or ranges that overlap
 * @see user_namespaces(7), "User and group ID mappings"
 */
export function idMapText(mappings: readonly IdMapping[]): string {
  const refuse = (message: string): never => {
    throw new NamespacesError("ERR_NAMESPACES_MAP", message);
  };
  if (mappings.length === 0) refuse("a user namespace needs uidMappings and gidMappings");
  if (mappings.length > maxLines) refuse(`${mappings.length} id mappings: the kernel takes ${maxLines}`);
  for (const side of ["containerID", "hostID"] as const) {
    const sorted = [...mappings].sort((a, b) => a[side] - b[side]);
    sorted.forEach((mapping, index) => {
      const next = sorted[index + 1];
      if (mapping.size <= 0) refuse(`an id mapping of size ${mapping.size}`);
      if (next !== undefined && mapping[side] + mapping.size > next[side])
        refuse(`id mappings overlap at ${side} ${next[side]}`);
    });
  }
  return mappings.map((mapping) => `${mapping.containerID} ${mapping.hostID} ${mapping.size}\n`).join("");
}
