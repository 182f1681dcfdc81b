import type { Place } from "./builder-error.ts";
import type { RunRequest } from "./run-worker.ts";

/** A command that did not succeed, with its files as it left them. */
export interface FailedRun {
  /** To run something else in its place. */
  readonly request: RunRequest;
  readonly exitCode: number;
  readonly place: Place;
}
