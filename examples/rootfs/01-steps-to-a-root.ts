import { explain } from "@ctr/plan";
import { rootfsSteps } from "@ctr/rootfs";

const { protect, pivot } = rootfsSteps({
  config: {
    ociVersion: "1.2.1",
    root: { path: "rootfs", readonly: true },
    linux: { maskedPaths: ["/proc/kcore"], readonlyPaths: ["/proc/sys"] },
  },
  path: "/run/box/rootfs",
  cgroupTrees: [],
  isFile: () => false,
  userNamespace: false,
});
console.log(explain([...protect, ...pivot]));
// prints: 1  make ‹rootfs›/proc/sys read-only                        linux.readonlyPaths: the host could be changed through it
// prints: 2  hide ‹rootfs›/proc/kcore                                linux.maskedPaths: it tells about the host or reaches its hardware
// prints: 3  pivot_root: ‹rootfs› becomes /, the old root goes away  root.path: nothing of the host's tree is left
// prints: 4  make ‹rootfs›/ readOnly                                 root.readonly: the container cannot change its own files
