import { type ArgInstruction, expandInstruction, expandWord } from "@ctr/dockerfile";
import { formatPlatform, type Platform } from "@ctr/oci";

/** A variable of a build and where it came from. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly from: "ARG" | "ENV";
  /** The line that brought it in; undefined for the base image's and the caller's. */
  readonly line: number | undefined;
}

/** Arguments that need no ARG, and are no reason to run a step again. @see https://docs.docker.com/reference/dockerfile/#predefined-args */
const proxyArguments: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap(
  (name) => [name, name.toLowerCase()],
);

/** ARGs that an ARG of a stage can take over without a value. */
export type GlobalArguments = ReadonlyMap<string, string>;

/** @see https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
export function platformArguments(o: {
  readonly target: Platform;
  readonly build: Platform;
  readonly targetStage: string;
}): GlobalArguments {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return new Map([...of("BUILD", o.build), ...of("TARGET", o.target), ["TARGETSTAGE", o.targetStage]]);
}

/**
 * The values of the ARGs before the first FROM, on top of the platform's.
 *
 * @param given  What the caller sets (`--build-arg`).
 * @throws {DockerfileError} `ERR_DOCKERFILE_EXPANSION`
 */
export function globalArguments(
  instructions: readonly ArgInstruction[],
  given: ReadonlyMap<string, string>,
  platform: GlobalArguments,
): GlobalArguments {
  const values = new Map(platform);
  for (const instruction of instructions)
    for (const { key, value } of instruction.args) {
      const lookup = (name: string): string | undefined => values.get(name);
      const name = expandWord(key, lookup, instruction).value;
      const set = given.get(name) ?? (value === undefined ? undefined : expandWord(value, lookup, instruction).value);
      if (set !== undefined) values.set(name, set);
    }
  return values;
}

/** The variables of one stage: ENV wins over ARG, whichever came first. */
export class Variables {
  readonly #env: Map<string, Variable>;
  readonly #args = new Map<string, Variable>();
  readonly #global: GlobalArguments;
  readonly #given: ReadonlyMap<string, string>;

  /** @param env  What the base image or the stage below brings. */
  constructor(env: readonly Variable[], global: GlobalArguments, given: ReadonlyMap<string, string>) {
    this.#env = new Map(env.map((variable) => [variable.name, variable]));
    this.#global = global;
    this.#given = given;
  }

  find(name: string): Variable | undefined {
    return this.#env.get(name) ?? this.#args.get(name);
  }

  /** For `expandInstruction`. */
  readonly lookup = (name: string): string | undefined => this.find(name)?.value;

  setEnv(name: string, value: string, line: number): void {
    this.#env.set(name, { name, value, from: "ENV", line });
  }

  /**
   * Take an ARG in: what the caller gave, else its default, else the global value of that name. Each default sees
   * the arguments before it.
   *
   * @throws {DockerfileError} `ERR_DOCKERFILE_EXPANSION`
   */
  declare(instruction: ArgInstruction): void {
    for (const arg of instruction.args) {
      const { args } = expandInstruction({ ...instruction, args: [arg] }, this.lookup).value;
      const { key: name, value: fallback } = args[0]!;
      const value = this.#given.get(name) ?? fallback ?? this.#global.get(name);
      this.#args.delete(name);
      if (value !== undefined) this.#args.set(name, { name, value, from: "ARG", line: instruction.range.start.line });
    }
  }

  /** In the order they entered: the image's environment. */
  get env(): readonly Variable[] {
    return [...this.#env.values()];
  }

  /** ARGs with a value that no ENV hides. */
  get args(): readonly Variable[] {
    return [...this.#args.values()].filter(({ name }) => !this.#env.has(name));
  }

  /** `NAME=value` for a command; proxies that the caller gave are there without an ARG. */
  commandEnvironment(): string[] {
    const known = [...this.env, ...this.args];
    const names = new Set(known.map(({ name }) => name));
    const proxies = proxyArguments.flatMap((name) => {
      const value = this.#given.get(name);
      return value === undefined || names.has(name) ? [] : [`${name}=${value}`];
    });
    return [...known.map(({ name, value }) => `${name}=${value}`), ...proxies];
  }
}

/** What the caller gave and no ARG anywhere asked for. */
export function unusedArguments(given: ReadonlyMap<string, string>, declared: ReadonlySet<string>): string[] {
  return [...given.keys()].filter((name) => !declared.has(name) && !proxyArguments.includes(name));
}

/** Variables of an image's `Env`. A line without "=" is none. */
export function imageVariables(env: readonly string[]): Variable[] {
  return env.flatMap((line) => {
    const equals = line.indexOf("=");
    if (equals <= 0) return [];
    return [{ name: line.slice(0, equals), value: line.slice(equals + 1), from: "ENV" as const, line: undefined }];
  });
}
