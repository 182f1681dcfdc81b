import { defaultShell } from "../image-settings.ts";
import type { Ingredient } from "../step-parts.ts";
import type { Variable, Variables } from "../variables.ts";
import { sha256 } from "./seal-layer.ts";
import type { StageState } from "./stage-state.ts";

/** Settings that later steps read. */
export type LinedSetting = "USER" | "WORKDIR" | "SHELL";

export function isLined(name: string): name is LinedSetting {
  return name === "USER" || name === "WORKDIR" || name === "SHELL";
}

/** All variables that a command can see. */
export function visibleVariables(variables: Variables): Ingredient[] {
  return [...variables.env, ...variables.args].map(ingredientOf);
}

/** The variables that went into an instruction. */
export function usedVariables(variables: Variables, names: readonly string[]): Ingredient[] {
  return names.flatMap((name) => {
    const variable = variables.find(name);
    return variable === undefined ? [] : [ingredientOf(variable)];
  });
}

function ingredientOf({ from, name, line, value }: Variable): Ingredient {
  return { from, name, line, digest: sha256(value) };
}

/** Options of the whole build that a command can notice. What is as usual is not listed. */
export function buildOptions(o: {
  readonly commandOptions: Readonly<Record<string, string>>;
  /** What the caller sets for a RUN that does not say. */
  readonly network: string | undefined;
  readonly sourceDateEpoch: number | undefined;
}): Ingredient[] {
  const { network } = o;
  const given = network === undefined || network === "default" ? {} : { "--network": network };
  const options = Object.entries({ ...o.commandOptions, ...given });
  return [...options.map(([name, value]) => optionOf(name, value)), ...timeOption(o.sourceDateEpoch)];
}

/** The time that all others are cut at: a layer with other times is another one. */
export function timeOption(sourceDateEpoch: number | undefined): Ingredient[] {
  return sourceDateEpoch === undefined ? [] : [optionOf("SOURCE_DATE_EPOCH", String(sourceDateEpoch))];
}

const optionOf = (name: string, value: string): Ingredient => ({
  from: "OPTION",
  name,
  line: undefined,
  digest: sha256(value),
});

/** Settings as they are before a step. */
export function settingsOf(state: StageState, names: readonly LinedSetting[]): Ingredient[] {
  const { User = "", WorkingDir = "/", Shell = defaultShell } = state.config;
  const values = { USER: User, WORKDIR: WorkingDir, SHELL: JSON.stringify(Shell) };
  return names.map((name) => ({ from: name, name, line: state.lines[name], digest: sha256(values[name]) }));
}
