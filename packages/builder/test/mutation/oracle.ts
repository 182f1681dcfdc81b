import { posix } from "node:path";
import {
  expandInstruction,
  type FromInstruction,
  findStage,
  type Instruction,
  type Mount,
  parse,
  parseInstruction,
  type Stage,
  stages as stagesOf,
} from "@ctr/dockerfile";
import { filesOf, parentsOf, type SeenFile, type SeenTree } from "./seen-files.ts";
import { dockerfileOf, type Story } from "./story.ts";
import {
  globalScope,
  type Scope,
  type SeenVariable,
  valueIn,
  visible,
  withArgument,
  withEnv,
} from "./variable-rules.ts";

//  What BuildKit's rules say about each step that can change files: what it does, and what it reads. Told again from
//  the reference; nothing here is from src/. One rule is ours and not BuildKit's, and is in README.md: the files below a
//  step are known by what is in them, so a step that ran again and made the same files is no reason for the next one.

export type Step = Exclude<Instruction, FromInstruction>;

export interface Setting {
  readonly name: "USER" | "WORKDIR" | "SHELL";
  readonly value: string;
  readonly line: number | undefined;
}

/** A step as the rules see it. */
export interface StepFacts {
  /** From 1, over all instructions of the stages that are needed. */
  readonly step: number;
  readonly stage: string;
  readonly stageIndex: number;
  /** Its stage, and those that it stands on. */
  readonly under: readonly number[];
  /** Index in the Dockerfile of the instruction, or of the FROM whose base brought it. */
  readonly instruction: number;
  /** Which one of the base's triggers it is. */
  readonly trigger: number | undefined;
  readonly source: string;
  /** Everything that the step is told to do, variables put in. */
  readonly operation: string;
  /** What is below it, by its content. */
  readonly below: string;
  readonly base: { readonly name: string; readonly id: string } | undefined;
  readonly platform: string;
  /** Names as people see them. */
  readonly files: readonly SeenFile[];
  /** The same without what a stage is called. */
  readonly contents: readonly SeenFile[];
  /** That it can see, and that so are reasons to run it. */
  readonly reads: readonly SeenVariable[];
  /** That went into its words: true to name, and no reasons by themselves. */
  readonly uses: readonly SeenVariable[];
  readonly settings: readonly Setting[];
  /** Flags of the build that a command notices. */
  readonly options: readonly (readonly [name: string, value: string])[];
}

/** What a build did, as far as an onlooker can tell: the names of the layers below and on top of each step. */
export interface Witness {
  readonly platform: string;
  readonly baseOf: (name: string) => { readonly name: string; readonly id: string; readonly chainId: string };
  /** Of the layer that a step made or found. */
  readonly layerOf: (step: number) => string | undefined;
  readonly context: SeenTree;
  /** The files of a chain of layers. */
  readonly tree: (chainId: string) => SeenTree;
}

interface StageEnd {
  readonly under: readonly number[];
  readonly scope: Scope;
  readonly chainId: string;
  readonly base: StepFacts["base"];
  readonly user: Setting;
  readonly workdir: Setting;
  readonly shell: Setting;
  readonly onbuild: readonly string[];
}

const emptyEnd: StageEnd = {
  under: [],
  scope: { env: [], args: [] },
  chainId: "",
  base: undefined,
  user: { name: "USER", value: "", line: undefined },
  workdir: { name: "WORKDIR", value: "/", line: undefined },
  shell: { name: "SHELL", value: '["/bin/sh","-c"]', line: undefined },
  onbuild: [],
};

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Every step of a story that can change files, in the order of the file. */
export function readSteps(story: Story, witness: Witness): StepFacts[] {
  return new Reader(story, witness).read();
}

/** Names of images that a Dockerfile begins with or copies from. */
export function imagesOf(story: Story): string[] {
  const { globalArgs, stages } = stagesOf(parse(dockerfileOf(story)));
  const globals = globalScope(globalArgs, story.args, platformValues(story.options.platform ?? "linux/amd64"));
  const names = stages.flatMap(({ from, index, instructions }) => {
    const earlier = stages.slice(0, index);
    const base = expandInstruction(from, (name) => globals.get(name)).value.base;
    const copied = instructions.flatMap((it) => {
      if (it.name === "COPY") return it.from === undefined ? [] : [it.from];
      return it.name === "RUN" ? it.mounts.flatMap(({ text }) => /(?:^|,)from=([^,]+)/.exec(text)?.[1] ?? []) : [];
    });
    return [base, ...copied].filter((name) => name !== "scratch" && findStage(earlier, name) === undefined);
  });
  return [...new Set(names)];
}

function platformValues(platform: string): Map<string, string> {
  const [os = "", architecture = "", variant = ""] = platform.split("/");
  const values: [string, string][] = ["TARGET", "BUILD"].flatMap((kind): [string, string][] => [
    [`${kind}PLATFORM`, kind === "BUILD" ? "linux/amd64" : platform],
    [`${kind}OS`, kind === "BUILD" ? "linux" : os],
    [`${kind}ARCH`, kind === "BUILD" ? "amd64" : architecture],
    [`${kind}VARIANT`, kind === "BUILD" ? "" : variant],
  ]);
  return new Map(values);
}

class Reader {
  readonly #story: Story;
  readonly #witness: Witness;
  readonly #stages: readonly Stage[];
  readonly #instructions: readonly Instruction[];
  readonly #globals: Map<string, string>;
  readonly #ends = new Map<number, StageEnd>();
  readonly #facts: StepFacts[] = [];
  #step = 0;

  constructor(story: Story, witness: Witness) {
    this.#story = story;
    this.#witness = witness;
    const file = parse(dockerfileOf(story));
    const { globalArgs, stages } = stagesOf(file);
    this.#stages = stages;
    this.#instructions = file.instructions;
    const target = this.#target();
    const fixed = platformValues(witness.platform).set("TARGETSTAGE", target.name ?? "default");
    this.#globals = globalScope(globalArgs, story.args, fixed);
  }

  read(): StepFacts[] {
    const needed = new Set<number>();
    const add = (stage: Stage): void => {
      if (needed.has(stage.index)) return;
      needed.add(stage.index);
      for (const other of this.#neededBy(stage)) add(other);
    };
    add(this.#target());
    for (const stage of this.#stages) if (needed.has(stage.index)) this.#readStage(stage);
    return this.#facts;
  }

  #target(): Stage {
    const { target } = this.#story.options;
    return target === undefined ? this.#stages.at(-1)! : findStage(this.#stages, target)!;
  }

  #neededBy(stage: Stage): Stage[] {
    const earlier = this.#stages.slice(0, stage.index);
    const names = stage.instructions.flatMap((it) => {
      if (it.name === "COPY" && it.from !== undefined) return [it.from];
      return it.name === "RUN" ? it.mounts.flatMap(({ text }) => /(?:^|,)from=([^,]+)/.exec(text)?.[1] ?? []) : [];
    });
    const base = this.#baseName(stage.from);
    return [...(/^\d+$/.test(base) ? [] : [base]), ...names].flatMap((name) => findStage(earlier, name) ?? []);
  }

  #baseName(from: FromInstruction): string {
    return expandInstruction(from, (name) => this.#globals.get(name)).value.base;
  }

  #readStage(stage: Stage): void {
    const begin = this.#begin(stage);
    this.#step++;
    let end: StageEnd = { ...begin, onbuild: [], under: [...begin.under, stage.index] };
    const fromIndex = this.#instructions.indexOf(stage.from);
    const triggers = begin.onbuild.map((text, trigger) => ({ it: parseInstruction(text) as Step, trigger }));
    const own = stage.instructions.map((it) => ({ it, trigger: undefined }));
    for (const { it, trigger } of [...triggers, ...own]) {
      this.#step++;
      const index = trigger === undefined ? this.#instructions.indexOf(it) : fromIndex;
      const line = trigger === undefined ? it.range.start.line : stage.from.range.start.line;
      end = this.#after(end, it, { stage, index, trigger, line });
    }
    this.#ends.set(stage.index, end);
  }

  #begin(stage: Stage): StageEnd {
    const base = this.#baseName(stage.from);
    const below = /^\d+$/.test(base) ? undefined : findStage(this.#stages.slice(0, stage.index), base);
    if (below !== undefined) {
      const end = this.#ends.get(below.index)!;
      return { ...end, scope: { env: end.scope.env, args: [] } }; // an ARG ends with its stage
    }
    const path = { from: "ENV", name: "PATH", value: defaultPath, line: undefined } as const;
    if (base === "scratch") return { ...emptyEnd, scope: { env: [path], args: [] } };
    const { env, user, onbuild } = this.#story.base;
    const { name, id, chainId } = this.#witness.baseOf(base);
    const seen = env.map((text): SeenVariable => {
      const at = text.indexOf("=");
      return { from: "ENV", name: text.slice(0, at), value: text.slice(at + 1), line: undefined };
    });
    return {
      ...emptyEnd,
      scope: { env: seen.some((one) => one.name === "PATH") ? seen : [...seen, path], args: [] },
      chainId,
      base: { name, id },
      user: { name: "USER", value: user, line: undefined },
      onbuild,
    };
  }

  #after(
    end: StageEnd,
    it: Step,
    o: { readonly stage: Stage; readonly index: number; readonly trigger: number | undefined; readonly line: number },
  ): StageEnd {
    const { line } = o;
    const lookup = valueIn(end.scope);
    const done = (facts: FactParts): StageEnd => {
      const { step } = this.#note(end, it, o, facts);
      return { ...end, chainId: this.#witness.layerOf(step) ?? end.chainId };
    };
    switch (it.name) {
      case "ARG": {
        const given = this.#story.args;
        return { ...end, scope: withArgument(end.scope, it, { given, global: this.#globals, line }) };
      }
      case "ENV": {
        const { pairs } = expandInstruction(it, lookup).value;
        const scope = pairs.reduce((now, { key, value }) => withEnv(now, key, value, line), end.scope);
        return { ...end, scope };
      }
      case "USER":
        return { ...end, user: { name: "USER", value: expandInstruction(it, lookup).value.user, line } };
      case "SHELL":
        return { ...end, shell: { name: "SHELL", value: JSON.stringify(it.shell), line } };
      case "ONBUILD":
        return { ...end, onbuild: [...end.onbuild, it.expression] };
      case "WORKDIR": {
        const { value, used } = expandInstruction(it, lookup);
        const workdir: Setting = { name: "WORKDIR", value: posix.resolve(end.workdir.value, value.path), line };
        const operation = ["WORKDIR", workdir.value, end.user.value];
        const after = done({ operation, used, files: [], settings: [end.user] });
        return { ...after, workdir };
      }
      case "RUN":
        return done(this.#run(end, it));
      case "COPY":
      case "ADD":
        return done(this.#copy(end, it));
      default:
        return end;
    }
  }

  #run(end: StageEnd, it: Extract<Step, { readonly name: "RUN" }>): FactParts {
    const { mounts, command, network, security } = expandInstruction(it, valueIn(end.scope)).value;
    const { addHost } = this.#story.options;
    const asked = it.flags.some((flag) => flag.name === "network");
    const shell = command.form === "exec" ? [] : [end.shell];
    const whole = [command, it.heredocs.map(({ content, name }) => [content, name]), shell.map(({ value }) => value)];
    const operation = [
      "RUN",
      whole,
      end.user.value,
      end.workdir.value,
      asked ? network : "",
      security,
      mounts.map((mount) => this.#mountMeaning(mount)),
    ];
    const wanted = this.#story.options.network;
    return {
      operation,
      used: [],
      reads: visible(end.scope),
      files: mounts.flatMap((mount) => this.#mountFiles(mount)),
      settings: [end.user, end.workdir, ...shell],
      options: [
        ...(addHost === undefined ? [] : [["--add-host", addHost] as const]),
        ...(wanted === undefined || asked ? [] : [["--network", wanted] as const]),
      ],
    };
  }

  /** What `from` is called is of no importance. */
  #mountMeaning(mount: Mount): unknown {
    const from = "from" in mount && mount.from !== undefined ? this.#chainOf(mount.from) : "";
    return { ...mount, from };
  }

  #mountFiles(mount: Mount): SeenFile[] {
    if (mount.type !== "bind" && !(mount.type === "cache" && mount.from !== undefined)) return [];
    if (mount.from !== undefined) return [[`--mount from=${mount.from}`, this.#chainOf(mount.from)]];
    const source = posix.normalize(`/${mount.source ?? ""}`).slice(1);
    // The mount point itself counts too, under its own name.
    const [top, ...rest] = filesOf(this.#witness.context, source);
    return top![0].endsWith("/") ? [[source || "the context", top![1]], ...rest] : [top!];
  }

  #chainOf(name: string): string {
    const stage = findStage(this.#stages, name);
    return stage === undefined ? this.#witness.baseOf(name).chainId : this.#ends.get(stage.index)!.chainId;
  }

  #copy(end: StageEnd, it: Extract<Step, { readonly name: "COPY" | "ADD" }>): FactParts {
    const { value, used } = expandInstruction(it, valueIn(end.scope));
    const from = value.name === "COPY" ? value.from : undefined;
    const tree = from === undefined ? this.#witness.context : this.#witness.tree(this.#chainOf(from));
    const shown = from === undefined ? "" : `--from=${from} `;
    const { sources, files, destination, chown, chmod, link, exclude } = value;
    const flags = value.name === "COPY" ? [value.parents] : [value.checksum, value.keepGitDir, value.unpack];
    const operation = [
      ...[it.name, sources.map((source) => posix.normalize(`/${source}`).replace(/(?<=.)\/$/, ""))],
      ...[files, posix.resolve(end.workdir.value, destination), destination.endsWith("/")],
      ...[chown, chmod, link, exclude, flags],
    ];
    const isWithParents = value.name === "COPY" && value.parents;
    const seen = sources.flatMap((source) => {
      const found = filesOf(tree, source, exclude);
      return isWithParents ? [...parentsOf(tree, found), ...found] : found;
    });
    return {
      operation,
      used,
      isLinked: link,
      files: seen.map(([path, digest]) => [shown + path, digest]),
      contents: seen,
      settings: [end.workdir],
    };
  }

  #note(
    end: StageEnd,
    it: Step,
    o: { readonly stage: Stage; readonly index: number; readonly trigger: number | undefined },
    parts: FactParts,
  ): StepFacts {
    const { sourceDateEpoch } = this.#story.options;
    const known = visible(end.scope);
    const facts: StepFacts = {
      step: this.#step,
      stage: o.stage.name ?? String(o.stage.index),
      stageIndex: o.stage.index,
      under: end.under,
      instruction: o.index,
      trigger: o.trigger,
      source: [it.source, ...it.heredocs.map(({ content, name }) => content + name)].join("\n"),
      operation: JSON.stringify(parts.operation),
      below: parts.isLinked === true ? "" : end.chainId,
      base: end.base,
      platform: this.#witness.platform,
      files: parts.files,
      contents: parts.contents ?? parts.files.map(([path, digest]) => [path.replace(/^--mount from=.*/, ""), digest]),
      reads: parts.reads ?? [],
      uses: parts.used.flatMap((name) => known.find((one) => one.name === name) ?? []),
      settings: parts.settings,
      options: [
        ...(parts.options ?? []),
        ...(sourceDateEpoch === undefined ? [] : [["SOURCE_DATE_EPOCH", String(sourceDateEpoch)] as const]),
      ],
    };
    this.#facts.push(facts);
    return facts;
  }
}

interface FactParts {
  readonly operation: readonly unknown[];
  /** Names that were asked for. */
  readonly used: readonly string[];
  readonly reads?: readonly SeenVariable[];
  /** It makes the same layer on top of anything. */
  readonly isLinked?: boolean;
  readonly files: readonly SeenFile[];
  readonly contents?: readonly SeenFile[];
  readonly settings: readonly Setting[];
  readonly options?: StepFacts["options"];
}

/** Two steps with one meaning do the same to the same files: the second one is not to run. */
export function meaningOf({ operation, below, platform, contents, reads, options }: StepFacts): string {
  const variables = reads.map(({ name, value }) => [name, value]);
  return JSON.stringify([operation, below, platform, contents, variables, options]);
}
