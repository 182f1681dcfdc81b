export { applyChanges } from "./apply-changes.ts";
export { type ArgAdvice, explainAdvice } from "./arg-advice.ts";
export type { BuildEvent, BuiltLayer, ShownStep, StepOutcome } from "./build-event.ts";
export { BuilderError, type BuilderErrorCode, isBuilderError, type Place } from "./builder-error.ts";
export {
  type CacheImage,
  type CacheSource,
  type CacheTarget,
  cacheConfigType,
  inlineCacheAnnotation,
} from "./cache-place.ts";
export { type Cause, explainCause } from "./cause.ts";
export type { Entitlement } from "./entitlements.ts";
export type { FailedRun } from "./failed-run.ts";
export { type BuildResult, build, buildImage } from "./host/build.ts";
export type { BuildOptions } from "./host/build-options.ts";
export {
  type CacheMountInfo,
  type CacheMountPlace,
  exportCacheMount,
  importCacheMount,
  listCacheMounts,
  removeCacheMounts,
} from "./host/cache-mounts.ts";
export { buildCacheUsage, type CacheEntry } from "./host/cache-usage.ts";
export { type ContextArchive, isAddress } from "./host/context-opener.ts";
export { localCacheSource, localCacheTarget } from "./host/local-cache.ts";
export { type PrunedCache, type PruneOptions, pruneBuildCache } from "./host/prune-cache.ts";
export type { ImagePuller, PullProgress } from "./image-puller.ts";
export { type CopyStepOptions, from, ImageRecipe, type RunStepOptions, type StageOptions } from "./image-recipe.ts";
export type {
  AgentMount,
  LayersMount,
  PathMount,
  RunMount,
  SecretFileMount,
  TmpfsMount,
} from "./run-mount.ts";
export type { RunRequest, RunTerminal, RunWorker } from "./run-worker.ts";
export { type BuildGrants, maxSecretBytes, type SecretReader } from "./secret-source.ts";
