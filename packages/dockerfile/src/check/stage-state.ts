import type { FromInstruction } from "../instructions/from.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { Trigger } from "../instructions/onbuild.ts";
import type { Range } from "../position.ts";
import type { Stage } from "../stages.ts";
import type { PlatformParts } from "./platform.ts";
import type { Subject } from "./subject.ts";

/** What a stage has come to while its instructions are looked at one after another. */
export interface StageState {
  readonly stage: Stage;
  /** With variables put in. */
  readonly baseName: string;
  /** The earlier stage it begins with. */
  readonly base: StageState | undefined;
  readonly platform: PlatformParts | undefined;
  /** ENVs and ARGs in the order they came. */
  env: Map<string, string>;
  /** ARGs, also those without a value. */
  declared: Set<string>;
  hasShell: boolean;
  workdirSet: boolean;
  /** Triggers of the base come first and are reported where the stage begins. */
  triggers: readonly StageInstruction[];
  /** The instruction of each kind that only counts once. */
  readonly last: Map<string, Range>;
  done: boolean;
}

export type StageInstruction = Exclude<Instruction, FromInstruction>;

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function newStage(
  stage: Stage,
  baseName: string,
  platform: PlatformParts | undefined,
  base: StageState | undefined,
): StageState {
  return {
    stage,
    baseName,
    base,
    platform,
    env: new Map(),
    declared: new Set(),
    hasShell: false,
    workdirSet: false,
    triggers: [],
    last: new Map(),
    done: false,
  };
}

/** A stage begins: it takes over what its base has. */
export function begin(state: StageState, subject: Subject): void {
  const { base } = state;
  if (base !== undefined) {
    state.env = new Map(base.env);
    state.declared = new Set(base.declared);
    state.hasShell = base.hasShell;
    state.workdirSet = base.workdirSet;
  } else {
    const image = state.baseName === "scratch" ? undefined : subject.input.baseImage?.(state.baseName);
    state.env = new Map(Object.entries(image?.env ?? {}));
    state.hasShell = image?.hasShell ?? false;
  }
  const windows = (state.platform ?? subject.target).os === "windows";
  if (!state.env.has("PATH") && !windows) state.env.set("PATH", defaultPath);
}

/** What ONBUILD of the base asks for, found where the stage begins. */
export function triggersOf({ base, baseName, stage }: StageState, subject: Subject): StageInstruction[] {
  const triggers: readonly Trigger[] =
    base === undefined
      ? (subject.input.baseImage?.(baseName)?.onBuild ?? [])
      : base.stage.instructions.flatMap((it) => (it.name === "ONBUILD" ? [it.trigger] : []));
  return triggers.map((trigger) => ({ ...trigger, range: stage.from.range, comments: [] }));
}
