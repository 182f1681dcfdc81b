import { closeSync, openSync } from "node:fs";
import { lookupUser, type ResolvedUser } from "@ctr/oci";
import { openOverlay } from "@ctr/overlayfs";
import { readTextIn } from "@ctr/rootfs";

/** More than any real one; an image cannot make the engine read for ever (CVE-2026-47262). */
const limit = 4 << 20;

/** Where the files of a root are, before it is mounted. */
export type RootSource =
  | { readonly directory: string }
  | { readonly lowers: readonly string[]; readonly upper: string; readonly work: string };

/**
 * Who a container runs as, by the passwd and group files of its own root, which are read inside of it.
 *
 * @throws {OciError} for a user that is not there or no user at all
 */
export function containerUser(o: {
  readonly user: string;
  readonly groupAdd: readonly string[];
  readonly root: RootSource;
}): ResolvedUser {
  const root = "directory" in o.root ? openSync(o.root.directory, 0o200000 /* O_DIRECTORY */) : openOverlay(o.root);
  try {
    return lookupUser({
      user: o.user,
      passwd: readTextIn({ root, path: "/etc/passwd", limit }) ?? "",
      group: readTextIn({ root, path: "/etc/group", limit }) ?? "",
      groupAdd: o.groupAdd,
    });
  } finally {
    closeSync(root);
  }
}
