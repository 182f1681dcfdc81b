import { type Expanded, expandInstruction, findStage, isDockerfileError } from "@ctr/dockerfile";
import { type ImageStore, isImageStoreError } from "@ctr/image-store";
import { formatPlatform, type JsonValue } from "@ctr/oci";
import type { BuildEvent, BuiltLayer, StepOutcome } from "../build-event.ts";
import { BuilderError, isBuilderError, type Place, placeOf } from "../builder-error.ts";
import type { CacheRecord } from "../cache-record.ts";
import { type Cause, findCauses } from "../cause.ts";
import { absolutePath, namesDirectory, plainSource } from "../container-path.ts";
import type { FailedRun } from "../failed-run.ts";
import { withoutPassword } from "../git-reference.ts";
import { historyText, runHistoryText } from "../history-text.ts";
import { applySetting, defaultShell, type Setting, SettingFailure } from "../image-settings.ts";
import { namesOfSources, placeMounts } from "../mount-definition.ts";
import { runCommand } from "../run-command.ts";
import type { RunWorker } from "../run-worker.ts";
import { findEarlier, type Ingredient, keyText, type StepParts } from "../step-parts.ts";
import { Variables } from "../variables.ts";
import { layerDirectories } from "./base-image.ts";
import type { BuildPlan, PlannedStage, StepInstruction } from "./build-plan.ts";
import type { BuildCache, StepResult } from "./cache-database.ts";
import type { CopySource } from "./copy-source.ts";
import { collectFiles, copyFiles, modeOf, type TransferFields } from "./copy-step.ts";
import { refuseForeign } from "./foreign-platform.ts";
import type { ImageLoader } from "./image-loader.ts";
import type { ImportedCache } from "./imported-cache.ts";
import { buildOptions, isLined, settingsOf, timeOption, usedVariables, visibleVariables } from "./ingredients.ts";
import { placeLayer } from "./linked-layer.ts";
import type { OpenedSource } from "./mount-source.ts";
import type { NamedContexts } from "./named-contexts.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { runCommandOn } from "./run-step.ts";
import { holdLayer, layerHolder, sealLayer, sha256 } from "./seal-layer.ts";
import { chainOfState, initialState, linesOf, type StageState, withHistory, withLayer } from "./stage-state.ts";
import { type MountServices, StepMounts } from "./step-mounts.ts";
import { Tree } from "./tree.ts";
import { ownerOf } from "./user.ts";
import type { LayerDraft, Workspace } from "./workspace.ts";
import { EntryWriter, type Owner, resolveTarget } from "./write-entries.ts";

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

/** A step that changes files, as far as it is known before it runs. */
interface FileStep {
  readonly operation: JsonValue;
  readonly inputs: StepParts["inputs"];
  readonly ingredients: readonly Ingredient[];
  readonly readsAll: boolean;
  /** Made on nothing: what lies below is no part of its key. */
  readonly linked?: boolean;
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
  readonly #noCache: boolean;
  readonly #sources: ReadonlySet<string>;
  #state: StageState;
  #variables: Variables;
  /** The stage has a CMD of its own. */
  #ownCommand = false;
  #ordinal = 0;
  /** Of the steps that can change files. */
  readonly #ordinals: number[] = [];

  constructor(services: BuildServices, stage: PlannedStage, below: StageState | undefined) {
    this.#s = services;
    this.#stage = stage;
    // Taken now: the places are written anew while the steps are done.
    this.#records = services.cache.records(services.project, stage.label);
    if (this.#records.length === 0) this.#records = services.imported.records(stage.label);
    this.#sources = new Set(stage.steps.map(sourceOf));
    const names = services.noCacheStages.map((name) => name.toLowerCase());
    this.#noCache = services.noCache || names.includes(stage.label) || names.includes(String(stage.index));
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
      await this.#awaitSource(instruction); // not a part of the step's time
      const shown = withoutPassword(instruction.source);
      await this.#step(firstStep + 1 + index, shown, line, () => this.#do(instruction));
    }
    if (this.#s.remember) this.#s.cache.keepPlaces(this.#s.project, label, this.#ordinals);
    return this.#state;
  }

  async #awaitSource(instruction: StepInstruction): Promise<void> {
    for (const name of namesOfSources(instruction)) {
      if (this.#s.contexts.has(name)) continue;
      const source = findStage(this.#stage.earlier, name);
      if (source !== undefined) await this.#s.stage(source.index);
    }
  }

  async #step(step: number, instruction: string, line: number, work: () => Promise<Finished>): Promise<void> {
    const { emit, plan, signal } = this.#s;
    signal?.throwIfAborted();
    const shown = this.#stage.shown[step - this.#stage.firstStep]!;
    emit({ type: "stepStarted", step, total: plan.total, stage: this.#stage.label, line, instruction, shown });
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

  async #run(instruction: Extract<StepInstruction, { readonly name: "RUN" }>, place: Place): Promise<Finished> {
    const { config } = this.#state;
    const { hostname, worker, workspace, signal, emit, onFailure } = this.#s;
    const { security } = instruction;
    const command = runCommand(instruction, config.Shell ?? defaultShell);
    const user = config.User ?? "";
    const cwd = absolutePath("/", config.WorkingDir ?? "/");
    const asked = instruction.flags.some((flag) => flag.name === "network");
    const network = asked ? instruction.network : this.#s.network;
    const step = this.#stage.firstStep + 1 + this.#ordinal;
    const settings = ["USER", "WORKDIR", ...(instruction.command.form === "shell" ? ["SHELL" as const] : [])] as const;
    using mounts = await this.#mounts(instruction, cwd);
    const operation = ["RUN", [...command.args], command.script?.text ?? "", user, cwd, network];
    return await this.#fileStep(instruction, {
      operation: [...operation, security, [...mounts.operation]],
      inputs: mounts.inputs,
      ingredients: [
        ...visibleVariables(this.#variables),
        ...settingsOf(this.#state, settings),
        ...buildOptions({ ...this.#s, network: asked ? undefined : network }),
      ],
      readsAll: true,
      history: runHistoryText(command.args, this.#variables.args),
      make: (draft) => {
        refuseForeign(this.#state.platform, place);
        return runCommandOn({
          mounts,
          security,
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
          onFailure,
          place,
          signal,
        });
      },
    });
  }

  #mounts(instruction: Extract<StepInstruction, { readonly name: "RUN" }>, workdir: string): Promise<StepMounts> {
    const { mounts } = expandInstruction(instruction, this.#variables.lookup).value;
    const places = instruction.mounts.map((word) => placeOf(word, instruction.file));
    return StepMounts.read(placeMounts(mounts, workdir, places), this.#s, async (from, { place }) =>
      from === undefined ? { ...this.#s.context, layers: undefined, close: () => {} } : this.#sourceOf(from, place),
    );
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
      const { remote } = this.#s;
      const collected = await collectFiles(it, source, { shownBefore, remote, place, signal });
      const workdir = this.#state.config.WorkingDir ?? "/";
      const owner = it.chown === undefined ? undefined : this.#ownerOf(it.chown, place);
      const files = it.files.map(({ path, content }) => [path, content]);
      // What lies below may give a name another number: the number is what the layer has.
      const chown = it.link && owner !== undefined ? [owner.uid, owner.gid] : (it.chown ?? "");
      const parents = it.name === "COPY" && it.parents;
      const isRelative = !it.destination.startsWith("/");
      return await this.#fileStep(instruction, {
        operation: [
          it.name,
          parents ? [...it.sources] : it.sources.map((one) => plainSource(withoutPassword(one))),
          files,
          [absolutePath(workdir, it.destination), namesDirectory(it.destination)],
          chown,
          it.chmod ?? "",
          [...collected.operation],
          this.#epoch(),
          // As they were written before these flags were there, so that older records still count.
          ...(it.link || parents || it.exclude.length > 0 ? [[it.link, parents, [...it.exclude]]] : []),
        ],
        inputs: collected.inputs,
        ingredients: [
          ...usedVariables(this.#variables, used),
          ...settingsOf(this.#state, isRelative ? ["WORKDIR"] : []),
          ...timeOption(sourceDateEpoch),
        ],
        readsAll: false,
        linked: it.link,
        history: historyText(it, instruction.source),
        make: async (draft) => {
          using view = it.link ? Tree.open(draft.upper) : this.#s.workspace.openDraft(draft);
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
      ingredients: [
        ...usedVariables(this.#variables, used),
        ...settingsOf(this.#state, ["USER"]),
        ...timeOption(this.#s.sourceDateEpoch),
      ],
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
    const { cache, project, store } = this.#s;
    this.#ordinals.push(this.#ordinal);
    const parts: StepParts = {
      source: sourceOf(instruction),
      operation: step.operation,
      parent: step.linked === true ? "" : (chainOfState(this.#state) ?? ""),
      base: this.#state.base,
      platform: formatPlatform(this.#state.platform),
      inputs: step.inputs,
      ingredients: step.ingredients,
      readsAll: step.readsAll,
    };
    const key = sha256(keyText(parts));
    const reused = this.#noCache ? undefined : ((await this.#findResult(key, step)) ?? (await this.#findImported(key)));
    const result = reused ?? (await this.#makeLayer(step));
    const place = { project, stage: this.#stage.label, ordinal: this.#ordinal };
    const causes = reused === undefined ? this.#causes(parts) : [];
    const { layer, created } = result;
    const { remember } = this.#s;
    const replaced = remember ? cache.record({ ...place, key, parts, result }) : undefined;
    if (replaced !== undefined) store.release(layerHolder(replaced));
    this.#s.records.push({ ...place, key, parts, result, isKept: this.#s.isKept(this.#stage.index) });
    if (layer === undefined) this.#state = withHistory(this.#state, step.history);
    else {
      if (remember) holdLayer(store, layer.chainId); // after the record: a hold that no record knows would stay for ever
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
  async #findResult(key: string, { linked }: FileStep): Promise<StepResult | undefined> {
    const { cache, store, workspace, signal } = this.#s;
    const result = cache.findResult(key);
    if (result?.layer === undefined) return result;
    if (linked === true) {
      const parent = chainOfState(this.#state);
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

  #findImported(key: string): Promise<StepResult | undefined> {
    const { imported, workspace, signal } = this.#s;
    return imported.find(key, { parent: chainOfState(this.#state), holder: workspace.holder, signal });
  }

  #causes(parts: StepParts): readonly Cause[] {
    if (this.#noCache) return [{ kind: "noCache" }];
    const earlier = findEarlier({ ordinal: this.#ordinal, source: parts.source }, this.#records, this.#sources);
    return findCauses(parts, earlier, { ranBelow: this.#state.ranBelow });
  }

  async #makeLayer(step: FileStep): Promise<StepResult> {
    const { store, cache, workspace, sourceDateEpoch, signal, isKept } = this.#s;
    const parent = chainOfState(this.#state);
    const draft = workspace.draft(step.linked === true ? [] : layerDirectories(store, parent));
    await step.make(draft);
    const archive = isKept(this.#stage.index);
    const layer = await sealLayer({ store, cache, draft, parent, archive, sourceDateEpoch, signal });
    const created = new Date(sourceDateEpoch === undefined ? Date.now() : sourceDateEpoch * 1000).toISOString();
    return layer === undefined ? { created } : { created, layer };
  }

  async #sourceOf(from: string, place: Place): Promise<OpenedSource> {
    const { store, workspace, images, contexts } = this.#s;
    const platform = this.#stage.asked;
    const named = await contexts.find(from, platform, place);
    if (named?.kind === "files") return { ...named.source, layers: undefined, close: () => {} };
    const stage = named === undefined ? findStage(this.#stage.earlier, from) : undefined;
    const chainId =
      stage === undefined
        ? (named?.image ?? (await images.load(from, platform, place))).layers.at(-1)?.chainId
        : chainOfState(await this.#s.stage(stage.index));
    const lowers = layerDirectories(store, chainId);
    const tree = workspace.openLayers(lowers);
    const layers = { chainId, lowers };
    return { tree, ignore: undefined, keepsOwners: true, layers, close: () => tree[Symbol.dispose]() };
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
  [withoutPassword(source), ...heredocs.map(({ content, name }) => content + name)].join("\n");

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
