export { mountSteps } from "./mount-steps.ts";
export { type MountInfo, parseMountInfo } from "./mountinfo.ts";
export { MountsError } from "./mounts-error.ts";
export { type ParsedOptions, parseOptions } from "./options.ts";
export { parseTmpfs, parseVolume, type Volume, volumeMount } from "./volume.ts";
