import { isImageStoreError } from "@ctr/image-store";
import { formatPlatform, type JsonValue } from "@ctr/oci";
import type { BuiltLayer, StepOutcome } from "../build-event.ts";
import { type Cause, findCauses } from "../cause.ts";
import { withoutPassword } from "../git-reference.ts";
import { findEarlier, type Ingredient, keyText, type StepParts } from "../step-parts.ts";
import { layerDirectories } from "./base-image.ts";
import type { PlannedStage, StepInstruction } from "./build-plan.ts";
import type { BuildServices } from "./build-services.ts";
import type { BuildCache, StepResult } from "./cache-database.ts";
import { placeLayer } from "./linked-layer.ts";
import { holdLayer, layerHolder, sealLayer, sha256 } from "./seal-layer.ts";
import { type StagePoint, stepNumber } from "./stage-point.ts";
import { chainOfState, type StageState, withHistory, withLayer } from "./stage-state.ts";
import type { LayerDraft } from "./workspace.ts";

/** A step that changes files, as far as it is known before it runs. */
export interface FileStep {
  readonly operation: JsonValue;
  readonly inputs: StepParts["inputs"];
  readonly ingredients: readonly Ingredient[];
  readonly readsAll: boolean;
  /** Made on nothing: what lies below is no part of its key. */
  readonly linked?: boolean;
  readonly history: string;
  readonly make: (draft: LayerDraft) => Promise<void>;
}

export interface Finished {
  readonly outcome: StepOutcome;
  readonly layer: BuiltLayer | undefined;
}

/** The steps of one stage that change files: here alone is decided whether one runs. */
export class FileSteps {
  readonly #s: BuildServices;
  readonly #stage: PlannedStage;
  readonly #records: ReturnType<BuildCache["records"]>;
  readonly #noCache: boolean;
  readonly #sources: readonly string[];
  readonly #ordinals: number[] = [];

  constructor(services: BuildServices, stage: PlannedStage) {
    this.#s = services;
    this.#stage = stage;
    // Taken now: the places are written anew while the steps are done.
    this.#records = services.cache.records(services.project, stage.label);
    if (this.#records.length === 0) this.#records = services.imported.records(stage.label);
    this.#sources = stage.steps.map(sourceOf);
    const names = services.noCacheStages.map((name) => name.toLowerCase());
    this.#noCache = services.noCache || names.includes(stage.label) || names.includes(String(stage.index));
  }

  /** Take a result from before or run the step. @returns what came of it, and the stage with it */
  async perform(
    step: FileStep,
    instruction: StepInstruction,
    { state, ordinal }: Pick<StagePoint, "state" | "ordinal">,
  ): Promise<{ readonly finished: Finished; readonly state: StageState }> {
    this.#ordinals.push(ordinal);
    const parts = partsOf(step, instruction, state);
    const key = sha256(keyText(parts));
    const reused = this.#noCache
      ? undefined
      : ((await this.#findResult(key, step, state)) ?? (await this.#findImported(key, state)));
    const result = reused ?? (await this.#makeLayer(step, state));
    const causes = reused === undefined ? this.#causes(parts, ordinal, state) : [];
    this.#remember(key, parts, result, ordinal);
    const outcome: StepOutcome = reused === undefined ? { decision: "ran", causes } : { decision: "reused" };
    const number = reused === undefined ? stepNumber(this.#stage, ordinal) : undefined;
    return {
      finished: { outcome, layer: this.#built(result) },
      state: stateAfter(state, step.history, result, number),
    };
  }

  /** All are done: the cache forgets the places where none of them stands. */
  finish(): void {
    const { remember, cache, project } = this.#s;
    if (remember) cache.keepPlaces(project, this.#stage.label, this.#ordinals);
  }

  #remember(key: string, parts: StepParts, result: StepResult, ordinal: number): void {
    const { cache, store, project, remember, records, isKept } = this.#s;
    const place = { project, stage: this.#stage.label, ordinal };
    const replaced = remember ? cache.record({ ...place, key, parts, result }) : undefined;
    if (replaced !== undefined) store.release(layerHolder(replaced));
    records.push({ ...place, key, parts, result, isKept: isKept(this.#stage.index) });
    // After the record: a hold that no record knows would stay for ever.
    if (remember && result.layer !== undefined) holdLayer(store, result.layer.chainId);
  }

  #built({ layer }: StepResult): BuiltLayer | undefined {
    return (
      layer && {
        diffId: layer.diffId,
        chainId: layer.chainId,
        digest: this.#s.cache.findBlob(layer.diffId)?.digest,
        size: layer.size,
        files: layer.files,
      }
    );
  }

  // A record is worth nothing without its layer: somebody may have cleared the store.
  async #findResult(key: string, { linked }: FileStep, state: StageState): Promise<StepResult | undefined> {
    const { cache, store, workspace, signal } = this.#s;
    const result = cache.findResult(key);
    if (result?.layer === undefined) return result;
    if (linked === true) {
      const parent = chainOfState(state);
      const layer = await placeLayer({ store, cache, layer: result.layer, parent, holder: workspace.holder, signal });
      return layer && { ...result, layer };
    }
    try {
      store.hold({ chainId: result.layer.chainId, holder: workspace.holder });
      return result;
    } catch (error) {
      if (isImageStoreError(error) && error.code === "ERR_LAYER_NOT_FOUND") return undefined;
      throw error;
    }
  }

  #findImported(key: string, state: StageState): Promise<StepResult | undefined> {
    const { imported, workspace, signal } = this.#s;
    return imported.find(key, { parent: chainOfState(state), holder: workspace.holder, signal });
  }

  #causes(parts: StepParts, ordinal: number, state: StageState): readonly Cause[] {
    if (this.#noCache) return [{ kind: "noCache" }];
    const earlier = findEarlier({ ordinal, source: parts.source }, this.#records, this.#sources);
    return findCauses(parts, earlier, state);
  }

  async #makeLayer(step: FileStep, state: StageState): Promise<StepResult> {
    const { store, cache, workspace, sourceDateEpoch, signal, isKept } = this.#s;
    const parent = chainOfState(state);
    const draft = workspace.draft(step.linked === true ? [] : layerDirectories(store, parent));
    await step.make(draft);
    const archive = isKept(this.#stage.index);
    const layer = await sealLayer({ store, cache, draft, parent, archive, sourceDateEpoch, signal });
    const created = new Date(sourceDateEpoch === undefined ? Date.now() : sourceDateEpoch * 1000).toISOString();
    return layer === undefined ? { created } : { created, layer };
  }
}

function partsOf(step: FileStep, instruction: StepInstruction, state: StageState): StepParts {
  return {
    source: sourceOf(instruction),
    operation: step.operation,
    parent: step.linked === true ? "" : (chainOfState(state) ?? ""),
    base: state.base,
    platform: formatPlatform(state.platform),
    inputs: step.inputs,
    ingredients: step.ingredients,
    readsAll: step.readsAll,
  };
}

/** @param ran  The step's number, if it was not a result from before. */
function stateAfter(
  state: StageState,
  history: string,
  { layer, created }: StepResult,
  ran: number | undefined,
): StageState {
  if (layer === undefined) {
    const after = withHistory(state, history);
    return ran === undefined ? after : { ...after, ranEmpty: ran };
  }
  const after = withLayer(state, history, { ...layer, descriptor: undefined }, created);
  return ran === undefined ? after : { ...after, ranBelow: ran };
}

const sourceOf = ({ source, heredocs }: StepInstruction): string =>
  [withoutPassword(source), ...heredocs.map(({ content, name }) => content + name)].join("\n");
