import { isDockerfileError } from "../dockerfile-error.ts";
import { VariableLog } from "../expand.ts";
import { createIgnoreMatcher, type IgnoreMatcher } from "../ignore.ts";
import type { ArgInstruction, EnvInstruction, LabelInstruction } from "../instructions/variables.ts";
import { MountFailure, readMount } from "../mount-flag.ts";
import type { LexerOptions } from "../shell-lexer.ts";
import { closest } from "../suggest.ts";
import type { Word } from "../tree.ts";
import { checkSources, isMode } from "./copy-checks.ts";
import { parseExposedPort } from "./exposed-port.ts";
import { isSecretName } from "./secret-name.ts";
import { type FindStage, mountFrom } from "./stage-graph.ts";
import { begin, type StageInstruction, type StageState } from "./stage-state.ts";
import { CheckStop, type Subject } from "./subject.ts";

/** Walk through the stages in `looked` as a build would. */
export function checkInstructions(looked: readonly StageState[], find: FindStage, subject: Subject): void {
  const ignore = subject.input.ignore === undefined ? undefined : createIgnoreMatcher(subject.input.ignore);
  for (const state of looked) {
    begin(state, subject);
    state.done = true; // a stage may copy from itself only when that is a cycle, which was refused before
    const walker = new StageWalker(state, find, subject, ignore);
    for (const instruction of [...state.triggers, ...state.stage.instructions]) walker.visit(instruction);
  }
}

class StageWalker {
  readonly #state: StageState;
  readonly #find: FindStage;
  readonly #subject: Subject;
  readonly #ignore: IgnoreMatcher | undefined;

  constructor(state: StageState, find: FindStage, subject: Subject, ignore: IgnoreMatcher | undefined) {
    this.#state = state;
    this.#find = find;
    this.#subject = subject;
    this.#ignore = ignore;
  }

  visit(it: StageInstruction): void {
    switch (it.name) {
      case "ADD":
      case "COPY":
        this.#transfer(it);
        break;
      case "ARG":
        this.#arg(it);
        break;
      case "CMD":
      case "ENTRYPOINT":
        this.#command(it);
        break;
      case "ENV":
      case "LABEL":
        this.#pairs(it);
        break;
      case "EXPOSE":
        this.#expose(it);
        break;
      case "HEALTHCHECK":
        this.#once(it);
        break;
      case "RUN":
        this.#run(it);
        break;
      case "SHELL":
        this.#state.hasShell = true;
        break;
      case "STOPSIGNAL":
        this.#expand(it, it.signal);
        break;
      case "USER":
        this.#expand(it, it.user);
        break;
      case "VOLUME":
        for (const path of it.paths) this.#expand(it, path);
        break;
      case "WORKDIR":
        this.#workdir(it);
        break;
      // MAINTAINER was looked at before, ONBUILD is looked at where it is done.
    }
  }

  /** Put variables in, and say which of them nobody declared. */
  #expand(it: StageInstruction, word: Word, options: Omit<LexerOptions, "escape"> = {}): string {
    const { env, declared } = this.#state;
    const log = new VariableLog((name) => env.get(name));
    try {
      // Whatever `# escape=` says, that of a heredoc is the shell's.
      return log.lex(word, options, { file: it.file, escape: options.plainQuotes ? "\\" : it.escape }).value;
    } catch (error) {
      if (!isDockerfileError(error)) throw error;
      throw new CheckStop(error.message, it.range);
    } finally {
      for (const name of log.expansion(undefined).missing) {
        if (!declared.has(name) && !scannerArguments.includes(name)) this.#reportUndefined(it, name);
      }
    }
  }

  #reportUndefined(it: StageInstruction, name: string): void {
    const meant = closest(name, [...this.#state.env.keys()]);
    const hint = meant === undefined ? "" : ` (did you mean $${meant}?)`;
    this.#subject.linter.report("UndefinedVar", it, `Usage of undefined variable '$${name}'${hint}`);
  }

  #command(it: Extract<StageInstruction, { name: "CMD" | "ENTRYPOINT" }>): void {
    this.#once(it);
    if (it.form === "exec" || this.#state.hasShell) return;
    const word = it.keyword.text;
    const detail = `JSON arguments recommended for ${word} to prevent unintended behavior related to OS signals`;
    this.#subject.linter.report("JSONArgsRecommended", it, detail);
  }

  #transfer(it: Extract<StageInstruction, { name: "ADD" | "COPY" }>): void {
    const flags = [it.chown, it.chmod, it.name === "ADD" ? it.checksum : undefined, ...it.exclude];
    const [, chmod = ""] = flags.map((word) => (word === undefined ? "" : this.#expand(it, word)));
    const sources = it.sources.map((word) => this.#expand(it, word));
    this.#expand(it, it.destination);
    for (const file of it.files) if (file.expand) this.#expand(it, file.content, { plainQuotes: true });
    if (it.name === "COPY" && it.from !== undefined) this.#requireEarlier(it, it.from, "copy from");
    if (chmod !== "" && !isMode(chmod)) {
      const message = `invalid chmod parameter: '${chmod}'. it should be octal string and between 0 and 07777`;
      throw new CheckStop(message, it.range);
    }
    checkSources(it, sources, this.#ignore, this.#subject.linter);
  }

  #requireEarlier(it: StageInstruction, from: string, what: string): void {
    const needed = this.#find(from);
    if (needed === undefined || needed.done) return;
    const here = this.#state.stage.name ?? `stage-${this.#state.stage.index}`;
    const message = `cannot ${what} stage ${JSON.stringify(from)}, it needs to be defined before current stage ${JSON.stringify(here)}`;
    throw new CheckStop(message, it.range);
  }

  #arg(it: ArgInstruction): void {
    const { env, declared } = this.#state;
    const given = this.#subject.input.args ?? {};
    for (const { key, value } of it.args) {
      const name = key.text;
      this.#secret(it, name);
      const set = Object.hasOwn(given, name)
        ? given[name]
        : value === undefined
          ? this.#subject.args.get(name)
          : this.#expand(it, value);
      if (set !== undefined && !scannerArguments.includes(name)) env.set(name, set);
      declared.add(name);
    }
  }

  #secret(it: ArgInstruction | EnvInstruction, name: string): void {
    if (!isSecretName(name)) return;
    const detail = `Do not use ARG or ENV instructions for sensitive data (${it.name} ${JSON.stringify(name)})`;
    this.#subject.linter.report("SecretsUsedInArgOrEnv", it, detail);
  }

  #pairs(it: EnvInstruction | LabelInstruction): void {
    const pairs = it.pairs.map(({ key, value }) => [this.#expand(it, key), this.#expand(it, value)] as const);
    for (const [name, value] of pairs) {
      if (it.legacy) {
        const word = it.keyword.text;
        const detail = `"${word} key=value" should be used instead of legacy "${word} key value" format`;
        this.#subject.linter.report("LegacyKeyValueFormat", it, detail);
      }
      if (it.name === "LABEL") continue;
      this.#secret(it, name);
      this.#state.env.set(name, value);
    }
  }

  #expose(it: Extract<StageInstruction, { name: "EXPOSE" }>): void {
    const { linter } = this.#subject;
    const { env } = this.#state;
    // BuildKit sorts the ports before it looks at them.
    for (const port of [...it.ports].sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text)))) {
      for (const text of this.#words(it, port, env)) {
        const parts = parseExposedPort(text);
        if (typeof parts === "string") throw new CheckStop(parts, it.range);
        if (parts.protocol !== parts.protocol.toLowerCase())
          linter.report(
            "ExposeProtoCasing",
            it,
            `Defined protocol '${text}' in EXPOSE instruction should be lowercase`,
          );
        if (parts.ip !== "" || parts.hostPort !== "") {
          const detail = `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`;
          linter.report("ExposeInvalidFormat", it, detail);
        }
      }
    }
  }

  // One operand may become several, and none of its variables is reported.
  #words(it: StageInstruction, word: Word, env: ReadonlyMap<string, string>): readonly string[] {
    try {
      return new VariableLog((name) => env.get(name)).lex(word, {}, it).words;
    } catch (error) {
      if (!isDockerfileError(error)) throw error;
      throw new CheckStop(error.message, it.range);
    }
  }

  /** Of these only the last one counts; the one before is named. */
  #once(it: StageInstruction): void {
    const { last } = this.#state;
    const range = last.get(it.name);
    if (range !== undefined) {
      const detail = `Multiple ${it.keyword.text} instructions should not be used in the same stage because only the last one will be used`;
      this.#subject.linter.report("MultipleInstructionsDisallowed", { range, comments: it.comments }, detail);
    }
    last.set(it.name, it.range);
  }

  #run(it: Extract<StageInstruction, { name: "RUN" }>): void {
    for (const mount of it.mounts) {
      try {
        readMount(mount.text, (text) => this.#expand(it, { text, range: mount.range }));
      } catch (failure) {
        if (!(failure instanceof MountFailure)) throw failure;
        throw new CheckStop(failure.message, it.range);
      }
      const from = mountFrom(mount);
      if (from !== undefined) this.#requireEarlier(it, from, "mount from");
    }
  }

  #workdir(it: Extract<StageInstruction, { name: "WORKDIR" }>): void {
    const path = this.#expand(it, it.path);
    const windows = (this.#state.platform ?? this.#subject.target).os === "windows";
    const absolute = windows ? /^(?:[a-z]:)?[\\/]/i.test(path) : path.startsWith("/");
    if (!this.#state.workdirSet && !absolute) {
      const detail = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`;
      this.#subject.linter.report("WorkdirRelativePath", it, detail);
    }
    this.#state.workdirSet = true;
  }
}

/** Known to the scanner of packages only; they are no variables of the build. */
const scannerArguments: readonly string[] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];
