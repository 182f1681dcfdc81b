import type { Cause } from "../../src/index.ts";
import type { StepFacts } from "./oracle.ts";

/** What the rules say about a step that ran. */
export interface Verdict {
  /** What an exact answer names; sorted. */
  readonly exact: readonly string[];
  /** All that may be said. */
  readonly truths: ReadonlySet<string>;
}

export interface Surroundings {
  /** The same step in the build before, recognized by whoever changed the file; undefined for a new one. */
  readonly before: StepFacts | undefined;
  /** Steps below that ran, nearest first. */
  readonly ranBelow: readonly { readonly step: number; readonly madeLayer: boolean }[];
  readonly noCache: boolean;
}

/** A cause in a form that two people who mean the same write alike. */
export function nameCause(cause: Cause): string {
  switch (cause.kind) {
    case "file":
      return `${cause.change} file ${cause.path}`;
    case "ingredient":
      return `${cause.change} ${cause.from} ${cause.name} line ${cause.line ?? "none"}`;
    case "base":
      return `base ${cause.image}`;
    case "parent":
      return `step ${cause.step} ran`;
    default:
      return cause.kind;
  }
}

export function judge(now: StepFacts, { before, ranBelow, noCache }: Surroundings): Verdict {
  if (noCache) return only("noCache");
  if (before === undefined) return only("new");
  const below = now.below === before.below ? [] : [belowCause(now, before, ranBelow)];
  const other = now.source !== before.source && now.operation !== before.operation ? ["instruction"] : [];
  const read = [...fileChanges(now, before), ...readChanges(now, before), ...optionChanges(now, before)];
  const platform = now.platform === before.platform ? [] : ["platform"];
  // Who wrote another instruction knows that it reads other things.
  const own = other.length > 0 ? other : [...platform, ...read, ...orderChange(now, before)];
  const exact = [...own, ...below];
  const settings = settingChanges(now, before);
  const truths = [
    ...[...exact, ...platform, ...read, ...settings, ...changes(before.uses, now.uses)],
    ...(now.source === before.source ? [] : ["instruction"]),
    ...(now.below === before.below ? [] : ["below", ...ranBelow.map(({ step }) => `step ${step} ran`)]),
    ...(now.base !== undefined && now.base.id !== before.base?.id ? [`base ${now.base.name}`] : []),
  ];
  const explained = exact.length > 0 ? exact : [...settings, ...changes(before.uses, now.uses)];
  return { exact: [...new Set([...explained, ...usedAndMeant(now, before, exact)])].sort(), truths: new Set(truths) };
}

const only = (cause: string): Verdict => ({ exact: [cause], truths: new Set([cause]) });

function belowCause(now: StepFacts, before: StepFacts, ranBelow: Surroundings["ranBelow"]): string {
  const maker = ranBelow.find(({ madeLayer }) => madeLayer);
  if (maker !== undefined) return `step ${maker.step} ran`;
  if (now.base !== undefined && now.base.id !== before.base?.id) return `base ${now.base.name}`;
  return ranBelow[0] === undefined ? "below" : `step ${ranBelow[0].step} ran`;
}

/** Variables and settings that made other words of the same words. */
function usedAndMeant(now: StepFacts, before: StepFacts, exact: readonly string[]): string[] {
  if (now.operation === before.operation || exact.includes("instruction")) return [];
  return [...changes(before.uses, now.uses), ...settingChanges(now, before)];
}

function fileChanges(now: StepFacts, before: StepFacts): string[] {
  const [then, here] = [new Map(before.files), new Map(now.files)];
  return compare(then, here, (path) => `file ${path}`);
}

/** ENV and ARG in another order are another environment. */
function orderChange(now: StepFacts, before: StepFacts): string[] {
  const names = (one: StepFacts, other: StepFacts): string =>
    one.reads
      .map(({ from, name }) => `${from} ${name}`)
      .filter((name) => other.reads.some((there) => `${there.from} ${there.name}` === name))
      .join();
  return names(now, before) === names(before, now) ? [] : ["order"];
}

const readChanges = (now: StepFacts, before: StepFacts): string[] => changes(before.reads, now.reads);

function optionChanges(now: StepFacts, before: StepFacts): string[] {
  return compare(new Map(before.options), new Map(now.options), (name) => `OPTION ${name} line none`);
}

function changes(before: StepFacts["reads"], now: StepFacts["reads"]): string[] {
  const all = new Map([...before, ...now].map((one) => [`${one.from} ${one.name}`, one]));
  const values = (list: StepFacts["reads"]): Map<string, string> =>
    new Map(list.map((one) => [`${one.from} ${one.name}`, one.value]));
  return compare(values(before), values(now), (key) => `${key} line ${all.get(key)!.line ?? "none"}`);
}

function settingChanges(now: StepFacts, before: StepFacts): string[] {
  return now.settings.flatMap(({ name, value, line }) => {
    const then = before.settings.find((one) => one.name === name);
    return then === undefined || then.value === value ? [] : [`changed ${name} ${name} line ${line ?? "none"}`];
  });
}

function compare(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
  shown: (key: string) => string,
): string[] {
  return [
    ...[...now].flatMap(([key, value]) => {
      if (!before.has(key)) return [`added ${shown(key)}`];
      return before.get(key) === value ? [] : [`changed ${shown(key)}`];
    }),
    ...[...before.keys()].flatMap((key) => (now.has(key) ? [] : [`removed ${shown(key)}`])),
  ];
}
