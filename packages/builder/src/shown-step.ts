import type { ShownStep } from "./build-event.ts";

/** What can change files, and so has a number where steps are shown. */
const countedNames: ReadonlySet<string> = new Set(["RUN", "COPY", "ADD", "WORKDIR"]);

/**
 * What BuildKit calls the steps of a stage: FROM first, then the others. FROM counts only when it brings an image.
 *
 * @param o.stages  Of the whole file.
 */
export function shownSteps(o: {
  readonly name: string | undefined;
  readonly index: number;
  readonly stages: number;
  readonly isImage: boolean;
  readonly steps: readonly { readonly name: string }[];
}): readonly ShownStep[] {
  const counts = [o.isImage, ...o.steps.map(({ name }) => countedNames.has(name))];
  const total = counts.filter(Boolean).length;
  const stage = o.name ?? (o.stages > 1 ? `stage-${o.index}` : undefined);
  let number = 0;
  return counts.map((counted) => ({ stage, number: counted ? ++number : undefined, total }));
}
