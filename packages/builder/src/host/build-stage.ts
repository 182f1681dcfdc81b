import { expandInstruction, findStage, isDockerfileError } from "@ctr/dockerfile";
import { BuilderError, isBuilderError, type Place, placeOf } from "../builder-error.ts";
import { withoutPassword } from "../git-reference.ts";
import { historyText } from "../history-text.ts";
import { applySetting, type Setting, SettingFailure } from "../image-settings.ts";
import { namesOfSources } from "../mount-definition.ts";
import { Variables } from "../variables.ts";
import type { PlannedStage, StepInstruction } from "./build-plan.ts";
import type { BuildServices } from "./build-services.ts";
import { performCopy } from "./copy-instruction.ts";
import type { TransferFields } from "./copy-step.ts";
import { type FileStep, FileSteps, type Finished } from "./file-steps.ts";
import { isLined } from "./ingredients.ts";
import { performRun } from "./run-instruction.ts";
import { type StagePoint, stepNumber } from "./stage-point.ts";
import { initialState, linesOf, type StageState, withHistory } from "./stage-state.ts";
import { workdirStep } from "./workdir-instruction.ts";

const noted: Finished = { outcome: { decision: "metadata" }, layer: undefined };

/** Builds one stage, step by step. */
export class StageBuilder {
  readonly #s: BuildServices;
  readonly #stage: PlannedStage;
  readonly #fileSteps: FileSteps;
  #state: StageState;
  #variables: Variables;
  /** The stage has a CMD of its own. */
  #ownCommand = false;
  #ordinal = 0;

  constructor(services: BuildServices, stage: PlannedStage, below: StageState | undefined) {
    this.#s = services;
    this.#stage = stage;
    this.#fileSteps = new FileSteps(services, stage);
    this.#state = initialState(stage, below);
    this.#variables = new Variables(this.#state.env, services.plan.globals, services.given);
  }

  /** @throws {BuilderError} {DockerfileError} */
  async build(): Promise<StageState> {
    const { from, steps, firstStep } = this.#stage;
    await this.#step(firstStep, from.source, from.range.start.line, async () => noted);
    for (const [index, instruction] of steps.entries()) {
      this.#ordinal = index;
      // A trigger of the base has no line of its own in this file: FROM's brought it.
      const line = instruction.file === from.file ? instruction.range.start.line : from.range.start.line;
      await this.#awaitSource(instruction); // not a part of the step's time
      const shown = withoutPassword(instruction.source);
      await this.#step(stepNumber(this.#stage, index), shown, line, () => this.#do(instruction));
    }
    this.#fileSteps.finish();
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
    const perform = (step: FileStep): Promise<Finished> => this.#fileStep(instruction, step);
    const { lookup } = this.#variables;
    switch (instruction.name) {
      case "ARG": {
        const text = historyText(expandInstruction(instruction, lookup).value, instruction.source);
        this.#variables.declare(instruction);
        this.#state = withHistory(this.#state, text);
        return noted;
      }
      case "MAINTAINER":
        this.#state = withHistory({ ...this.#state, author: instruction.maintainer }, instruction.source);
        return noted;
      case "RUN":
        return performRun(this.#point(), instruction, place, perform);
      case "ADD":
      case "COPY": {
        const { value, used } = expandInstruction(instruction, lookup);
        return performCopy(this.#point(), instruction, { value: value as TransferFields, used }, place, perform);
      }
      case "WORKDIR": {
        const expanded = expandInstruction(instruction, lookup);
        this.#set(expanded.value, instruction, place);
        return perform(workdirStep(this.#point(), instruction, expanded, place));
      }
      default: {
        const { value } = expandInstruction(instruction, lookup);
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

  #point(): StagePoint {
    const [services, stage] = [this.#s, this.#stage];
    return { services, stage, state: this.#state, variables: this.#variables, ordinal: this.#ordinal };
  }

  async #fileStep(instruction: StepInstruction, step: FileStep): Promise<Finished> {
    const { finished, state } = await this.#fileSteps.perform(step, instruction, this.#point());
    this.#state = state;
    return finished;
  }
}

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
