import { DockerfileError } from "./dockerfile-error.ts";
import { type Environment, type Expansion, VariableLog } from "./expand.ts";
import type { CmdFields, EntrypointFields, ShellFields } from "./instructions/command.ts";
import type { AddFields, AddInstruction, CopyFields, CopyInstruction, InlineFile } from "./instructions/copy.ts";
import type { FromFields } from "./instructions/from.ts";
import type { HealthcheckFields } from "./instructions/healthcheck.ts";
import type { Instruction } from "./instructions/instruction.ts";
import type { OnbuildFields } from "./instructions/onbuild.ts";
import type { MountWord, RunFields } from "./instructions/run.ts";
import type {
  ExposeFields,
  MaintainerFields,
  StopsignalFields,
  UserFields,
  VolumeFields,
  WorkdirFields,
} from "./instructions/settings.ts";
import type { ArgFields, EnvFields, LabelFields, Pair } from "./instructions/variables.ts";
import { type Mount, MountFailure, readMount } from "./mount-flag.ts";
import type { Word } from "./tree.ts";

/** An instruction whose operands are final strings. `name` tells which. */
export type ExpandedInstruction =
  | AddFields<string>
  | ArgFields<string>
  | CmdFields
  | CopyFields<string>
  | EntrypointFields
  | EnvFields<string>
  | ExposeFields<string>
  | FromFields<string>
  | HealthcheckFields
  | LabelFields<string>
  | MaintainerFields
  | OnbuildFields
  | RunFields<Mount>
  | ShellFields
  | StopsignalFields<string>
  | UserFields<string>
  | VolumeFields<string>
  | WorkdirFields<string>;

/** What `expandInstruction` makes of an instruction of type `I`. */
export type Expanded<I extends Instruction> = Extract<ExpandedInstruction, { readonly name: I["name"] }>;

/**
 * Expand all operands of an instruction against one environment.
 *
 * Variables are put in by ADD, ARG, COPY, ENV, EXPOSE, FROM, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR, in the
 * mounts of RUN, and in unquoted heredocs of ADD and COPY. The commands of RUN, CMD, ENTRYPOINT and HEALTHCHECK
 * are left to the shell, and ONBUILD to the build that triggers it.
 *
 * @throws {DockerfileError} as `expandWord` does, and `ERR_DOCKERFILE_MOUNT` for a mount that variables spoilt.
 */
export function expandInstruction<I extends Instruction>(
  instruction: I,
  environment: Environment,
): Expansion<Expanded<I>> {
  const log = new VariableLog(environment);
  const expander = new InstructionExpander(instruction, log);
  return log.expansion(expander.fields() as Expanded<I>);
}

class InstructionExpander {
  readonly #instruction: Instruction;
  readonly #log: VariableLog;

  constructor(instruction: Instruction, log: VariableLog) {
    this.#instruction = instruction;
    this.#log = log;
  }

  fields(): ExpandedInstruction {
    const it = this.#instruction;
    switch (it.name) {
      case "ADD": {
        const { name, keepGitDir, unpack } = it;
        return { name, checksum: this.#maybe(it.checksum), keepGitDir, unpack, ...this.#transfer(it) };
      }
      case "ARG":
        return {
          name: it.name,
          args: it.args.map(({ key, value, description }) => ({
            key: this.#word(key),
            value: this.#maybe(value),
            description,
          })),
        };
      case "COPY":
        return { name: it.name, from: it.from, parents: it.parents, ...this.#transfer(it) };
      case "ENV":
      case "LABEL":
        return { name: it.name, legacy: it.legacy, pairs: it.pairs.map((pair) => this.#pair(pair)) };
      case "EXPOSE":
        return { name: it.name, ports: it.ports.flatMap((port) => this.#log.lex(port, {}, it).words) };
      case "FROM":
        return { name: it.name, base: this.#word(it.base), platform: this.#maybe(it.platform), stage: it.stage };
      case "RUN": {
        const { name, command, network, security, devices, files } = it;
        return {
          name,
          command,
          mounts: it.mounts.map((mount) => this.#mount(mount)),
          network,
          security,
          devices,
          files,
        };
      }
      case "STOPSIGNAL":
        return { name: it.name, signal: this.#word(it.signal) };
      case "USER":
        return { name: it.name, user: this.#word(it.user) };
      case "VOLUME":
        return { name: it.name, paths: this.#list(it.paths) };
      case "WORKDIR":
        return { name: it.name, path: this.#word(it.path) };
      default:
        return unexpanded(it);
    }
  }

  #word(word: Word): string {
    return this.#log.lex(word, {}, this.#instruction).value;
  }

  #maybe(word: Word | undefined): string | undefined {
    return word && this.#word(word);
  }

  #list(words: readonly Word[]): string[] {
    return words.map((word) => this.#word(word));
  }

  #pair({ key, value }: Pair<Word>): Pair<string> {
    return { key: this.#word(key), value: this.#word(value) };
  }

  #transfer(it: AddInstruction | CopyInstruction): Omit<CopyFields<string>, "name" | "from" | "parents"> {
    return {
      sources: this.#list(it.sources),
      files: it.files.map((file) => this.#file(file)),
      destination: this.#word(it.destination),
      chown: this.#maybe(it.chown),
      chmod: this.#maybe(it.chmod),
      link: it.link,
      exclude: this.#list(it.exclude),
    };
  }

  // Quotes in a file are the file's own, and its escape is the shell's whatever `# escape=` says.
  #file({ path, content, expand }: InlineFile<Word>): InlineFile<string> {
    const { file } = this.#instruction;
    const text = expand ? this.#log.lex(content, { plainQuotes: true }, { escape: "\\", file }).value : content.text;
    return { path, content: text, expand };
  }

  #mount(word: MountWord): Mount {
    if (word.mount !== undefined) return word.mount;
    const { range } = word;
    try {
      return readMount(word.text, (text) => this.#word({ text, range }));
    } catch (failure) {
      if (!(failure instanceof MountFailure)) throw failure;
      const { message, suggest } = failure;
      throw new DockerfileError({ code: "ERR_DOCKERFILE_MOUNT", message, range, suggest }, this.#instruction.file);
    }
  }
}

type Unexpanded = Extract<
  Instruction,
  { readonly name: "CMD" | "ENTRYPOINT" | "HEALTHCHECK" | "MAINTAINER" | "ONBUILD" | "SHELL" }
>;

function unexpanded(it: Unexpanded): ExpandedInstruction {
  switch (it.name) {
    case "CMD":
    case "ENTRYPOINT":
      return { name: it.name, command: it.command };
    case "HEALTHCHECK": {
      const { name, command, interval, timeout, startPeriod, startInterval, retries } = it;
      return { name, command, interval, timeout, startPeriod, startInterval, retries };
    }
    case "MAINTAINER":
      return { name: it.name, maintainer: it.maintainer };
    case "ONBUILD":
      return { name: it.name, trigger: it.trigger, expression: it.expression };
    case "SHELL":
      return { name: it.name, shell: it.shell };
  }
}
