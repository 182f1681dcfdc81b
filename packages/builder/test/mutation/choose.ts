import { dockerfileMutations } from "./dockerfile-mutations.ts";
import type { Mutation } from "./mutation.ts";
import type { Story } from "./story.ts";
import { surroundingsMutations } from "./surroundings-mutations.ts";

/** All changes of a story that are known. */
export const mutationsOf = (story: Story): Mutation[] => [
  ...dockerfileMutations(story),
  ...surroundingsMutations(story),
];

/**
 * A few changes of each story, of the kinds that were taken least so far: every kind is there, on many files.
 *
 * @param most  For one story
 */
export function chooseMutations(
  stories: readonly Story[],
  most: number,
): readonly (readonly [story: Story, mutations: readonly Mutation[]])[] {
  const taken = new Map<string, number>();
  const times = ({ kind }: Mutation): number => taken.get(kind) ?? 0;
  return stories.map((story) => {
    const left = mutationsOf(story);
    const chosen: Mutation[] = [];
    while (chosen.length < most && left.length > 0) {
      const next = left.reduce((a, b) => (times(b) < times(a) ? b : a));
      left.splice(left.indexOf(next), 1);
      chosen.push(next);
      taken.set(next.kind, times(next) + 1);
    }
    return [story, chosen];
  });
}
