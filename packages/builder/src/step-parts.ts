import type { JsonValue } from "@ctr/oci";

/**
 * A variable or setting that a step reads, or an option of the whole build (`--add-host`), by digest: a value may be a
 * secret, and to tell change its digest is enough.
 */
export interface Ingredient {
  readonly from: "ARG" | "ENV" | "USER" | "WORKDIR" | "SHELL" | "OPTION";
  readonly name: string;
  /** Where it entered; undefined when the base image or the caller brought it. */
  readonly line: number | undefined;
  readonly digest: string;
}

/** Everything that decides whether a step can be reused, kept apart so that a difference can be named. */
export interface StepParts {
  /** The instruction as written. */
  readonly source: string;
  /** The instruction with variables put in, in a form that two spellings of one meaning share. */
  readonly operation: JsonValue;
  /** Chain id of the files below; empty for none. */
  readonly parent: string;
  /** What the stage began with; undefined for scratch. */
  readonly base: { readonly name: string; readonly id: string } | undefined;
  readonly platform: string;
  /** Files that the step reads: name and digest of content, mode and owner. Never a time. */
  readonly inputs: readonly (readonly [path: string, digest: string])[];
  readonly ingredients: readonly Ingredient[];
  /** Whether a command may read every ingredient, so that each is part of the key. Else `operation` holds what they did. */
  readonly readsAll: boolean;
}

/** Changes when the meaning of a key changes, so that no old record is taken for a new one. */
const keyVersion = 1;

/**
 * The text whose digest is the step's key. Two steps with one key do the same to the same files. The base
 * image is not in it: only its files, which `parent` names, can make a difference, and its variables.
 */
export function keyText(parts: StepParts): string {
  const { operation, parent, platform } = parts;
  const inputs = parts.inputs.map(([path, digest]) => [withoutSource(path), digest]);
  // A command cannot tell an ARG from an ENV.
  const kind = (from: Ingredient["from"]): string => (from === "ARG" ? "ENV" : from);
  const ingredients = parts.readsAll
    ? parts.ingredients.map(({ from, name, digest }) => [kind(from), name, digest])
    : [];
  return JSON.stringify([keyVersion, operation, parent, platform, inputs, ingredients]);
}

/** What a stage or an image is called makes no difference to what is copied from it. */
const withoutSource = (path: string): string => path.replace(/^--(?:from|mount from)=\S+ ?/, "");

/** Where a step stands, to find it again in the next build. */
export interface StepRecord {
  readonly ordinal: number;
  readonly parts: StepParts;
}

/**
 * The record to compare a step with: the nearest one of the same words, else the one at the same place,
 * unless its words live on elsewhere in the stage: then this step is a new one between old ones.
 *
 * @param sources  All instructions of the stage as they are written now.
 */
export function findEarlier(
  step: { readonly ordinal: number; readonly source: string },
  records: readonly StepRecord[],
  sources: readonly string[],
): StepParts | undefined {
  const same = records.filter((record) => record.parts.source === step.source);
  const distance = (record: StepRecord): number => Math.abs(record.ordinal - step.ordinal);
  if (same.length > 0) return same.reduce((a, b) => (distance(b) < distance(a) ? b : a)).parts;
  const there = records.find((record) => record.ordinal === step.ordinal);
  if (there === undefined) return undefined;
  const { source } = there.parts;
  const stillThere = sources.filter((one) => one === source).length;
  const before = records.filter((record) => record.parts.source === source).length;
  return stillThere >= before ? undefined : there.parts;
}
