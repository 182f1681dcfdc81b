import { type Expanded, expandInstruction, findStage, isDockerfileError, type RunFields } from "@ctr/dockerfile";
import { type ImageStore, isImageStoreError } from "@ctr/image-store";
import { formatPlatform, type JsonValue } from "@ctr/oci";
import type { BuildEvent, BuiltLayer, StepOutcome } from "../build-event.ts";
import { BuilderError, isBuilderError, type Place, placeOf } from "../builder-error.ts";
import { type Cause, findCauses } from "../cause.ts";
import { absolutePath } from "../container-path.ts";
import { historyText, runHistoryText } from "../history-text.ts";
import { applySetting, defaultShell, type Setting, SettingFailure } from "../image-settings.ts";
import { runCommand } from "../run-command.ts";
import type { RunWorker } from "../run-worker.ts";
import { findEarlier, type Ingredient, keyText, type StepParts } from "../step-parts.ts";
import { Variables } from "../variables.ts";
import { layerDirectories, loadImage } from "./base-image.ts";
import type { BuildPlan, PlannedStage, StepInstruction } from "./build-plan.ts";
import type { BuildCache, StepResult } from "./cache-database.ts";
import type { CopySource } from "./copy-source.ts";
import { collectFiles, copyFiles, modeOf, type TransferFields } from "./copy-step.ts";
import { isLined, settingsOf, usedVariables, visibleVariables } from "./ingredients.ts";
import { runCommandOn } from "./run-step.ts";
import { holdLayer, sealLayer, sha256 } from "./seal-layer.ts";
import { chainOfState, initialState, linesOf, type StageState, withHistory, withLayer } from "./stage-state.ts";
import { ownerOf } from "./user.ts";
import type { LayerDraft, Workspace } from "./workspace.ts";
import { EntryWriter, type Owner, resolveTarget } from "./write-entries.ts";

/** What all stages of a build share. */
export interface BuildServices {
  readonly store: ImageStore;
  readonly cache: BuildCache;
  readonly workspace: Workspace;
  readonly worker: RunWorker;
  readonly context: CopySource;
  readonly plan: BuildPlan;
  /** Tells builds of one file from those of others. */
  readonly project: string;
  readonly given: ReadonlyMap<string, string>;
  readonly noCache: boolean;
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

/** A step that changes files, as far as it is known before it runs. */
interface FileStep {
  readonly operation: JsonValue;
  readonly inputs: StepParts["inputs"];
  readonly ingredients: readonly Ingredient[];
  readonly readsAll: boolean;
  readonly history: string;
  readonly make: (draft: LayerDraft) => Promise<void>;
}

type Finished = { readonly outcome: StepOutcome; readonly layer: BuiltLayer | undefined };
const noted: Finished = { outcome: { decision: "metadata" }, layer: undefined };

/** Builds one stage, step by step. */
export class StageBuilder {
  readonly #s: BuildServices;
  readonly #stage: PlannedStage;
  readonly #records: ReturnType<BuildCache["records"]>;
  readonly #sources: ReadonlySet<string>;
  #state: StageState;
  #variables: Variables;
  /** The stage has a CMD of its own. */
  #ownCommand = false;
  #ordinal = 0;

  constructor(services: BuildServices, stage: PlannedStage, below: StageState | undefined) {
    this.#s = services;
    this.#stage = stage;
    // Taken now: the places are written anew while the steps are done.
    this.#records = services.cache.records(services.project, stage.label);
    this.#sources = new Set(stage.steps.map(sourceOf));
    this.#state = initialState(stage, below);
    this.#variables = new Variables(this.#state.env, services.plan.globals, services.given);
  }

  /** @throws {BuilderError} {DockerfileError} */
  async build(): Promise<StageState> {
    const { from, steps, firstStep, label } = this.#stage;
    await this.#step(firstStep, from.source, from.range.start.line, async () => noted);
    for (const [index, instruction] of steps.entries()) {
      this.#ordinal = index;
      // A trigger of the base has no line of its own in this file: FROM's brought it.
      const line = instruction.file === from.file ? instruction.range.start.line : from.range.start.line;
      await this.#step(firstStep + 1 + index, instruction.source, line, () => this.#do(instruction));
    }
    this.#s.cache.cutStage(this.#s.project, label, steps.length);
    return this.#state;
  }

  async #step(step: number, instruction: string, line: number, work: () => Promise<Finished>): Promise<void> {
    const { emit, plan, signal } = this.#s;
    signal?.throwIfAborted();
    emit({ type: "stepStarted", step, total: plan.total, stage: this.#stage.label, line, instruction });
    const started = performance.now();
    const { outcome, layer } = await work();
    emit({ type: "stepFinished", step, outcome, layer, milliseconds: performance.now() - started });
  }

  async #do(instruction: StepInstruction): Promise<Finished> {
    const place = placeOf(instruction, instruction.file);
    try {
      return await this.#perform(instruction, place);
    } catch (error) {
      throw locate(error, instruction.keyword.text.toUpperCase(), place, this.#s.signal);
    }
  }

  async #perform(instruction: StepInstruction, place: Place): Promise<Finished> {
    switch (instruction.name) {
      case "ARG": {
        const text = historyText(expandInstruction(instruction, this.#variables.lookup).value, instruction.source);
        this.#variables.declare(instruction);
        this.#state = withHistory(this.#state, text);
        return noted;
      }
      case "MAINTAINER":
        this.#state = withHistory({ ...this.#state, author: instruction.maintainer }, instruction.source);
        return noted;
      case "RUN":
        return this.#run(instruction, place);
      case "ADD":
      case "COPY": {
        const { value, used } = expandInstruction(instruction, this.#variables.lookup);
        return this.#copy(instruction, value as TransferFields, used, place);
      }
      case "WORKDIR": {
        const { value, used } = expandInstruction(instruction, this.#variables.lookup);
        return this.#workdir(instruction, value, used, place);
      }
      default: {
        const { value } = expandInstruction(instruction, this.#variables.lookup);
        this.#set(value, instruction, place);
        this.#state = withHistory(this.#state, historyText(value, instruction.source));
        return noted;
      }
    }
  }

  #set(setting: Setting, { range, source }: StepInstruction, place: Place): void {
    const line = range.start.line;
    if (setting.name === "ENV")
      for (const { key, value } of setting.pairs) {
        if (key === "")
          throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: "ENV names can not be blank", place });
        this.#variables.setEnv(key, value, line);
      }
    if (setting.name === "CMD") this.#ownCommand = true;
    const env = this.#variables.env;
    try {
      const config = applySetting(this.#state.config, setting, { env: linesOf(env), ownCommand: this.#ownCommand });
      const lines = isLined(setting.name) ? { ...this.#state.lines, [setting.name]: line } : this.#state.lines;
      this.#state = { ...this.#state, config, env, lines };
    } catch (failure) {
      if (!(failure instanceof SettingFailure)) throw failure;
      const message = `${source.slice(0, 200)}: ${failure.message}`;
      throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
    }
  }

  async #run(instruction: StepInstruction & RunFields<unknown>, place: Place): Promise<Finished> {
    const { config } = this.#state;
    const { hostname, worker, workspace, signal, emit } = this.#s;
    const command = runCommand(instruction, config.Shell ?? defaultShell);
    const user = config.User ?? "";
    const cwd = absolutePath("/", config.WorkingDir ?? "/");
    const asked = instruction.flags.some((flag) => flag.name === "network");
    const network = asked ? instruction.network : this.#s.network;
    const step = this.#stage.firstStep + 1 + this.#ordinal;
    const settings = ["USER", "WORKDIR", ...(instruction.command.form === "shell" ? ["SHELL" as const] : [])] as const;
    return this.#fileStep(instruction, {
      operation: ["RUN", [...command.args], command.script?.text ?? "", user, cwd, network],
      inputs: [],
      ingredients: [...visibleVariables(this.#variables), ...settingsOf(this.#state, settings)],
      readsAll: true,
      history: runHistoryText(command.args, this.#variables.args),
      make: (draft) =>
        runCommandOn({
          worker,
          workspace,
          draft,
          command,
          env: this.#variables.commandEnvironment(),
          cwd,
          user,
          network,
          hostname,
          output: (stream, chunk) => emit({ type: "stepOutput", step, stream, chunk }),
          place,
          signal,
        }),
    });
  }

  async #copy(
    instruction: StepInstruction,
    it: TransferFields,
    used: readonly string[],
    place: Place,
  ): Promise<Finished> {
    modeOf(it.chmod, place); // before anything is read
    const { signal, sourceDateEpoch } = this.#s;
    const from = it.name === "COPY" ? it.from : undefined;
    const source = from === undefined ? { ...this.#s.context, close: () => {} } : await this.#sourceOf(from, place);
    try {
      const shownBefore = from === undefined ? "" : `--from=${from} `;
      const collected = await collectFiles(it, source, { shownBefore, place, signal });
      const workdir = this.#state.config.WorkingDir ?? "/";
      const owner = it.chown === undefined ? undefined : this.#ownerOf(it.chown, place);
      const files = it.files.map(({ path, content }) => [path, content]);
      const unpacked = collected.items.map(({ unpack }) => unpack);
      const destination = [workdir, it.destination];
      return await this.#fileStep(instruction, {
        operation: [
          it.name,
          [...it.sources],
          files,
          destination,
          it.chown ?? "",
          it.chmod ?? "",
          unpacked,
          this.#epoch(),
        ],
        inputs: collected.inputs,
        ingredients: [...usedVariables(this.#variables, used), ...settingsOf(this.#state, ["WORKDIR"])],
        readsAll: false,
        history: historyText(it, instruction.source),
        make: async (draft) => {
          using view = this.#s.workspace.openDraft(draft);
          const time = BigInt(sourceDateEpoch ?? 0) * 1_000_000_000n;
          await copyFiles(it, collected, { view, workdir, owner, time, place, signal });
        },
      });
    } finally {
      source.close();
    }
  }

  async #workdir(
    instruction: StepInstruction,
    setting: Expanded<Extract<StepInstruction, { readonly name: "WORKDIR" }>>,
    used: readonly string[],
    place: Place,
  ): Promise<Finished> {
    this.#set(setting, instruction, place);
    const path = this.#state.config.WorkingDir ?? "/";
    const user = this.#state.config.User ?? "";
    const owner = user === "" ? undefined : this.#ownerOf(user, place);
    return this.#fileStep(instruction, {
      operation: ["WORKDIR", path, user, this.#epoch()],
      inputs: [],
      ingredients: [...usedVariables(this.#variables, used), ...settingsOf(this.#state, ["USER"])],
      readsAll: false,
      history: historyText(setting, instruction.source),
      make: async (draft) => {
        using view = this.#s.workspace.openDraft(draft);
        const time = BigInt(this.#s.sourceDateEpoch ?? 0) * 1_000_000_000n;
        const writer = new EntryWriter({ tree: view, owner, mode: undefined, time, place });
        writer.makeDirectories(resolveTarget(view, path));
        writer.finish();
      },
    });
  }

  // The one place where it is decided whether a step runs.
  async #fileStep(instruction: StepInstruction, step: FileStep): Promise<Finished> {
    const { cache, project, store, noCache } = this.#s;
    const parts: StepParts = {
      source: sourceOf(instruction),
      operation: step.operation,
      parent: chainOfState(this.#state) ?? "",
      base: this.#state.base,
      platform: formatPlatform(this.#state.platform),
      inputs: step.inputs,
      ingredients: step.ingredients,
      readsAll: step.readsAll,
    };
    const key = sha256(keyText(parts));
    const reused = noCache ? undefined : this.#findResult(key);
    const result = reused ?? (await this.#makeLayer(step));
    const place = { project, stage: this.#stage.label, ordinal: this.#ordinal };
    const causes = reused === undefined ? this.#causes(parts) : [];
    const { layer, created } = result;
    cache.record({ ...place, key, parts, result });
    if (layer === undefined) this.#state = withHistory(this.#state, step.history);
    else {
      holdLayer(store, layer.chainId); // after the record: a hold that no record knows would stay for ever
      this.#state = withLayer(this.#state, step.history, { ...layer, descriptor: undefined }, created);
      if (reused === undefined) this.#state = { ...this.#state, ranBelow: this.#stage.firstStep + 1 + this.#ordinal };
    }
    const outcome: StepOutcome = reused === undefined ? { decision: "ran", causes } : { decision: "reused" };
    const built = layer && {
      diffId: layer.diffId,
      chainId: layer.chainId,
      digest: cache.findBlob(layer.diffId)?.digest,
      size: layer.size,
      files: layer.files,
    };
    return { outcome, layer: built };
  }

  // A record is worth nothing without its layer: somebody may have cleared the store.
  #findResult(key: string): StepResult | undefined {
    const { cache, store, workspace } = this.#s;
    const result = cache.findResult(key);
    if (result?.layer === undefined) return result;
    try {
      store.hold({ chainId: result.layer.chainId, holder: workspace.holder });
      return result;
    } catch (error) {
      if (isImageStoreError(error) && error.code === "ERR_LAYER_NOT_FOUND") return undefined;
      throw error;
    }
  }

  #causes(parts: StepParts): readonly Cause[] {
    if (this.#s.noCache) return [{ kind: "noCache" }];
    const earlier = findEarlier({ ordinal: this.#ordinal, source: parts.source }, this.#records, this.#sources);
    return findCauses(parts, earlier, { ranBelow: this.#state.ranBelow });
  }

  async #makeLayer(step: FileStep): Promise<StepResult> {
    const { store, cache, workspace, sourceDateEpoch, signal, isKept } = this.#s;
    const parent = chainOfState(this.#state);
    const draft = workspace.draft(layerDirectories(store, parent));
    await step.make(draft);
    const archive = isKept(this.#stage.index);
    const layer = await sealLayer({ store, cache, draft, parent, archive, sourceDateEpoch, signal });
    const created = new Date(sourceDateEpoch === undefined ? Date.now() : sourceDateEpoch * 1000).toISOString();
    return layer === undefined ? { created } : { created, layer };
  }

  async #sourceOf(from: string, place: Place): Promise<CopySource & { readonly close: () => void }> {
    const { store, workspace, signal } = this.#s;
    const stage = findStage(this.#stage.earlier, from);
    const platform = this.#stage.asked;
    const chainId =
      stage === undefined
        ? (await loadImage({ store, name: from, platform, place, holder: workspace.holder, signal })).layers.at(-1)
            ?.chainId
        : chainOfState(await this.#s.stage(stage.index));
    const tree = workspace.openLayers(layerDirectories(store, chainId));
    return { tree, ignore: undefined, keepsOwners: true, close: () => tree[Symbol.dispose]() };
  }

  #ownerOf(user: string, place: Place): Owner {
    using tree = this.#s.workspace.openLayers(layerDirectories(this.#s.store, chainOfState(this.#state)));
    return ownerOf(user, tree, place);
  }

  #epoch(): JsonValue {
    return this.#s.sourceDateEpoch ?? null;
  }
}

const sourceOf = ({ source, heredocs }: StepInstruction): string =>
  [source, ...heredocs.map(({ content, name }) => content + name)].join("\n");

/** The error with the line of the step that it came from. */
function locate(error: unknown, name: string, place: Place, signal: AbortSignal | undefined): unknown {
  if (isDockerfileError(error) || (signal?.aborted === true && error === signal.reason)) return error;
  if (isBuilderError(error)) {
    if (error.line !== undefined) return error;
    return new BuilderError({ code: error.code, message: error.message, place, cause: error.cause });
  }
  if (!(error instanceof Error)) return error;
  return new BuilderError({
    code: "ERR_BUILDER_STEP",
    message: `${name} failed: ${error.message}`,
    place,
    cause: error,
  });
}
