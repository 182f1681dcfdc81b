import { parse } from "@ctr/dockerfile";
import { BuilderError } from "./builder-error.ts";
import { type BuildResult, buildImage } from "./host/build.ts";
import type { BuildOptions } from "./host/build-options.ts";
import { instructionText, operandWord, pairWords, type RunText, runText } from "./recipe-text.ts";

export interface StageOptions {
  /** `os/architecture`. */
  readonly platform?: string;
  /** Names the stage: what `--from` in the image's history says. Default: its number. */
  readonly as?: string;
}

export interface RunStepOptions {
  /** As `--mount` takes them: `type=cache,target=/root/.npm`. */
  readonly mounts?: readonly string[];
  readonly network?: "default" | "none" | "host";
}

export interface CopyStepOptions {
  /** Another stage, or the name of an image or context. Default: the build's context. */
  readonly from?: ImageRecipe | string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link?: boolean;
  readonly parents?: boolean;
  readonly exclude?: readonly string[];
}

/** One instruction; `from` is resolved when the stages have their numbers. */
interface RecipeStep {
  readonly name: string;
  readonly flags: readonly string[];
  readonly from?: ImageRecipe | string | undefined;
  readonly text: RunText;
}

/** Begin an image with another one, with `scratch`, or with what another recipe makes. */
export function from(base: string | ImageRecipe, o: StageOptions = {}): ImageRecipe {
  return new ImageRecipe(base, o, []);
}

/**
 * An image as a list of instructions. Every call gives a new recipe and leaves the old one as it is. Text is taken
 * literally: a `$` in a path or a value is a dollar sign; a command is for the shell, as RUN is.
 *
 * What it builds is what the Dockerfile of the same instructions builds, to the digest: it is made into one.
 */
export class ImageRecipe {
  readonly #base: string | ImageRecipe;
  readonly #stage: StageOptions;
  readonly #steps: readonly RecipeStep[];

  constructor(base: string | ImageRecipe, stage: StageOptions, steps: readonly RecipeStep[]) {
    this.#base = base;
    this.#stage = stage;
    this.#steps = steps;
  }

  /** A command for the shell, or a program with its arguments. Several lines are a script. */
  run(command: string | readonly string[], o: RunStepOptions = {}): ImageRecipe {
    const { mounts = [], network } = o;
    const flags = [
      ...mounts.map((mount) => `--mount=${mount}`),
      ...(network === undefined ? [] : [`--network=${network}`]),
    ];
    return this.#with({ name: "RUN", flags, text: runText(command) });
  }

  /** Files of the context or of another stage. A destination that ends with a slash is a directory. */
  copy(sources: string | readonly string[], destination: string, o: CopyStepOptions = {}): ImageRecipe {
    return this.#transfer("COPY", sources, destination, o);
  }

  /** Like `copy`, but unpacks archives, and takes URLs and repositories. */
  add(
    sources: string | readonly string[],
    destination: string,
    o: Omit<CopyStepOptions, "from" | "parents"> & { readonly checksum?: string } = {},
  ): ImageRecipe {
    return this.#transfer("ADD", sources, destination, o);
  }

  env(variables: Readonly<Record<string, string>>): ImageRecipe {
    return this.#simple("ENV", pairWords(variables));
  }

  label(labels: Readonly<Record<string, string>>): ImageRecipe {
    return this.#simple("LABEL", pairWords(labels));
  }

  /** A value that the build is given; commands see it. */
  arg(name: string, value?: string): ImageRecipe {
    return this.#simple("ARG", value === undefined ? operandWord(name) : pairWords({ [name]: value }));
  }

  workdir(path: string): ImageRecipe {
    return this.#simple("WORKDIR", operandWord(path));
  }

  user(user: string): ImageRecipe {
    return this.#simple("USER", operandWord(user));
  }

  expose(...ports: readonly (string | number)[]): ImageRecipe {
    return this.#simple("EXPOSE", ports.map((port) => operandWord(String(port))).join(" "));
  }

  volume(...paths: readonly string[]): ImageRecipe {
    return this.#simple("VOLUME", JSON.stringify(paths.map(literal)));
  }

  stopSignal(signal: string): ImageRecipe {
    return this.#simple("STOPSIGNAL", operandWord(signal));
  }

  cmd(command: string | readonly string[]): ImageRecipe {
    return this.#with({ name: "CMD", flags: [], text: runText(command) });
  }

  entrypoint(command: string | readonly string[]): ImageRecipe {
    return this.#with({ name: "ENTRYPOINT", flags: [], text: runText(command) });
  }

  shell(words: readonly string[]): ImageRecipe {
    return this.#simple("SHELL", JSON.stringify(words));
  }

  /**
   * The Dockerfile that this is.
   *
   * @throws {BuilderError} `ERR_BUILDER_OPERAND` for text that no instruction can say
   */
  dockerfile(): string {
    const stages: ImageRecipe[] = [];
    collect(this, stages, new Set());
    const numbers = new Map(stages.map((stage, index) => [stage, stage.#stage.as ?? String(index)]));
    const text = stages.map((stage, index) => stage.#text(numbers, index)).join("");
    const names = stages.flatMap((stage) => ["FROM", ...stage.#steps.map(({ name }) => name)]);
    const read = parse(text);
    // Whatever a text holds, it must not become an instruction of its own.
    if (read.errors.length === 0 && read.instructions.map(({ name }) => name).join() === names.join()) return text;
    const why = read.errors[0]?.message ?? "its text would be read as other instructions";
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: `the recipe is no Dockerfile: ${why}` });
  }

  /** Build it. @throws as `build` */
  commit(
    o: Omit<BuildOptions, "text" | "dockerfile"> & Pick<Parameters<typeof buildImage>[0], "onEvent">,
  ): Promise<BuildResult> {
    return buildImage({ ...o, text: this.dockerfile() });
  }

  #text(numbers: ReadonlyMap<ImageRecipe, string>, index: number): string {
    const { platform, as } = this.#stage;
    const base = typeof this.#base === "string" ? operandWord(this.#base) : stageName(numbers, this.#base);
    const name = as ?? (index < numbers.size - 1 ? stageName(numbers, this) : undefined);
    const flags = platform === undefined ? [] : [`--platform=${operandWord(platform)}`];
    const head = ["FROM", ...flags, base, ...(name === undefined ? [] : ["AS", operandWord(name)])].join(" ");
    const lines = this.#steps.map(({ name: word, flags, from: source, text }) => {
      const of = source === undefined ? [] : [`--from=${sourceName(numbers, source)}`];
      return instructionText(word, [...of, ...flags], text);
    });
    return `${[head, ...lines].join("\n")}\n`;
  }

  #transfer(
    name: "ADD" | "COPY",
    sources: string | readonly string[],
    destination: string,
    o: CopyStepOptions & { readonly checksum?: string },
  ): ImageRecipe {
    const { from: source, chown, chmod, link, parents, exclude = [], checksum } = o;
    const words = [...(typeof sources === "string" ? [sources] : sources), destination];
    const isPlain = words.every((word) => /^[A-Za-z0-9_.,:@%+=/*?-]+$/.test(word) && !word.startsWith("--"));
    const flags = [
      ...(chown === undefined ? [] : [`--chown=${operandWord(chown)}`]),
      ...(chmod === undefined ? [] : [`--chmod=${operandWord(chmod)}`]),
      ...(checksum === undefined ? [] : [`--checksum=${operandWord(checksum)}`]),
      ...(link === true ? ["--link"] : []),
      ...(parents === true ? ["--parents"] : []),
      ...exclude.map((pattern) => `--exclude=${operandWord(pattern)}`),
    ];
    const line = isPlain ? words.join(" ") : JSON.stringify(words.map(literal));
    return this.#with({ name, flags, from: source, text: { line, heredoc: undefined } });
  }

  #simple(name: string, line: string): ImageRecipe {
    return this.#with({ name, flags: [], text: { line, heredoc: undefined } });
  }

  #with(step: RecipeStep): ImageRecipe {
    return new ImageRecipe(this.#base, this.#stage, [...this.#steps, step]);
  }

  /** @internal Recipes that this one needs. */
  get sources(): readonly ImageRecipe[] {
    const all = [this.#base, ...this.#steps.map((step) => step.from)];
    return all.filter((one) => one instanceof ImageRecipe);
  }
}

/** Every recipe once, behind those that it needs. */
function collect(recipe: ImageRecipe, stages: ImageRecipe[], seen: Set<ImageRecipe>): void {
  if (seen.has(recipe)) return;
  seen.add(recipe);
  for (const source of recipe.sources) collect(source, stages, seen);
  stages.push(recipe);
}

/** A stage can be copied from by its number, but FROM takes a number for an image's name. */
function stageName(numbers: ReadonlyMap<ImageRecipe, string>, recipe: ImageRecipe): string {
  const name = numbers.get(recipe)!;
  return /^\d+$/.test(name) ? `stage-${name}` : name;
}

function sourceName(numbers: ReadonlyMap<ImageRecipe, string>, source: ImageRecipe | string): string {
  return typeof source === "string" ? operandWord(source) : numbers.get(source)!;
}

/** In JSON, too, a variable would be put in. */
const literal = (text: string): string => text.replace(/[\\$]/g, "\\$&");
