import type { Ingredient, StepParts } from "./step-parts.ts";

/** Why a step could not be reused. */
export type Cause =
  | { readonly kind: "new" }
  | { readonly kind: "noCache" }
  | { readonly kind: "instruction" }
  | { readonly kind: "platform" }
  | { readonly kind: "file"; readonly change: "changed" | "added" | "removed"; readonly path: string }
  /** A variable or setting; `line` is where it entered, undefined when the base image or the caller brought it. */
  | {
      readonly kind: "ingredient";
      readonly change: "changed" | "added" | "removed";
      readonly from: Ingredient["from"];
      readonly name: string;
      readonly line: number | undefined;
    }
  /** The same variables in another order: a command can see it. */
  | { readonly kind: "order" }
  | { readonly kind: "base"; readonly image: string }
  /** The step below ran and made other files than before, or none any more. */
  | { readonly kind: "parent"; readonly step: number }
  /** Other steps lie below than last time, though none of them had to run. */
  | { readonly kind: "below" }
  /** All is as it was, but the layer is not in the store any more. */
  | { readonly kind: "layerGone" };

/** What a step knows of the build around it that its parts do not say. */
export interface Surroundings {
  /** The nearest step below that ran in this build and changed files. */
  readonly ranBelow: number | undefined;
  /** The nearest that ran and changed none: before, it may have. */
  readonly ranEmpty?: number | undefined;
}

/**
 * Compare a step with the last record of the same step. The causes, most telling first: what the step
 * itself reads before what lies below it.
 */
export function findCauses(now: StepParts, before: StepParts | undefined, around: Surroundings): readonly Cause[] {
  if (before === undefined) return [{ kind: "new" }];
  const own = ownCauses(now, before);
  const below = now.parent === before.parent ? [] : [belowCause(now, before, around)];
  const causes = [...own, ...below];
  if (causes.length > 0) return causes;
  // The same words on the same files: variables can still have made another instruction of it.
  return isSameOperation(now, before) ? [{ kind: "layerGone" }] : [{ kind: "instruction" }];
}

function ownCauses(now: StepParts, before: StepParts): Cause[] {
  // Another instruction reads other files; naming them would explain nothing. White space makes no other one.
  if (now.source !== before.source && !isSameOperation(now, before)) return [{ kind: "instruction" }];
  return [
    ...(now.platform === before.platform ? [] : [{ kind: "platform" } as const]),
    ...fileCauses(now, before),
    ...ingredientCauses(now, before),
    ...(now.readsAll && isReordered(now, before) ? [{ kind: "order" } as const] : []),
  ];
}

const isSameOperation = (now: StepParts, before: StepParts): boolean =>
  JSON.stringify(now.operation) === JSON.stringify(before.operation);

/** Whether what both read comes in another order: a command can see it. */
function isReordered(now: StepParts, before: StepParts): boolean {
  const common = (one: StepParts, other: StepParts): string[] => {
    const names = new Set(other.ingredients.map(nameOf));
    return one.ingredients.map(nameOf).filter((name) => names.has(name));
  };
  return common(now, before).join("\n") !== common(before, now).join("\n");
}

function fileCauses(now: StepParts, before: StepParts): Cause[] {
  return differences(new Map(before.inputs), new Map(now.inputs)).map(({ key, change }) => ({
    kind: "file",
    change,
    path: key,
  }));
}

function ingredientCauses(now: StepParts, before: StepParts): Cause[] {
  const all = new Map([...before.ingredients, ...now.ingredients].map((one) => [nameOf(one), one]));
  return differences(digests(before), digests(now)).map(({ key, change }) => {
    const { from, name, line } = all.get(key)!;
    return { kind: "ingredient", change, from, name, line };
  });
}

const nameOf = ({ from, name }: Ingredient): string => `${from} ${name}`;
const digests = (parts: StepParts): Map<string, string> =>
  new Map(parts.ingredients.map((one) => [nameOf(one), one.digest]));

function belowCause(now: StepParts, before: StepParts, around: Surroundings): Cause {
  if (around.ranBelow !== undefined) return { kind: "parent", step: around.ranBelow };
  if (now.base !== undefined && now.base.id !== before.base?.id) return { kind: "base", image: now.base.name };
  return around.ranEmpty === undefined ? { kind: "below" } : { kind: "parent", step: around.ranEmpty };
}

interface Difference {
  readonly key: string;
  readonly change: "changed" | "added" | "removed";
}

/** Changed ones first: they are what an author edits. */
function differences(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): Difference[] {
  const of = (keys: Iterable<string>, change: Difference["change"], is: (key: string) => boolean): Difference[] =>
    [...keys].filter(is).map((key) => ({ key, change }));
  return [
    ...of(now.keys(), "changed", (key) => before.has(key) && before.get(key) !== now.get(key)),
    ...of(now.keys(), "added", (key) => !before.has(key)),
    ...of(before.keys(), "removed", (key) => !now.has(key)),
  ];
}

const changeWords = { changed: "changed", added: "is new", removed: "is gone" } as const;

/** A cause in words: `ARG GIT_SHA entered at line 5 changed`. */
export function explainCause(cause: Cause): string {
  switch (cause.kind) {
    case "new":
      return "never ran before";
    case "noCache":
      return "the cache is not to be used";
    case "instruction":
      return "instruction changed";
    case "platform":
      return "platform changed";
    case "file":
      return `${cause.path} ${changeWords[cause.change]}`;
    case "ingredient": {
      const what = cause.from === cause.name || cause.from === "OPTION" ? cause.name : `${cause.from} ${cause.name}`;
      return `${what}${cause.line === undefined ? "" : ` entered at line ${cause.line}`} ${changeWords[cause.change]}`;
    }
    case "order":
      return "variables come in another order";
    case "base":
      return `base image ${cause.image} changed`;
    case "parent":
      return `step ${cause.step} ran`;
    case "below":
      return "other steps lie below";
    case "layerGone":
      return "the layer is not in the store any more";
  }
}
