import type { DatabaseSync } from "node:sqlite";
import type { ImageStore } from "@ctr/image-store";
import type { Platform } from "@ctr/oci";
import type { RunWorker } from "../run-worker.ts";

export interface BuildOptions {
  readonly store: ImageStore;
  /** Runs the commands of RUN. */
  readonly worker: RunWorker;
  /** The directory that COPY and ADD take files from. */
  readonly context: string;
  /**
   * Path of the Dockerfile, from the context unless it is absolute; default `Dockerfile`. With `text` it is only
   * its name.
   */
  readonly dockerfile?: string;
  /** The Dockerfile itself. */
  readonly text?: string;
  /** Names for the image, as `docker build -t` takes them. */
  readonly tags?: readonly string[];
  /** The stage to build, by name or number; default the last one. */
  readonly target?: string;
  /** `--build-arg`. */
  readonly args?: Readonly<Record<string, string>>;
  /** More labels for the image. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  /** Run every step, and keep what it makes for later builds. */
  readonly noCache?: boolean;
  /** For a RUN that does not say: default `default`. */
  readonly network?: "default" | "none" | "host";
  /** What commands see as their host's name. */
  readonly hostname?: string;
  /** Seconds since the epoch: no time in the image is later. Default: build argument SOURCE_DATE_EPOCH, if given. */
  readonly sourceDateEpoch?: number;
  /** An open `<store root>/ctr.db` to share. */
  readonly database?: DatabaseSync;
  readonly signal?: AbortSignal;
}
