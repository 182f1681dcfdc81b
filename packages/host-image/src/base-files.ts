import type { ImageTree } from "./image-tree.ts";

/** Where the programs of an image are looked for. */
export const searchPath: string = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What every image has: users, name lookup, a home and a place for temporary files. Written, never copied: the users of this machine are nobody's business. */
export function addBaseFiles(tree: ImageTree): void {
  tree.text(
    "libraries",
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  );
  tree.text("libraries", "etc/group", "root:x:0:\nnobody:x:65534:\n");
  tree.text("libraries", "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  // Where every container has something mounted: an image without these would get them from its first start.
  for (const name of ["dev", "proc", "sys"]) tree.directory("libraries", name, 0o755);
  for (const name of ["hosts", "hostname", "resolv.conf"]) tree.text("libraries", `etc/${name}`, "");
  tree.directory("libraries", "root", 0o700);
  tree.directory("libraries", "tmp", 0o1777);
}
