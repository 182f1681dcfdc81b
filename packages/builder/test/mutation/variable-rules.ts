import { type ArgInstruction, expandInstruction } from "@ctr/dockerfile";

//  Which variables a step sees, told again from the reference and not from src/:
//  https://docs.docker.com/reference/dockerfile/#scope, #predefined-args, #using-arg-variables

export interface SeenVariable {
  readonly from: "ARG" | "ENV";
  readonly name: string;
  readonly value: string;
  /** The line that gave it, undefined when that was the base. */
  readonly line: number | undefined;
}

/** The variables at one place of a stage. */
export interface Scope {
  readonly env: readonly SeenVariable[];
  readonly args: readonly SeenVariable[];
}

const without = (list: readonly SeenVariable[], name: string): SeenVariable[] =>
  list.filter((one) => one.name !== name);

/** ENV hides ARG of the same name. In the order of their first appearance, as the environment of a command is. */
export function visible({ env, args }: Scope): SeenVariable[] {
  return [...env, ...args.filter(({ name }) => env.every((one) => one.name !== name))];
}

export const valueIn =
  (scope: Scope) =>
  (name: string): string | undefined =>
    visible(scope).find((one) => one.name === name)?.value;

/** ENV at a line. A name that is there stays where it is. */
export function withEnv(scope: Scope, name: string, value: string, line: number): Scope {
  const entry = { from: "ENV", name, value, line } as const;
  const known = scope.env.some((one) => one.name === name);
  return { ...scope, env: known ? scope.env.map((one) => (one.name === name ? entry : one)) : [...scope.env, entry] };
}

/** An ARG of a stage: `--build-arg`, else its default, else the ARG of this name above the first FROM. */
export function withArgument(
  scope: Scope,
  instruction: ArgInstruction,
  o: {
    readonly given: Readonly<Record<string, string>>;
    readonly global: ReadonlyMap<string, string>;
    readonly line: number;
  },
): Scope {
  let now = scope;
  for (const arg of instruction.args) {
    const { args } = expandInstruction({ ...instruction, args: [arg] }, valueIn(now)).value;
    const { key: name, value: fallback } = args[0]!;
    const value = o.given[name] ?? fallback ?? o.global.get(name);
    const others = without(now.args, name);
    now = { ...now, args: value === undefined ? others : [...others, { from: "ARG", name, value, line: o.line }] };
  }
  return now;
}

/** ARGs above the first FROM, over those that a platform gives. */
export function globalScope(
  instructions: readonly ArgInstruction[],
  given: Readonly<Record<string, string>>,
  platform: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Map(platform);
  for (const instruction of instructions)
    for (const arg of instruction.args) {
      const { args } = expandInstruction({ ...instruction, args: [arg] }, (name) => values.get(name)).value;
      const { key: name, value: fallback } = args[0]!;
      const value = given[name] ?? fallback;
      if (value !== undefined) values.set(name, value);
    }
  return values;
}
