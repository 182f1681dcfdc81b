import {
  type Dockerfile,
  expandInstruction,
  type FromInstruction,
  findStage,
  type Instruction,
  parseInstruction,
  type Stage,
  stages as stagesOf,
} from "@ctr/dockerfile";
import { type Platform, parsePlatform } from "@ctr/oci";
import type { ShownStep } from "../build-event.ts";
import { BuilderError, placeOf } from "../builder-error.ts";
import { type Entitlement, refuseForbidden } from "../entitlements.ts";
import { namesOfSources } from "../mount-definition.ts";
import { shownSteps } from "../shown-step.ts";
import { refuseUnsupported } from "../unsupported.ts";
import { type GlobalArguments, globalArguments, platformArguments, unusedArguments } from "../variables.ts";
import type { BaseImage } from "./base-image.ts";

export type StepInstruction = Exclude<Instruction, FromInstruction>;

/** One stage that the target needs. */
export interface PlannedStage {
  readonly index: number;
  /** Its name, else its number. */
  readonly label: string;
  readonly from: FromInstruction;
  readonly base:
    | { readonly kind: "scratch" }
    | { readonly kind: "stage"; readonly index: number }
    | { readonly kind: "image"; readonly image: BaseImage };
  /** What the base left for its children (ONBUILD), then the stage's own. */
  readonly steps: readonly StepInstruction[];
  /** Stages before it that `--from` may mean. */
  readonly earlier: readonly Stage[];
  /** FROM and each step, as displays count them. */
  readonly shown: readonly ShownStep[];
  /** Number of its FROM. */
  readonly firstStep: number;
  /** What FROM or the caller asks for; undefined: whatever this machine runs best. */
  readonly asked: Platform | undefined;
  /** Of a stage that begins with nothing. */
  readonly platform: Platform;
}

export interface BuildPlan {
  /** Needed ones, in the order of the file. */
  readonly stages: readonly PlannedStage[];
  readonly target: number;
  readonly total: number;
  readonly globals: GlobalArguments;
  readonly warnings: readonly { readonly message: string; readonly line: number | undefined }[];
}

export interface PlanOptions {
  readonly dockerfile: Dockerfile;
  readonly target: string | undefined;
  readonly given: ReadonlyMap<string, string>;
  /** What the caller asks for. */
  readonly platform: Platform | undefined;
  readonly host: Platform;
  readonly allow: readonly Entitlement[];
  readonly loadImage: (name: string, platform: Platform | undefined, from: FromInstruction) => Promise<BaseImage>;
  /** Names that mean a context before any stage or image. */
  readonly contexts: { has(name: string): boolean; isFiles(name: string): boolean };
}

/**
 * Find out which stages are to be built and from what, before anything is done.
 *
 * @throws {BuilderError} `ERR_BUILDER_TARGET`, `ERR_BUILDER_IMAGE`, `ERR_BUILDER_OPERAND`, `ERR_BUILDER_UNSUPPORTED`,
 *   `ERR_BUILDER_NOT_ALLOWED`
 */
export async function planBuild(o: PlanOptions): Promise<BuildPlan> {
  const { globalArgs, stages } = stagesOf(o.dockerfile);
  const target = targetOf(stages, o.target, o.dockerfile.file);
  const targetStage = stages[target]!.name ?? "default";
  const fixed = platformArguments({ target: o.platform ?? o.host, build: o.host, targetStage });
  const globals = globalArguments(globalArgs, o.given, fixed);
  const planned = new Map<number, Omit<PlannedStage, "firstStep">>();
  const plan = async (index: number): Promise<void> => {
    if (planned.has(index)) return;
    const stage = await planStage(o, stages, index, globals);
    planned.set(index, stage);
    for (const dependency of dependenciesOf(stage, o)) await plan(dependency);
  };
  await plan(target);
  let step = 1;
  const needed = [...planned.values()]
    .sort((a, b) => a.index - b.index)
    .map((stage) => {
      const firstStep = step;
      step += stage.steps.length + 1;
      return { ...stage, firstStep };
    });
  return { stages: needed, target, total: step - 1, globals, warnings: warningsOf(o, needed) };
}

function targetOf(stages: readonly Stage[], target: string | undefined, file: string): number {
  const stage = target === undefined ? stages.at(-1) : findStage(stages, target);
  if (stage !== undefined) return stage.index;
  const message = `target stage ${JSON.stringify(target ?? "")} could not be found`;
  throw new BuilderError({ code: "ERR_BUILDER_TARGET", message, place: { file, line: 1, column: 1 } });
}

async function planStage(
  o: PlanOptions,
  stages: readonly Stage[],
  index: number,
  globals: GlobalArguments,
): Promise<Omit<PlannedStage, "firstStep">> {
  const { from, name, instructions } = stages[index]!;
  const { value, missing } = expandInstruction(from, (variable) => globals.get(variable));
  const place = placeOf(from.base, from.file);
  if (value.base === "") {
    const message = `base name (${from.base.text}) should not be blank${missing.length === 0 ? "" : `: ${missing.join(", ")} is not set before the first FROM`}`;
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
  }
  const asked =
    value.platform === undefined || value.platform === "" ? o.platform : platformOf(value.platform, o, from);
  const earlier = stages.slice(0, index);
  const base = await baseOf(o, value.base, earlier, asked, from);
  const triggers = await triggersOf(base, stages, o);
  const files = o.contexts.isFiles(value.base) ? [filesOf(value.base)] : [];
  const steps = [...files, ...triggers, ...instructions];
  for (const step of steps) {
    refuseUnsupported(step);
    if (step.name === "RUN") refuseForbidden(step, o.allow, placeOf(step, step.file));
  }
  const shown = shownSteps({ name, index, stages: stages.length, isImage: base.kind === "image", steps });
  return { index, label: name ?? String(index), from, base, steps, earlier, asked, platform: asked ?? o.host, shown };
}

/** FROM a context that is files and no image: an image that has them. */
function filesOf(context: string): StepInstruction {
  return parseInstruction(`COPY --from=${context} / /`, { file: `context ${context}` }) as StepInstruction;
}

function platformOf(text: string, o: PlanOptions, from: FromInstruction): Platform {
  try {
    return parsePlatform(text, o.host);
  } catch (cause) {
    const place = placeOf(from.platform ?? from, from.file);
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: (cause as Error).message, place, cause });
  }
}

async function baseOf(
  o: PlanOptions,
  name: string,
  earlier: readonly Stage[],
  platform: Platform | undefined,
  from: FromInstruction,
): Promise<PlannedStage["base"]> {
  if (o.contexts.has(name))
    return o.contexts.isFiles(name)
      ? { kind: "scratch" }
      : { kind: "image", image: await o.loadImage(name, platform, from) };
  // A number means no stage here: an image may be called like it.
  const stage = /^\d+$/.test(name) ? undefined : findStage(earlier, name);
  if (stage !== undefined) return { kind: "stage", index: stage.index };
  if (name === "scratch") return { kind: "scratch" };
  return { kind: "image", image: await o.loadImage(name, platform, from) };
}

async function triggersOf(
  base: PlannedStage["base"],
  stages: readonly Stage[],
  o: PlanOptions,
): Promise<StepInstruction[]> {
  if (base.kind === "scratch") return [];
  const { texts, file } =
    base.kind === "image"
      ? { texts: base.image.config.config?.OnBuild ?? [], file: `ONBUILD of ${base.image.name}` }
      : {
          texts: stages[base.index]!.instructions.flatMap((it) => (it.name === "ONBUILD" ? [it.expression] : [])),
          file: o.dockerfile.file,
        };
  return texts.map((text) => {
    const instruction = parseInstruction(text, { file });
    if (instruction.name !== "FROM" && instruction.name !== "ONBUILD") return instruction;
    const message = `${instruction.name} isn't allowed as an ONBUILD trigger`;
    throw new BuilderError({ code: "ERR_BUILDER_IMAGE", message, place: placeOf(instruction, file) });
  });
}

/** Stages that a stage begins with or copies from. */
function dependenciesOf(stage: Pick<PlannedStage, "base" | "steps" | "earlier">, { contexts }: PlanOptions): number[] {
  const copied = stage.steps.flatMap((step) => {
    return namesOfSources(step).flatMap((name) => {
      const found = contexts.has(name) ? undefined : findStage(stage.earlier, name);
      return found === undefined ? [] : [found.index];
    });
  });
  return [...(stage.base.kind === "stage" ? [stage.base.index] : []), ...copied];
}

/** What tells the builder something, and so is no argument of the file's. */
const isBuiltIn = (name: string): boolean => name === "SOURCE_DATE_EPOCH" || name.startsWith("BUILDKIT_");

function warningsOf(o: PlanOptions, needed: readonly PlannedStage[]): BuildPlan["warnings"] {
  const declared = new Set(
    o.dockerfile.instructions.flatMap((it) => (it.name === "ARG" ? it.args.map(({ key }) => key.text) : [])),
  );
  for (const stage of needed)
    for (const step of stage.steps) if (step.name === "ARG") for (const { key } of step.args) declared.add(key.text);
  const unused = unusedArguments(o.given, declared).filter((name) => !isBuiltIn(name));
  const message = `One or more build-args [${unused.join(" ")}] were not consumed`;
  return [
    ...o.dockerfile.warnings.map((warning) => ({ message: warning.message, line: warning.range.start.line })),
    ...(unused.length === 0 ? [] : [{ message, line: undefined }]),
  ];
}
