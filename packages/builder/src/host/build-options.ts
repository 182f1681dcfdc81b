import type { DatabaseSync } from "node:sqlite";
import type { ImageStore } from "@ctr/image-store";
import type { Platform } from "@ctr/oci";
import type { CacheSource, CacheTarget } from "../cache-place.ts";
import type { Entitlement } from "../entitlements.ts";
import type { FailedRun } from "../failed-run.ts";
import type { ImagePuller } from "../image-puller.ts";
import type { RunWorker } from "../run-worker.ts";
import type { BuildGrants } from "../secret-source.ts";
import type { ContextArchive } from "./context-opener.ts";

export interface BuildOptions {
  readonly store: ImageStore;
  /** Runs the commands of RUN. */
  readonly worker: RunWorker;
  /**
   * What COPY and ADD take files from: a directory, the address of a repository or of an archive, or an archive itself.
   * Instead of an archive there may be a Dockerfile without any files.
   */
  readonly context: string | ContextArchive;
  /** More of them, by the names that FROM and `--from` use: also `docker-image://NAME`, `oci-layout://DIRECTORY:TAG`. */
  readonly contexts?: Readonly<Record<string, string>>;
  /**
   * Path of the Dockerfile, from the context unless it is absolute; default `Dockerfile`. With `text` it is only
   * its name.
   */
  readonly dockerfile?: string;
  /** The Dockerfile itself. */
  readonly text?: string;
  /** Called with the Dockerfile once it is read: errors have places in it. */
  readonly onDockerfile?: (file: { readonly name: string; readonly text: string }) => void;
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
  /** `false`: leave nothing in the cache for later builds. Default true. */
  readonly remember?: boolean;
  /** Stages, by name or number, whose steps run in any case. */
  readonly noCacheStages?: readonly string[];
  /** Brings images that are not in the store. Without it, a build takes only what is there. */
  readonly puller?: ImagePuller;
  /** Let `puller` look for a newer image also where one is in the store. */
  readonly pullAlways?: boolean;
  /**
   * `image` lists the result in the store, under `tags`. `documents` writes it into the store as long as that is
   * open, for whoever takes it elsewhere.
   */
  readonly keep?: "image" | "documents";
  /** Caches of other machines; the first that knows a step is asked. */
  readonly cacheFrom?: readonly CacheSource[];
  readonly cacheTo?: readonly CacheTarget[];
  /** Note the steps in the manifest, so that the image is a cache for others. Its id stays the same. */
  readonly inlineCache?: boolean;
  /**
   * What the worker was told about all commands, by flag: `--add-host` → `db:10.0.0.1`. A change is a reason to run
   * them again.
   */
  readonly commandOptions?: Readonly<Record<string, string>>;
  /** Called with a command that failed while its files are still there; the build goes on failing when it is done. */
  readonly onFailure?: (failed: FailedRun) => Promise<void>;
  /** Tells apart builds of one file that are not each other's past: of several platforms. */
  readonly series?: string;
  /** What RUN may mount as a secret, by id. Nothing of a value is ever kept. */
  readonly secrets?: BuildGrants["secrets"];
  /** Sockets of ssh agents on this machine that RUN may use, by id: `default`. */
  readonly agents?: BuildGrants["agents"];
  /** What the Dockerfile may ask for; default nothing. `network` needs no leave. */
  readonly allow?: readonly Entitlement[];
  /** For a RUN that does not say: default `default`. */
  readonly network?: "default" | "none" | "host";
  /** What commands see as their host's name. */
  readonly hostname?: string;
  /** Leave nothing of when and where it was built in the image: without another time, all are cut at 1970. */
  readonly reproducible?: boolean;
  /** Seconds since the epoch: no time in the image is later. Default: build argument SOURCE_DATE_EPOCH, if given. */
  readonly sourceDateEpoch?: number;
  /** An open `<store root>/ctr.db` to share. */
  readonly database?: DatabaseSync;
  readonly signal?: AbortSignal;
}
