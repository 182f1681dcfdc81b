import { join } from "node:path";
import { assertValid, parse } from "@ctr/dockerfile";
import { thisPlatform } from "@ctr/image-store";
import { type Digest, normalizePlatform } from "@ctr/oci";
import type { BuildEvent } from "../build-event.ts";
import { BuilderError, placeOf } from "../builder-error.ts";
import { loadImage } from "./base-image.ts";
import type { BuildOptions } from "./build-options.ts";
import { type BuildPlan, planBuild } from "./build-plan.ts";
import { type BuildServices, StageBuilder } from "./build-stage.ts";
import { BuildCache } from "./cache-database.ts";
import { commitImage } from "./commit-image.ts";
import { type OpenedContext, openContext } from "./context.ts";
import { EventQueue } from "./event-queue.ts";
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
  const last = events.at(-1);
  if (last?.type !== "imageFinished") throw new Error("a build ended without an image"); // cannot be
  const { id, manifest, names } = last;
  return { id, manifest, names, events };
}

async function buildAll(o: BuildOptions, emit: (event: BuildEvent) => void): Promise<void> {
  const { store } = o;
  using context = await openContext(o);
  using cache = new BuildCache(o.database ?? join(store.root, "ctr.db"));
  for (const holder of removeDeadWorkspaces(store.root)) store.release(holder);
  const workspace = new Workspace(store.root);
  try {
    const given = new Map(Object.entries(o.args ?? {}));
    const plan = await makePlan(o, context, workspace, given);
    for (const warning of plan.warnings) emit({ type: "warning", ...warning });
    const sourceDateEpoch = o.sourceDateEpoch ?? epochOf(given.get("SOURCE_DATE_EPOCH"));
    const state = await buildStages(plan, {
      store,
      cache,
      workspace,
      worker: o.worker,
      context: context.source,
      project: context.project,
      given,
      noCache: o.noCache ?? false,
      network: o.network ?? "default",
      hostname: o.hostname,
      sourceDateEpoch,
      emit,
      signal: o.signal,
    });
    const { labels = {}, tags = [], signal } = o;
    const { id, image } = await commitImage({ store, cache, state, labels, tags, signal });
    emit({ type: "imageFinished", id, manifest: image.target.digest, names: image.names });
  } finally {
    store.release(workspace.holder);
    workspace[Symbol.dispose]();
  }
}

async function makePlan(
  o: BuildOptions,
  context: OpenedContext,
  workspace: Workspace,
  given: ReadonlyMap<string, string>,
): Promise<BuildPlan> {
  const dockerfile = parse(context.text, { file: context.name });
  assertValid(dockerfile);
  const host = normalizePlatform(thisPlatform());
  const { store, signal } = o;
  return planBuild({
    dockerfile,
    target: o.target,
    given,
    host,
    platform: o.platform && normalizePlatform(o.platform),
    loadImage: (name, platform, from) =>
      loadImage({
        store,
        name,
        platform,
        place: placeOf(from.base, from.file),
        holder: workspace.holder,
        signal,
      }),
  });
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  const message = `invalid SOURCE_DATE_EPOCH: ${JSON.stringify(text)}; seconds since 1970 were expected`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message });
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
