export { applyChanges } from "./apply-changes.ts";
export type { BuildEvent, BuiltLayer, StepOutcome } from "./build-event.ts";
export { BuilderError, type BuilderErrorCode, isBuilderError, type Place } from "./builder-error.ts";
export { type Cause, explainCause } from "./cause.ts";
export { type BuildResult, build, buildImage } from "./host/build.ts";
export type { BuildOptions } from "./host/build-options.ts";
export { pruneBuildCache } from "./host/prune-cache.ts";
export type { RunMount, RunRequest, RunWorker } from "./run-worker.ts";
