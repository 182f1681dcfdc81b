import { isOciError, lookupUser, parseUser } from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";
import type { Tree } from "./tree.ts";
import type { Owner } from "./write-entries.ts";

const maxFileBytes = 8 << 20;

/**
 * The owner that `user[:group]` means in an image's own files. A number without a group is both, as in BuildKit.
 *
 * @throws {BuilderError} `ERR_BUILDER_OPERAND`
 */
export function ownerOf(user: string, tree: Tree, place: Place): Owner {
  try {
    const spec = parseUser(user);
    if (typeof spec.user === "number" && typeof (spec.group ?? 0) === "number")
      return { uid: spec.user, gid: (spec.group as number | undefined) ?? spec.user };
    const passwd = tree.text("etc/passwd", maxFileBytes) ?? "";
    const group = tree.text("etc/group", maxFileBytes) ?? "";
    const { uid, gid } = lookupUser({ user, passwd, group });
    return { uid, gid };
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: cause.message, place, cause });
  }
}
