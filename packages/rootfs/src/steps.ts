export { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths } from "./default-mounts.ts";
export { defaultDevices, deviceSteps } from "./devices.ts";
export { type CgroupTree, type RootfsOptions, rootfsSteps } from "./rootfs-steps.ts";
