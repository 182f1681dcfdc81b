import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Every name of a tree with what an image keeps of it, times left out: `/bin/app file 755 0:0 3f9…`. */
export function listTree(root: string, path = ""): string[] {
  return readdirSync(`${root}${path}/`)
    .sort()
    .flatMap((name) => {
      const here = `${path}/${name}`;
      const status = lstatSync(root + here);
      const kind = status.isDirectory() ? "directory" : status.isSymbolicLink() ? "symlink" : "file";
      const mode = kind === "symlink" ? "" : (status.mode & 0o7777).toString(8);
      const line = [here, kind, mode, `${status.uid}:${status.gid}`, contentOf(root + here, kind)].join(" ");
      return kind === "directory" ? [line, ...listTree(root, here)] : [line];
    });
}

function contentOf(path: string, kind: string): string {
  if (kind === "symlink") return readlinkSync(path);
  if (kind === "directory") return "";
  return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 12);
}
