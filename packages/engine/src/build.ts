import {
  type BuildEvent,
  type BuildOptions as BuilderOptions,
  build,
  type CacheSource,
  type CacheTarget,
  type FailedRun,
  localCacheSource,
  localCacheTarget,
  type RunTerminal,
} from "@ctr/builder";
import { type Descriptor, encodeJson, formatPlatform, mediaTypes, type Platform } from "@ctr/oci";
import { type CommandSettings, noticeableSettings } from "./build-commands.ts";
import { endOrphans } from "./build-orphans.ts";
import { buildPuller } from "./build-puller.ts";
import { buildWorker } from "./build-worker.ts";
import type { Context } from "./context.ts";

/** Runs a command where another one has failed. @returns its exit code */
export type BuildShell = (o: { readonly args: readonly string[]; readonly terminal: RunTerminal }) => Promise<number>;

/** How much of a cache is exported: `min` is only the steps whose layers are in the image. */
type CacheExtent = Pick<CacheTarget, "mode" | "mounts">;

/** Where a cache is kept for other machines. */
export type CachePlace =
  | { readonly type: "local"; readonly directory: string }
  | { readonly type: "registry"; readonly ref: string };

/** What to build, without what the engine brings itself. */
export type BuildOptions = Omit<
  BuilderOptions,
  | "store"
  | "worker"
  | "database"
  | "puller"
  | "commandOptions"
  | "platform"
  | "series"
  | "cacheFrom"
  | "cacheTo"
  | "onFailure"
> & {
  /** Default: what this machine runs best. Several make an index, with an image for each. */
  readonly platforms?: readonly Platform[];
  readonly commands?: CommandSettings;
  /**
   * Called with a command that failed. `shell` runs another one in its place, on its files and with its mounts, until
   * that ends; the build goes on failing when this resolves.
   */
  readonly onFailedRun?: (failed: FailedRun, shell: BuildShell) => Promise<void>;
  readonly cacheFrom?: readonly CachePlace[];
  readonly cacheTo?: readonly (CachePlace & CacheExtent)[];
};

export type BuiltVariant = Extract<BuildEvent, { readonly type: "imageFinished" }>;

export type EngineBuildEvent =
  | BuildEvent
  /** Of several: the events that follow are about it. */
  | { readonly type: "platformStarted"; readonly platform: Platform }
  | {
      readonly type: "indexFinished";
      /** Of the index. */
      readonly target: Descriptor;
      readonly names: readonly string[];
      readonly variants: readonly BuiltVariant[];
    };

/**
 * Build an image, or one for each platform. Each RUN is a container of this engine; what it wrote is a layer.
 *
 * @throws {BuilderError} {DockerfileError} with file, line and column
 */
export async function* buildImage(context: Context, o: BuildOptions): AsyncGenerator<EngineBuildEvent, void> {
  await endOrphans(context);
  const { platforms = [] } = o;
  if (platforms.length > 1) return yield* buildIndex(context, o, platforms);
  const [platform] = platforms;
  yield* build({ ...(await builderOptions(context, o)), ...(platform && { platform }) });
}

async function* buildIndex(
  context: Context,
  o: BuildOptions,
  platforms: readonly Platform[],
): AsyncGenerator<EngineBuildEvent, void> {
  const { store } = context;
  const variants: BuiltVariant[] = [];
  for (const platform of platforms) {
    yield { type: "platformStarted", platform };
    const options = { ...(await builderOptions(context, o)), platform, series: formatPlatform(platform), tags: [] };
    for await (const event of build({ ...options, keep: "documents" })) {
      if (event.type === "imageFinished") variants.push(event);
      else yield event;
    }
  }
  const manifests = variants.map(({ target, platform }) => ({ ...target, platform }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  const blob = await store.writeBlob(new TextEncoder().encode(encodeJson(index)));
  const target: Descriptor = { mediaType: mediaTypes.index, ...blob };
  const isKept = (o.keep ?? "image") === "image";
  const names = isKept ? (await store.addImage({ target, names: o.tags ?? [] })).names : [];
  yield { type: "indexFinished", target, names, variants };
}

async function builderOptions(context: Context, o: BuildOptions): Promise<BuilderOptions> {
  const { platforms: _, commands = {}, cacheFrom = [], cacheTo = [], onFailedRun, ...rest } = o;
  const worker = buildWorker(context, commands);
  const shellFor =
    ({ request }: FailedRun): BuildShell =>
    async ({ args, terminal }) => {
      const env = [...request.env.filter((line) => !line.startsWith("TERM=")), "TERM=xterm"];
      return (await worker.run({ ...request, args, env, terminal })).exitCode;
    };
  return {
    ...rest,
    ...(onFailedRun && { onFailure: (failed: FailedRun) => onFailedRun(failed, shellFor(failed)) }),
    store: context.store,
    database: context.database,
    worker,
    puller: buildPuller(context),
    commandOptions: noticeableSettings(commands),
    cacheFrom: await Promise.all(cacheFrom.map((place) => sourceOf(context, place))),
    cacheTo: await Promise.all(cacheTo.map((place) => targetOf(context, place))),
  };
}

// What speaks with registries is loaded by builds that do.
async function sourceOf(context: Context, place: CachePlace): Promise<CacheSource> {
  if (place.type === "local") return localCacheSource(place.directory);
  const { registryCacheSource } = await import("./build-registry-cache.ts");
  return registryCacheSource(context, place.ref);
}

async function targetOf(context: Context, place: CachePlace & CacheExtent): Promise<CacheTarget> {
  const { mode, mounts = [] } = place;
  if (place.type === "local") return localCacheTarget(place.directory, { mode, mounts });
  const { registryCacheTarget } = await import("./build-registry-cache.ts");
  return registryCacheTarget(context, place.ref, { mode, mounts });
}
