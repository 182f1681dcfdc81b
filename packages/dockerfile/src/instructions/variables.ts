import { readFlags } from "../flags.ts";
import type { Span } from "../span.ts";
import { type Draft, refuse, toWord } from "../statement.ts";
import type { Statement, Word } from "../tree.ts";

export interface Pair<W> {
  readonly key: W;
  readonly value: W;
}

export interface EnvFields<W> {
  readonly name: "ENV";
  /** All values see the variables as they were before this instruction. */
  readonly pairs: readonly Pair<W>[];
  /** Written as `ENV name value`. */
  readonly legacy: boolean;
}

/** `ENV name=value …`: variables of the build from here on and of the container. */
export interface EnvInstruction extends Statement, EnvFields<Word> {}

export interface LabelFields<W> {
  readonly name: "LABEL";
  readonly pairs: readonly Pair<W>[];
  /** Written as `LABEL name value`. */
  readonly legacy: boolean;
}

/** `LABEL name=value …`. */
export interface LabelInstruction extends Statement, LabelFields<Word> {}

export interface Argument<W> {
  readonly key: W;
  /** What it is when the builder is not told. */
  readonly value: W | undefined;
  /** From the comment block above, the line that begins with the name. */
  readonly description: string | undefined;
}

export interface ArgFields<W> {
  readonly name: "ARG";
  readonly args: readonly Argument<W>[];
}

/** `ARG name=default …`: variables of the build that the caller may set. */
export interface ArgInstruction extends Statement, ArgFields<Word> {}

export function readEnv(draft: Draft): EnvInstruction {
  return { ...draft.statement, name: "ENV", ...readPairs(draft) };
}

export function readLabel(draft: Draft): LabelInstruction {
  return { ...draft.statement, name: "LABEL", ...readPairs(draft) };
}

function readPairs(draft: Draft): { pairs: Pair<Word>[]; legacy: boolean } {
  readFlags(draft.statement, {});
  const [first] = draft.spans;
  if (first === undefined) refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", `${draft.name} requires at least one argument`);
  const legacy = !first.text.includes("=");
  const spans = legacy ? [{ key: first, value: draft.spans[1]! }] : draft.spans.map(splitPair);
  const pairs = spans.map(({ key, value }) => ({
    key: toWord(key, draft.surroundings),
    value: toWord(value, draft.surroundings),
  }));
  const blank = pairs.findIndex(({ key }) => key.text === "");
  if (blank !== -1)
    refuse(
      draft,
      "ERR_DOCKERFILE_ARGUMENTS",
      `${draft.name} names can not be blank`,
      draft.statement.operands[blank]!.range,
    );
  return { pairs, legacy };
}

export function readArg(draft: Draft): ArgInstruction {
  readFlags(draft.statement, {});
  if (draft.spans.length === 0) refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "ARG requires at least one argument");
  const described = draft.spans.map((span): Argument<Word> => {
    const pair = span.text.includes("=") ? splitPair(span) : { key: span, value: undefined };
    if (pair.key.text === "")
      refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "ARG names can not be blank", toWord(span, draft.surroundings).range);
    return {
      key: toWord(pair.key, draft.surroundings),
      value: pair.value && toWord(pair.value, draft.surroundings),
      description: describe(pair.key.text, draft.statement.comments),
    };
  });
  return { ...draft.statement, name: "ARG", args: described };
}

function splitPair(span: Span): { key: Span; value: Span } {
  const equals = span.text.indexOf("=");
  return {
    key: { text: span.text.slice(0, equals), start: span.start, end: span.start + equals },
    value: { text: span.text.slice(equals + 1), start: span.start + equals + 1, end: span.end },
  };
}

const describe = (name: string, comments: readonly string[]): string | undefined =>
  comments.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
