import type { DockerfileError } from "../dockerfile-error.ts";
import type { Range } from "../position.ts";
import { stages as stagesOf } from "../stages.ts";
import type { Dockerfile, InstructionNode, InvalidNode } from "../tree.ts";
import type { CheckInput } from "./check-input.ts";
import { type CheckOptions, CheckOptionsFailure, readCheckOptions } from "./check-options.ts";
import { checkBaseNames, checkFrom } from "./from-checks.ts";
import { readGlobalArguments } from "./global-arguments.ts";
import { checkInstructions } from "./instruction-checks.ts";
import { type CheckWarning, Linter } from "./linter.ts";
import { type PlatformParts, parsePlatform } from "./platform.ts";
import { checkStages } from "./stage-checks.ts";
import { connect } from "./stage-graph.ts";
import type { StageState } from "./stage-state.ts";
import { checkStatement } from "./statement-checks.ts";
import { CheckStop, type Subject } from "./subject.ts";

/** Why the file could not be built, so that what stands behind that was not looked at. */
export interface CheckError {
  readonly message: string;
  readonly range: Range | undefined;
}

export interface CheckReport {
  /** In the order in which they were found, which is BuildKit's. */
  readonly warnings: readonly CheckWarning[];
  /** A mistake, or the findings themselves where `check=error=true` makes them one. */
  readonly error: CheckError | undefined;
}

/**
 * Apply BuildKit's checks to a file: its rules, its words, its lines, its order, and it stops where BuildKit stops.
 * For all mistakes of a broken file see `Dockerfile.errors`.
 *
 * @throws {DockerfileError} `ERR_DOCKERFILE_IGNORE_PATTERN` for a malformed `ignore`.
 * @see https://docs.docker.com/build/checks/
 */
export function check(file: Dockerfile, input: CheckInput = {}): CheckReport {
  let linter = new Linter({ skip: [], experimental: [], error: false });
  try {
    linter = new Linter(optionsOf(file, input));
    checkPhases(file, input, linter);
    return { warnings: linter.warnings, error: violation(linter) };
  } catch (stop) {
    if (!(stop instanceof CheckStop)) throw stop;
    return { warnings: linter.warnings, error: { message: stop.message, range: stop.range } };
  }
}

function optionsOf(file: Dockerfile, input: CheckInput): CheckOptions {
  const directive = file.nodes.find((node) => node.kind === "directive" && node.name === "check");
  const value = input.options ?? (directive?.kind === "directive" ? directive.value : "");
  try {
    return readCheckOptions(value);
  } catch (failure) {
    if (!(failure instanceof CheckOptionsFailure)) throw failure;
    throw new CheckStop(`failed to parse check options: ${failure.message}`, directive?.range);
  }
}

// Text, statements, stages, bases, then stage by stage what the instructions mean: a mistake ends all later phases.
function checkPhases(file: Dockerfile, input: CheckInput, linter: Linter): void {
  const syntax = file.errors.find((error) => error.phase === "syntax");
  if (syntax !== undefined) throw stopOf(syntax);
  checkContinuations(file, linter);
  const subject = subjectOf(file, input, linter);
  checkStages(subject.stages, linter);
  checkBaseNames(subject);
  readGlobalArguments(subject, input.args ?? {});
  checkEpoch(subject);
  const states: StageState[] = [];
  const named = new Map<string, StageState>();
  for (const stage of subject.stages) {
    const state = checkFrom(stage, subject, named);
    states.push(state);
    if (stage.name !== undefined) named.set(stage.name, state);
  }
  const find = (reference: string): StageState | undefined =>
    named.get(reference.toLowerCase()) ?? (/^\d{1,9}$/.test(reference) ? states[Number(reference)] : undefined);
  checkInstructions(connect(subject, states, find), find, subject);
}

function subjectOf(file: Dockerfile, input: CheckInput, linter: Linter): Subject {
  const [first] = file.errors;
  for (const node of file.nodes) {
    if (node.kind !== "instruction" && node.kind !== "invalid") continue;
    checkStatement(node, linter);
    if (first !== undefined && isIn(first, node)) throw stopOf(first);
  }
  if (first !== undefined) throw stopOf(first);
  const { globalArgs, stages } = stagesOf(file);
  const fallback: PlatformParts = { os: "linux", architecture: "amd64", variant: "" };
  const target = platformOf(input.platform ?? "linux/amd64", fallback);
  const build = platformOf(input.buildPlatform ?? input.platform ?? "linux/amd64", fallback);
  const targetStage = input.target ?? stages.at(-1)!.name ?? "default";
  return { input, linter, globalArgs, stages, target, build, targetStage, args: new Map(), declared: [] };
}

/** SOURCE_DATE_EPOCH is a number of seconds, or a stage whose time counts. */
function checkEpoch({ input, args, stages }: Subject): void {
  const value = input.args?.SOURCE_DATE_EPOCH ?? args.get("SOURCE_DATE_EPOCH") ?? "";
  if (/^(?:[-+]?\d+)?$/.test(value) || stages.some(({ name }) => name === value.toLowerCase())) return;
  throw new CheckStop(`invalid SOURCE_DATE_EPOCH: ${value}`, undefined);
}

const isIn = (error: DockerfileError, { range }: InstructionNode | InvalidNode): boolean =>
  range.start.offset <= error.range.start.offset && error.range.start.offset < range.end.offset;

function platformOf(text: string, fallback: PlatformParts): PlatformParts {
  const platform = parsePlatform(text, fallback);
  if (typeof platform === "string") throw new CheckStop(`failed to parse platform ${text}: ${platform}`, undefined);
  return platform;
}

/** BuildKit names the line that an instruction with a blank line in it ends in. */
function checkContinuations(file: Dockerfile, linter: Linter): void {
  const found = file.warnings.filter(({ code }) => code === "WARN_DOCKERFILE_EMPTY_CONTINUATION");
  let next = 0;
  for (const node of file.nodes) {
    if (next === found.length) return;
    if (found[next]!.range.start.offset >= node.range.end.offset) continue;
    next++;
    const { range } = node.tokens.findLast(({ kind }) => kind !== "heredoc" && kind !== "heredocEnd")!;
    linter.report("NoEmptyContinuation", { range, comments: [] }, "Empty continuation line");
  }
}

function stopOf(error: DockerfileError): CheckStop {
  const hint = error.suggestion === undefined ? "" : ` (did you mean ${error.suggestion.replace(/^--/, "")}?)`;
  if (error.code === "ERR_DOCKERFILE_NO_STAGE") {
    const atEnd = error.range.start.offset === error.range.end.offset; // nothing but ARGs
    const message = atEnd ? "dockerfile contains no stages to build" : "no build stage in current context";
    return new CheckStop(message, atEnd ? undefined : error.range);
  }
  const prefix = error.phase === "syntax" ? "" : `dockerfile parse error on line ${error.line}: `;
  return new CheckStop(`${prefix}${error.message}${hint}`, error.range);
}

function violation(linter: Linter): CheckError | undefined {
  if (!linter.options.error || linter.warnings.length === 0) return undefined;
  const rules = [...new Set(linter.warnings.map(({ rule }) => rule))];
  return { message: `lint violation found for rules: ${rules.join(", ")}`, range: linter.warnings[0]!.range };
}
