import type { ImageStore } from "@ctr/image-store";
import type { BuildEvent } from "../build-event.ts";
import type { CacheRecord } from "../cache-record.ts";
import type { FailedRun } from "../failed-run.ts";
import type { RunWorker } from "../run-worker.ts";
import type { BuildPlan } from "./build-plan.ts";
import type { BuildCache } from "./cache-database.ts";
import type { CopySource } from "./copy-source.ts";
import type { ImageLoader } from "./image-loader.ts";
import type { ImportedCache } from "./imported-cache.ts";
import type { NamedContexts } from "./named-contexts.ts";
import type { RemoteFiles } from "./remote-files.ts";
import type { StageState } from "./stage-state.ts";
import type { MountServices } from "./step-mounts.ts";
import type { Workspace } from "./workspace.ts";

/** What all stages of a build share. */
export interface BuildServices extends MountServices {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly workspace: Workspace;
  readonly worker: RunWorker;
  readonly context: CopySource;
  readonly plan: BuildPlan;
  /** Tells builds of one file from those of others. */
  readonly project: string;
  readonly given: ReadonlyMap<string, string>;
  /** Images that FROM and --from name. */
  readonly images: ImageLoader;
  /** What names mean before any stage or image. */
  readonly contexts: NamedContexts;
  /** What ADD takes from elsewhere. */
  readonly remote: RemoteFiles;
  readonly imported: ImportedCache;
  /** Every step that is done, for whoever exports the cache. */
  readonly records: CacheRecord[];
  /** Whether later builds can find the steps. */
  readonly remember: boolean;
  readonly noCache: boolean;
  readonly noCacheStages: readonly string[];
  /** Flags that are about all commands, with their values. */
  readonly commandOptions: Readonly<Record<string, string>>;
  readonly onFailure: ((failed: FailedRun) => Promise<void>) | undefined;
  readonly network: "default" | "none" | "host";
  readonly hostname: string | undefined;
  readonly sourceDateEpoch: number | undefined;
  readonly emit: (event: BuildEvent) => void;
  /** The end of a stage before this one. */
  readonly stage: (index: number) => Promise<StageState>;
  /** Whether a stage's layers are the image's. */
  readonly isKept: (index: number) => boolean;
  readonly signal: AbortSignal | undefined;
}
