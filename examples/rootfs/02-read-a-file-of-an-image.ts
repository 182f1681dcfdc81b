import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { readTextIn } from "@ctr/rootfs";

const rootfs = mkdtempSync(`${tmpdir()}/rootfs-`);
mkdirSync(`${rootfs}/etc`);
symlinkSync("/etc/passwd.real", `${rootfs}/etc/passwd`); // absolute: inside, this means the image's own /etc
writeFileSync(`${rootfs}/etc/passwd.real`, "root:x:0:0:root:/root:/bin/sh\n");
const root = openSync(rootfs, "r");

console.log(readTextIn({ root, path: "/etc/passwd", limit: 1 << 20 })?.trim());
console.log(readTextIn({ root, path: "/etc/group", limit: 1 << 20 }));
closeSync(root);
rmSync(rootfs, { recursive: true });
// prints: root:x:0:0:root:/root:/bin/sh
// prints: undefined
