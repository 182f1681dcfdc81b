import type { Story } from "./story.ts";

/** One change to a build. */
export interface Mutation {
  /** `ENV at line 3: another value`. */
  readonly name: string;
  /** What sort of change it is, for the table at the end. */
  readonly kind: string;
  readonly story: Story;
  /** Where each instruction of the changed file comes from; undefined: the file is as it was. */
  readonly origins?: readonly (number | undefined)[];
}
