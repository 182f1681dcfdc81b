export { Canary } from "./canary.ts";
export { checkHostileArchive } from "./check-hostile.ts";
export { type HostileArchive, mergeTrees, type Tree } from "./hostile-archive.ts";
export { hostileArchives } from "./hostile-archives.ts";
export { base256, type RawEntry, type RawField, rawArchive, rawEntry } from "./raw-archive.ts";
export { runConfined } from "./run-confined.ts";
export { treeOf } from "./tree-of.ts";
