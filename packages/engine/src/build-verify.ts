import { lstatSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { BuiltLayer } from "@ctr/builder";
import { type Aspect, compareTrees, type TreeChange } from "@ctr/image-reuse";
import { type Digest, formatPlatform } from "@ctr/oci";
import { type BuildOptions, type BuiltVariant, buildImage, type EngineBuildEvent } from "./build.ts";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";

/** What two builds of one thing made differently. */
export interface BuildDifference {
  /** Undefined for the image's configuration. */
  readonly path: string | undefined;
  /** `config`: the layers are the same, what is noted about them is not. `archive`: not the files, but how they are told. */
  readonly kind: "added" | "deleted" | "changed" | "archive" | "config";
  /** What of a changed file. */
  readonly differs: readonly Aspect[];
  readonly step: number;
  readonly line: number;
  readonly instruction: string;
}

export type VerifyEvent =
  | EngineBuildEvent
  | { readonly type: "verifyStarted" }
  | {
      readonly type: "verifyFinished";
      readonly differences: readonly BuildDifference[];
      readonly milliseconds: number;
    };

/** A step of a build with what it made. */
interface Made {
  readonly step: number;
  readonly line: number;
  readonly instruction: string;
  readonly layer: BuiltLayer | undefined;
}

/**
 * Build, and build again without the cache, at another second, under another umask and host name. Both are
 * reproducible builds: what still differs comes from the commands.
 *
 * @throws as a build
 */
export async function* verifyBuild(context: Context, o: BuildOptions): AsyncGenerator<VerifyEvent, void> {
  const options = { ...o, reproducible: true };
  const started = Date.now();
  const first = new Recorder();
  for await (const event of buildImage(context, options)) yield first.read(event);
  yield { type: "verifyStarted" };
  const beganAgain = Date.now();
  // What a command notes of the time, it notes in seconds.
  await setTimeout(Math.max(started + 1100 - beganAgain, 0));
  const second = new Recorder();
  const umask = process.umask(0o077);
  try {
    for await (const event of buildImage(context, secondOptions(options))) second.read(event);
  } finally {
    process.umask(umask);
  }
  const differences = await compare(context, first, second, options);
  yield { type: "verifyFinished", differences, milliseconds: Date.now() - beganAgain };
}

function secondOptions({ onFailedRun: _, ...o }: BuildOptions): BuildOptions {
  const apart = { noCache: true, remember: false, keep: "documents", tags: [], cacheFrom: [], cacheTo: [] } as const;
  return { ...o, ...apart, hostname: "another-build" };
}

/** Notes what a build made, by step; of several platforms each has its own. */
class Recorder {
  readonly made = new Map<string, Made>();
  readonly variants: BuiltVariant[] = [];
  #platform = "";
  readonly #started = new Map<number, Pick<Made, "line" | "instruction">>();

  read(event: EngineBuildEvent): EngineBuildEvent {
    if (event.type === "platformStarted") this.#platform = formatPlatform(event.platform);
    if (event.type === "stepStarted") this.#started.set(event.step, event);
    if (event.type === "stepFinished") {
      const { step, layer } = event;
      const { line, instruction } = this.#started.get(step)!;
      this.made.set(`${this.#platform} ${step}`, { step, line, instruction, layer });
    }
    if (event.type === "imageFinished") this.variants.push(event);
    if (event.type === "indexFinished") this.variants.push(...event.variants);
    return event;
  }
}

async function compare(
  context: Context,
  first: Recorder,
  second: Recorder,
  o: BuildOptions,
): Promise<BuildDifference[]> {
  const given = o.sourceDateEpoch ?? Number(o.args?.SOURCE_DATE_EPOCH ?? 0);
  const found: BuildDifference[] = [];
  for (const [key, made] of first.made) {
    const [before, after] = [made.layer, second.made.get(key)?.layer];
    if (before?.diffId === after?.diffId) continue;
    const files: BuildDifference[] = [];
    const at = { step: made.step, line: made.line, instruction: made.instruction };
    const trees = { before: layerOf(context, before?.chainId), after: layerOf(context, after?.chainId) };
    for await (const change of compareTrees(trees)) {
      const difference = differenceOf(change, given);
      if (difference !== undefined) files.push({ ...difference, ...at });
    }
    if (files.length === 0) files.push({ path: "/", kind: "archive", differs: [], ...at });
    found.push(...files);
  }
  if (found.length > 0) return found;
  return first.variants.flatMap((variant, index): BuildDifference[] => {
    if (variant.id === second.variants[index]?.id) return [];
    const last = [...first.made.values()].at(-1)!;
    return [{ path: undefined, kind: "config", differs: [], ...last }];
  });
}

/** The directory of a layer alone. */
function layerOf(context: Context, chainId: Digest | undefined): string[] {
  if (chainId === undefined) return [];
  const { cacheId } = context.store.layerChain(chainId)[0]!;
  return [join(overlayRoot(context), cacheId, "diff")];
}

function differenceOf(
  change: TreeChange,
  epoch: number,
): Pick<BuildDifference, "path" | "kind" | "differs"> | undefined {
  if (change.kind === "copied") return undefined;
  if (change.kind !== "changed") return { path: change.path, kind: change.kind, differs: [] };
  // On disk a file has the time when it was written; the image has no time later than this one.
  const cutTime = (layer: string): number => Math.min(lstatSync(join(layer, change.path)).mtimeMs, epoch * 1000);
  const differs = change.differs.filter(
    (aspect) => aspect !== "time" || cutTime(change.before!.layer) !== cutTime(change.after!.layer),
  );
  return differs.length === 0 ? undefined : { path: change.path, kind: "changed", differs };
}
