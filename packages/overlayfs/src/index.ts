export { takesLowersOneByOne } from "./host/kernel-features.ts";
export {
  createLayerDirectory,
  type LayerDirectory,
  lowerDirectories,
  readLink,
  readLower,
  removeLayerDirectory,
  setParents,
} from "./host/layer-directory.ts";
export { type MountedOverlay, mount, openOverlay } from "./host/mount.ts";
export * from "./steps.ts";
