import { type BuildEvent, type BuildOptions as BuilderOptions, build } from "@ctr/builder";
import { buildWorker } from "./build-worker.ts";
import type { Context } from "./context.ts";

/** What to build, without what the engine brings itself. */
export type BuildOptions = Omit<BuilderOptions, "store" | "worker" | "database">;

/**
 * Build an image. Each RUN is a container of this engine; what it wrote is a layer.
 *
 * @throws {BuilderError} {DockerfileError} with file, line and column
 */
export function buildImage(context: Context, o: BuildOptions): AsyncIterable<BuildEvent> {
  return build({ ...o, store: context.store, database: context.database, worker: buildWorker(context) });
}
