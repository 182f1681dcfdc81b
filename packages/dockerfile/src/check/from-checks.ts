import { isDockerfileError } from "../dockerfile-error.ts";
import { type Expansion, expandWord, VariableLog } from "../expand.ts";
import type { FromInstruction } from "../instructions/from.ts";
import type { Stage } from "../stages.ts";
import { closest } from "../suggest.ts";
import type { Word } from "../tree.ts";
import { defaultArguments } from "./global-arguments.ts";
import { isImageName } from "./image-name.ts";
import { formatPlatform, type PlatformParts, parsePlatform } from "./platform.ts";
import { newStage, type StageState } from "./stage-state.ts";
import { CheckStop, type Subject } from "./subject.ts";

/** Whether every base is an image's name when nobody gives a build argument. */
export function checkBaseNames(subject: Subject): void {
  try {
    const args = defaultArguments(subject);
    for (const { from } of subject.stages) {
      if (isImageName(expandWord(from.base, (name) => args.get(name), from).value)) continue;
      const detail = `Default value for ARG ${from.base.text} results in empty or invalid base image name`;
      subject.linter.report("InvalidDefaultArgInFrom", { range: from.range, comments: [] }, detail);
    }
  } catch (error) {
    if (!(error instanceof CheckStop) && !isDockerfileError(error)) throw error; // a later phase will say it
  }
}

/** The base and the platform of a FROM. */
export function checkFrom(stage: Stage, subject: Subject, before: ReadonlyMap<string, StageState>): StageState {
  const { from } = stage;
  const base = expand(from.base, from, subject);
  if (base.value === "") throw new CheckStop(`base name (${from.base.text}) should not be blank`, from.range);
  const platform = from.platform === undefined ? undefined : checkPlatform(from.platform, from, subject);
  // By the name as it is written: stages are known in lower case.
  return newStage(stage, base.value, platform, before.get(base.value));
}

function expand(word: Word, from: FromInstruction, { args, declared, linter }: Subject): Expansion<string> {
  const log = new VariableLog((name) => args.get(name));
  try {
    return log.expansion(log.lex(word, {}, from).value);
  } catch (error) {
    if (!isDockerfileError(error)) throw error;
    throw new CheckStop(error.message, from.range);
  } finally {
    for (const name of log.expansion(undefined).missing) {
      const known = [...declared, ...args.keys()];
      if (known.includes(name)) continue;
      const meant = closest(name, known);
      const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
      linter.report("UndefinedArgInFrom", from, `FROM argument '${name}' is not declared${hint}`);
    }
  }
}

function checkPlatform(word: Word, from: FromInstruction, subject: Subject): PlatformParts {
  const { value, used, missing } = expand(word, from, subject);
  const platform = parsePlatform(value, subject.target);
  if (missing.length === 0 && used.length === 1 && used[0] === "TARGETPLATFORM") {
    if (value === subject.args.get("TARGETPLATFORM")) {
      const detail = `Setting platform to predefined ${word.text} in FROM is redundant as this is the default behavior`;
      subject.linter.report("RedundantTargetPlatform", from, detail);
    }
  }
  if (used.length === 0 && missing.length === 0 && typeof platform !== "string") {
    const named = [platform.os, platform.architecture].some((part) => (from.stage ?? "").includes(part));
    const detail = `FROM --platform flag should not use constant value ${JSON.stringify(value)}`;
    if (!named) subject.linter.report("FromPlatformFlagConstDisallowed", from, detail);
  }
  if (typeof platform !== "string") return platform;
  const meant = missing.map((name) => closest(name, [...subject.args.keys()])).find((name) => name !== undefined);
  const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  if (value === "") throw new CheckStop(`empty platform value from expression ${word.text}${hint}`, from.range);
  throw new CheckStop(`failed to parse platform ${word.text}: ${platform}${hint}`, from.range);
}

/** Whether an image is of the platform that it was asked for. */
export function checkImagePlatform(state: StageState, subject: Subject): void {
  const found = subject.input.baseImage?.(state.baseName)?.platform;
  if (found === undefined) return;
  const wanted = state.platform ?? subject.target;
  const actual = parsePlatform(found, subject.target);
  if (typeof actual === "string") return;
  if (actual.os === wanted.os && actual.architecture === wanted.architecture) return;
  const [is, should] = [actual, wanted].map((one) => JSON.stringify(formatPlatform(one)));
  const detail = `Base image ${state.baseName} was pulled with platform ${is}, expected ${should} for current build`;
  subject.linter.report("InvalidBaseImagePlatform", { range: state.stage.from.range, comments: [] }, detail);
}
