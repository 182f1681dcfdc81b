import { isDockerfileError } from "./dockerfile-error.ts";
import { expandWord } from "./expand.ts";
import type { Instruction } from "./instructions/instruction.ts";
import type { ArgInstruction, EnvInstruction } from "./instructions/variables.ts";
import type { Range } from "./position.ts";
import type { Lookup } from "./shell-lexer.ts";
import { type Stage, stages } from "./stages.ts";
import type { Dockerfile, Word } from "./tree.ts";

/** A variable as an instruction sees it. */
export interface Variable {
  readonly name: string;
  /** `undefined` for an ARG that nobody gave a value. */
  readonly value: string | undefined;
  /** Who decided the value: ENV or ARG of the file, the caller, the platform, the base image. */
  readonly origin: "env" | "arg" | "given" | "platform" | "image";
  /** The ARG or ENV that brought it in; `undefined` for the platform's and the image's. */
  readonly range: Range | undefined;
}

export interface ScopeOptions {
  /** What the caller gives (`--build-arg`). */
  readonly args?: Readonly<Record<string, string>>;
  /** What needs no declaration in FROM: TARGETPLATFORM and its kin. */
  readonly platform?: Readonly<Record<string, string>>;
  /** The environment of an image, by the name in FROM with its variables put in. */
  readonly imageEnv?: (name: string) => Readonly<Record<string, string>> | undefined;
}

/** The variables of a file at each of its instructions. */
export interface Scopes {
  /** What `name` means in an instruction: what stands above it, ENV before ARG. */
  variable(instruction: Instruction, name: string): Variable | undefined;
  /** The same as `expandInstruction` and `expandWord` want it. */
  lookup(instruction: Instruction): Lookup;
}

/**
 * Follow ARG and ENV through a file, so that a variable can be traced to the line it comes from. A value that cannot
 * be expanded stays as it is written.
 *
 * @see https://docs.docker.com/build/building/variables/
 */
export function scopes(file: Dockerfile, options: ScopeOptions = {}): Scopes {
  const { globalArgs, stages: list } = stages(file);
  const places = new Map<Instruction, readonly [History, number]>();
  const global = new History();
  for (const [name, value] of Object.entries(options.platform ?? {}))
    global.add("arg", { name, value, origin: "platform", range: undefined });
  for (const it of globalArgs) {
    places.set(it, [global, global.length]);
    addArguments(it, global, undefined, options);
  }
  const named = new Map<string, History>();
  for (const stage of list) {
    const history = followStage(stage, named, global, places, options);
    named.set(String(stage.index), history);
    if (stage.name !== undefined) named.set(stage.name, history);
  }
  const variable = (instruction: Instruction, name: string): Variable | undefined => {
    const place = places.get(instruction);
    return place?.[0].find(name, place[1]);
  };
  return { variable, lookup: (instruction) => (name) => variable(instruction, name)?.value };
}

function followStage(
  stage: Stage,
  earlier: ReadonlyMap<string, History>,
  global: History,
  places: Map<Instruction, readonly [History, number]>,
  options: ScopeOptions,
): History {
  places.set(stage.from, [global, global.length]);
  const name = expanded(stage.from.base, (asked) => global.find(asked, global.length)?.value, stage.from);
  const base = earlier.get(name.toLowerCase());
  const history = new History(base);
  if (base === undefined) {
    for (const [key, value] of Object.entries(options.imageEnv?.(name) ?? {}))
      history.add("env", { name: key, value, origin: "image", range: undefined });
  }
  for (const it of stage.instructions) {
    places.set(it, [history, history.length]);
    if (it.name === "ARG") addArguments(it, history, global, options);
    else if (it.name === "ENV") addEnvironment(it, history);
  }
  return history;
}

function addArguments(
  it: ArgInstruction,
  history: History,
  global: History | undefined,
  { args = {} }: ScopeOptions,
): void {
  for (const { key, value } of it.args) {
    const name = key.text;
    const lookup: Lookup = (asked) => history.find(asked, history.length)?.value;
    const inherited = value === undefined ? global?.find(name, global.length) : undefined;
    if (Object.hasOwn(args, name)) history.add("arg", { name, value: args[name], origin: "given", range: it.range });
    else if (inherited !== undefined) history.add("arg", inherited);
    else {
      const set = value === undefined ? undefined : expanded(value, lookup, it);
      history.add("arg", { name, value: set, origin: "arg", range: it.range });
    }
  }
}

function addEnvironment(it: EnvInstruction, history: History): void {
  const before = history.length;
  const lookup: Lookup = (asked) => history.find(asked, before)?.value;
  const pairs = it.pairs.map(({ key, value }) => ({
    key: expanded(key, lookup, it),
    value: expanded(value, lookup, it),
  }));
  for (const { key, value } of pairs) history.add("env", { name: key, value, origin: "env", range: it.range });
}

function expanded(word: Word, lookup: Lookup, it: Instruction): string {
  try {
    return expandWord(word, lookup, it).value;
  } catch (error) {
    if (isDockerfileError(error)) return word.text;
    throw error;
  }
}

/** All declarations of a stage in order, so that the variables at any of its instructions can be asked for. */
class History {
  readonly #base: History | undefined;
  readonly #entries = { arg: new Map<string, Entry[]>(), env: new Map<string, Entry[]>() };
  length = 0;

  constructor(base?: History) {
    this.#base = base;
  }

  add(kind: "arg" | "env", variable: Variable): void {
    const entries = this.#entries[kind];
    const same = entries.get(variable.name);
    const entry = { at: this.length++, variable };
    if (same === undefined) entries.set(variable.name, [entry]);
    else same.push(entry);
  }

  find(name: string, before: number): Variable | undefined {
    return this.#last(name, before, "env") ?? this.#last(name, before, "arg");
  }

  #last(name: string, before: number, kind: "arg" | "env"): Variable | undefined {
    const own = lastBefore(this.#entries[kind].get(name) ?? [], before);
    if (own !== undefined) return own;
    for (let below = this.#base; below !== undefined; below = below.#base) {
      const found = below.#entries[kind].get(name)?.at(-1);
      if (found !== undefined) return found.variable;
    }
    return undefined;
  }
}

interface Entry {
  readonly at: number;
  readonly variable: Variable;
}

function lastBefore(entries: readonly Entry[], before: number): Variable | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.at < before) low = middle + 1;
    else high = middle;
  }
  return entries[low - 1]?.variable;
}
