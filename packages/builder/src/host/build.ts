import { join } from "node:path";
import { assertValid, parse } from "@ctr/dockerfile";
import { thisPlatform } from "@ctr/image-store";
import { type Digest, normalizePlatform } from "@ctr/oci";
import { type AdvisedStage, adviseArguments } from "../arg-advice.ts";
import type { BuildEvent } from "../build-event.ts";
import { BuilderError, placeOf } from "../builder-error.ts";
import type { CacheRecord } from "../cache-record.ts";
import type { BuildOptions } from "./build-options.ts";
import { type BuildPlan, planBuild } from "./build-plan.ts";
import type { BuildServices } from "./build-services.ts";
import { BuildSources } from "./build-sources.ts";
import { StageBuilder } from "./build-stage.ts";
import { BuildCache } from "./cache-database.ts";
import { CacheMountTable } from "./cache-mount-table.ts";
import { commitImage } from "./commit-image.ts";
import { ContentCopies } from "./content-copies.ts";
import type { OpenedContext } from "./context.ts";
import { EventQueue } from "./event-queue.ts";
import { exportCache } from "./export-cache.ts";
import { ImageLoader } from "./image-loader.ts";
import { ImportedCache } from "./imported-cache.ts";
import type { StageState } from "./stage-state.ts";
import { removeDeadWorkspaces, Workspace } from "./workspace.ts";

/**
 * Build an image. Nothing happens until the iteration begins; leaving it early stops the build. Stages that do not
 * need each other are built at the same time, so events of different steps may come mixed.
 *
 * @throws {BuilderError} with the line that failed; {DockerfileError} for what is wrong with the file itself; the
 *   signal's reason when it stopped the build
 */
export async function* build(options: BuildOptions): AsyncGenerator<BuildEvent, void> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const queue = new EventQueue<BuildEvent>();
  const work = buildAll({ ...options, signal }, (event) => queue.push(event)).finally(() => queue.end());
  work.catch(() => {}); // thrown below, when its events are through
  try {
    yield* queue;
    await work;
  } finally {
    stop.abort();
    await work.catch(() => {}); // nothing of it may go on behind the caller's back
  }
}

/** What a finished build made. */
export interface BuildResult {
  /** Digest of the image config: what Docker calls the image's id. */
  readonly id: Digest;
  readonly manifest: Digest;
  readonly names: readonly string[];
  readonly events: readonly BuildEvent[];
}

/** Build an image and wait for it. @throws as `build` */
export async function buildImage(
  options: BuildOptions & { readonly onEvent?: (event: BuildEvent) => void },
): Promise<BuildResult> {
  const events: BuildEvent[] = [];
  for await (const event of build(options)) {
    events.push(event);
    options.onEvent?.(event);
  }
  const last = events.find((event) => event.type === "imageFinished");
  if (last === undefined) throw new Error("a build ended without an image"); // cannot be
  const { id, manifest, names } = last;
  return { id, manifest, names, events };
}

async function buildAll(o: BuildOptions, emit: (event: BuildEvent) => void): Promise<void> {
  const { store } = o;
  using cache = new BuildCache(o.database ?? join(store.root, "ctr.db"));
  removeDeadWorkspaces(store.root, (holder) => store.release(holder));
  const workspace = new Workspace(store.root);
  using caches = new CacheMountTable(store.root, o.database);
  try {
    const given = new Map(Object.entries(o.args ?? {}));
    const { puller, pullAlways = false } = o;
    const holder = workspace.holder;
    const images = new ImageLoader({ store, holder, puller, pullAlways, emit, signal: o.signal });
    using sources = new BuildSources(o, { workspace, images });
    const context = await sources.open();
    const plan = await makePlan(o, context, sources, given);
    for (const warning of plan.warnings) emit({ type: "warning", ...warning });
    const sourceDateEpoch =
      o.sourceDateEpoch ?? epochOf(given.get("SOURCE_DATE_EPOCH")) ?? (o.reproducible ? 0 : undefined);
    const imported = new ImportedCache({ store, cache, database: o.database, emit });
    for (const source of o.cacheFrom ?? []) await imported.add(source, o.signal);
    const records: CacheRecord[] = [];
    const changing = new Set(given.keys());
    const noting = (event: BuildEvent): void => {
      for (const name of changedArguments(event)) changing.add(name);
      emit(event);
    };
    const state = await buildStages(plan, {
      store,
      cache,
      workspace,
      worker: o.worker,
      context: context.source,
      project: o.series === undefined ? context.project : JSON.stringify([context.project, o.series]),
      given,
      images,
      contexts: sources.contexts,
      remote: sources.remote,
      imported,
      records,
      caches,
      copies: new ContentCopies(workspace),
      cacheNamespace: given.get("BUILDKIT_CACHE_MOUNT_NS") ?? "",
      grants: { secrets: o.secrets ?? {}, agents: o.agents ?? {} },
      remember: o.remember ?? true,
      noCache: o.noCache ?? false,
      noCacheStages: o.noCacheStages ?? [],
      commandOptions: o.commandOptions ?? {},
      onFailure: o.onFailure,
      network: o.network ?? "default",
      hostname: o.hostname,
      sourceDateEpoch,
      emit: noting,
      signal: o.signal,
    });
    for (const advice of adviseArguments(advisedStages(plan), changing)) emit({ type: "advice", advice });
    const { labels = {}, tags = [], signal } = o;
    const { keep = "image", cacheTo = [] } = o;
    const inline = o.inlineCache === true || given.get("BUILDKIT_INLINE_CACHE") === "1" ? records : undefined;
    emit({ type: "exportStarted" });
    const image = await commitImage({ store, cache, state, labels, tags, keep, inline, signal });
    const { platform } = state;
    emit({ type: "imageFinished", ...image, manifest: image.target.digest, platform });
    await exportCache({ store, cache, database: o.database, records, targets: cacheTo, emit, signal });
  } finally {
    workspace.end((holder) => store.release(holder));
  }
}

async function makePlan(
  o: BuildOptions,
  context: OpenedContext,
  sources: BuildSources,
  given: ReadonlyMap<string, string>,
): Promise<BuildPlan> {
  const dockerfile = parse(context.text, { file: context.name });
  assertValid(dockerfile);
  const host = normalizePlatform(thisPlatform());
  return planBuild({
    dockerfile,
    target: o.target,
    given,
    host,
    platform: o.platform && normalizePlatform(o.platform),
    allow: o.allow ?? [],
    contexts: sources.contexts,
    loadImage: (name, platform, from) => sources.image(name, platform, placeOf(from.base, from.file)),
  });
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  const message = `invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)}; seconds since 1970 were expected`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message });
}

/** ARGs whose values made a step run. */
function changedArguments(event: BuildEvent): string[] {
  if (event.type !== "stepFinished" || event.outcome.decision !== "ran") return [];
  return event.outcome.causes.flatMap((cause) =>
    cause.kind === "ingredient" && cause.from === "ARG" && cause.change === "changed" ? [cause.name] : [],
  );
}

function advisedStages({ stages }: BuildPlan): AdvisedStage[] {
  const beginsWith = ({ base }: BuildPlan["stages"][number]): number | undefined =>
    base.kind === "stage" ? base.index : undefined;
  return stages.map(({ index, steps }) => ({
    index,
    steps,
    children: stages.filter((other) => beginsWith(other) === index).map((other) => other.index),
  }));
}

/** Every needed stage once, each as soon as what it begins with is there. The first failure stops the others. */
async function buildStages(
  plan: BuildPlan,
  shared: Omit<BuildServices, "plan" | "stage" | "isKept">,
): Promise<StageState> {
  const stop = new AbortController();
  const signal = shared.signal === undefined ? stop.signal : AbortSignal.any([shared.signal, stop.signal]);
  const kept = keptStages(plan);
  const running = new Map<number, Promise<StageState>>();
  const start = async (index: number): Promise<StageState> => {
    const planned = plan.stages.find((stage) => stage.index === index)!;
    const below = planned.base.kind === "stage" ? await stage(planned.base.index) : undefined;
    return new StageBuilder(services, planned, below).build();
  };
  const stage = (index: number): Promise<StageState> => {
    const promise = running.get(index) ?? start(index);
    running.set(index, promise);
    return promise;
  };
  const services: BuildServices = { ...shared, signal, plan, stage, isKept: (index) => kept.has(index) };
  let failure: { readonly error: unknown } | undefined;
  const all = plan.stages.map(({ index }) =>
    stage(index).catch((error: unknown) => {
      failure ??= { error };
      stop.abort();
    }),
  );
  await Promise.all(all);
  if (failure !== undefined) throw shared.signal?.aborted === true ? shared.signal.reason : failure.error;
  return stage(plan.target);
}

/** The target and what it stands on: their layers are the image's. */
function keptStages(plan: BuildPlan): ReadonlySet<number> {
  const kept = new Set<number>();
  let index: number | undefined = plan.target;
  while (index !== undefined) {
    kept.add(index);
    const base: BuildPlan["stages"][number]["base"] = plan.stages.find((stage) => stage.index === index)!.base;
    index = base.kind === "stage" ? base.index : undefined;
  }
  return kept;
}
