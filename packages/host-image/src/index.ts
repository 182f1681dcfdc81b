export { type Elf, parseElf, type ReadAt } from "./elf.ts";
export type { HostImage, HostImageLayer } from "./host/assemble-image.ts";
export { busyboxImage, fromHostLabel } from "./host/busybox-image.ts";
export { type HostImageOptions, hostImage } from "./host/host-image.ts";
export { type NodeImageOptions, nodeImage } from "./host/node-image.ts";
export {
  findProgram,
  type ResolvedProgram,
  type ResolveProgramOptions,
  resolveProgram,
} from "./host/resolve-program.ts";
export { HostImageError, type HostImageErrorCode } from "./host-image-error.ts";
export type { LayerName } from "./image-tree.ts";
