import { ImageArchiveError, quote } from "./image-archive-error.ts";

//   "manifest.json"  "./manifest.json"  "/manifest.json"     manifest.json
//   "blobs/sha256/"                                          blobs/sha256
//   "./"                                                     (empty: the archive itself)
//   "a/../../etc/shadow"  "a/.."                             refused, wherever it leads
//
// Nothing is ever opened by such a name; that it has one spelling is what makes "twice" and "not there" decidable.

/** Names that an image archive needs have at most 150 characters; a map of fifty thousand must stay small. */
const longestName = 1024;

/**
 * The one spelling of a member's name.
 * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_MEMBER`, `ERR_IMAGE_ARCHIVE_LIMIT`
 */
export function memberName(text: string): string {
  if (text.length > longestName)
    throw new ImageArchiveError(
      "ERR_IMAGE_ARCHIVE_LIMIT",
      `the name ${quote(text)} has ${text.length} characters, more than the limit of ${longestName}`,
    );
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || text.includes("\0"))
    throw new ImageArchiveError("ERR_IMAGE_ARCHIVE_MEMBER", `the name ${quote(text)} is refused: it leaves its place`);
  return parts.join("/");
}

/**
 * The member that a symlink at `name` means, seen from inside the archive; undefined when it leads out of it.
 * Docker before version 25 and Podman write one for a layer that an image has twice.
 */
export function linkTarget(name: string, link: string): string | undefined {
  if (link.startsWith("/") || link.length > longestName || link.includes("\0")) return undefined;
  const path = name.split("/").slice(0, -1);
  for (const part of link.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") path.push(part);
    else if (path.pop() === undefined) return undefined;
  }
  return path.join("/");
}
