import { homedir } from "node:os";
import { resolve } from "node:path";
import type { CacheEntry, CacheMountInfo, PrunedCache, PruneOptions } from "@ctr/builder";
import { openStore } from "@ctr/image-store";
import { diskUsage, syncFileSystem } from "@ctr/kernel";
import { openNetwork } from "@ctr/network";
import type { Descriptor, Digest } from "@ctr/oci";
import { blobMaker } from "./blob-maker.ts";
import type { BuildOptions, EngineBuildEvent } from "./build.ts";
import { cacheMountPlace } from "./build-cache-mounts.ts";
import type { VerifyEvent } from "./build-verify.ts";
import type { BuiltImage } from "./built-image.ts";
import { Containers } from "./containers.ts";
import type { Context } from "./context.ts";
import { ContainerTable, openDatabase } from "./database.ts";
import { Images } from "./images.ts";
import { info } from "./info.ts";
import type { Document } from "./inspect.ts";
import { housekeeping } from "./refresh.ts";
import { noteBuild } from "./reuse-transfers.ts";
import type { System } from "./system.ts";
import { parseTimestamp } from "./time-stamp.ts";

export interface EngineOptions {
  /** Where all state is kept; made when missing. */
  readonly root?: string;
  /** What the monitor of a detached container executes at its end: a command that calls `containers.get(id)`. */
  readonly cleanup?: (id: string) => readonly string[];
}

/** The usual place: /var/lib/ctr for root, XDG's for others. */
export function defaultRoot(): string {
  if (process.getuid?.() === 0) return "/var/lib/ctr";
  return `${process.env.XDG_DATA_HOME ?? `${homedir()}/.local/share`}/ctr`;
}

/** Open a state directory. Any number of processes may have the same one open; none has to stay. */
export function openEngine(o: EngineOptions = {}): Engine {
  return new Engine(o);
}

/** What of the build cache may go. */
export interface PruneCacheRequest extends PruneOptions {
  /** Only what no build used since: a duration such as `24h`, or a time. */
  readonly until?: string;
}

/** Containers, images and networks of one state directory. */
export class Engine implements Disposable {
  readonly root: string;
  readonly containers: Containers;
  readonly images: Images;
  readonly #context: Context;

  constructor(o: EngineOptions) {
    this.root = resolve(o.root ?? defaultRoot());
    const database = openDatabase(this.root);
    this.#context = {
      root: this.root,
      database,
      table: new ContainerTable(database),
      store: openStore({
        root: this.root,
        database,
        syncFileSystem: (path) => syncFileSystem({ path }),
        diskUsage: (path) => diskUsage({ path }),
        blobMaker,
      }),
      network: openNetwork({ database, root: this.root, whenEmpty: "keep" }),
      cleanup: o.cleanup,
    };
    this.containers = new Containers(this.#context);
    this.images = new Images(this.#context);
  }

  /**
   * Build an image. Begins at the first `next()`.
   *
   * @throws {BuilderError} {DockerfileError} with file, line and column
   */
  async *build(o: BuildOptions): AsyncGenerator<EngineBuildEvent, void, undefined> {
    // A third of the program, which no other command needs.
    const { buildImage } = await import("./build.ts");
    const started = Date.now();
    let hasRun = false;
    for await (const event of noteBuild(this.#context, buildImage(this.#context, o))) {
      hasRun ||= event.type === "stepFinished" && event.outcome.decision === "ran";
      yield event;
    }
    if (!hasRun) return; // nothing grew
    const { collectBuildCache } = await import("./build-gc.ts");
    await collectBuildCache(this.#context, started);
  }

  /** Build twice and compare. @see {@link verifyBuild} */
  async *verifyBuild(o: BuildOptions): AsyncGenerator<VerifyEvent, void, undefined> {
    const { verifyBuild } = await import("./build-verify.ts");
    yield* verifyBuild(this.#context, o);
  }

  /** What a build made, to write it elsewhere: `target` and `chainId` are those of its last event. */
  async built(o: { readonly target: Descriptor; readonly chainId: Digest | undefined }): Promise<BuiltImage> {
    const { BuiltImage } = await import("./built-image.ts");
    return new BuiltImage(this.#context, o.target, o.chainId);
  }

  /** Forget what builds did, so that the layers that only they keep can go. @see {@link pruneBuildCache} */
  async pruneBuildCache(o: PruneCacheRequest = {}): Promise<PrunedCache> {
    const { until, ...options } = o;
    const { pruneBuildCache } = await import("@ctr/builder");
    const { store, database } = this.#context;
    const unusedFor = until === undefined ? (o.unusedFor ?? 0) : Date.now() - parseTimestamp(until);
    return pruneBuildCache({ ...options, unusedFor, store, database });
  }

  /** Layers that builds keep. @see {@link buildCacheUsage} */
  async buildCache(): Promise<CacheEntry[]> {
    const { buildCacheUsage } = await import("@ctr/builder");
    return buildCacheUsage({ store: this.#context.store, database: this.#context.database });
  }

  /** Directories behind `RUN --mount=type=cache`. @see {@link listCacheMounts} */
  async cacheMounts(): Promise<CacheMountInfo[]> {
    const { listCacheMounts } = await import("@ctr/builder");
    return listCacheMounts(cacheMountPlace(this.#context));
  }

  /** Remove those that no command has now. @returns what is gone */
  async removeCacheMounts(filter: (mount: CacheMountInfo) => boolean = () => true): Promise<CacheMountInfo[]> {
    const { removeCacheMounts } = await import("@ctr/builder");
    return removeCacheMounts({ ...cacheMountPlace(this.#context), filter });
  }

  /** What it takes on disk, whether all of it is sound, and how to get rid of what is not needed. */
  async system(): Promise<System> {
    const { System } = await import("./system.ts");
    return new System(this.#context);
  }

  info(): Document {
    return info(this.#context);
  }

  /** @see {@link housekeeping} */
  housekeeping(o: { readonly network?: boolean } = {}): Promise<void> {
    return housekeeping(this.#context, { network: o.network ?? false });
  }

  close(): void {
    this.#context.store.close();
    this.#context.database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
