import { isDockerfileError } from "@ctr/dockerfile";
import { describe, expect, test } from "vitest";
import { isBuilderError } from "../../src/index.ts";
import { chooseMutations } from "./choose.ts";
import { exampleStories } from "./example-stories.ts";
import type { Mutation } from "./mutation.ts";
import type { Story } from "./story.ts";
import { tableStories } from "./table-stories.ts";
import { type StepTrial, Trial } from "./trial.ts";

// Build, change one thing, build again: exactly those steps run that the rules name, and each says the true reason.
// CTR_MUTATIONS=all takes every change that is known, some thousands; without it a few of each Dockerfile.

const stories = [...exampleStories, ...tableStories];
const most = process.env.CTR_MUTATIONS === "all" ? Number.POSITIVE_INFINITY : 10;
const isRoot = process.getuid?.() === 0;

interface Tally {
  changes: number;
  exactChanges: number;
  steps: number;
  exactSteps: number;
  /** Changes that no build can be made of: a file that is missing, a name that no stage has. */
  refused: number;
}

const tally: Tally = { changes: 0, exactChanges: 0, steps: 0, exactSteps: 0, refused: 0 };
const inexact: string[] = [];

describe.skipIf(!isRoot)(`changes and the steps they rerun${isRoot ? "" : " (needs root)"}`, () => {
  for (const [story, mutations] of chooseMutations(stories, most))
    test(story.name, { timeout: 600_000 }, async () => {
      expect(await faultsOf(story, mutations)).toEqual([]);
    });

  test("there are 50 Dockerfiles and 500 changes, and 95 of 100 say exactly what changed", () => {
    process.stdout.write(`${summary()}\n${inexact.map((line) => `  not exact: ${line}\n`).join("")}`);
    expect(stories.length).toBeGreaterThanOrEqual(50);
    expect(tally.changes).toBeGreaterThanOrEqual(500);
    expect(tally.exactChanges / tally.changes).toBeGreaterThanOrEqual(0.95);
  });
});

/** What was wrong, in words; inexact causes are counted only. */
async function faultsOf(story: Story, mutations: readonly Mutation[]): Promise<string[]> {
  using trial = new Trial(story);
  const faults = faultsIn("the first build", await trial.original());
  for (const mutation of mutations) {
    faults.push(...faultsIn(`the build before "${mutation.name}"`, await trial.original()));
    const steps = await trial.mutated(mutation).catch((error: unknown) => {
      if (!isBuilderError(error) && !isDockerfileError(error)) throw error;
      tally.refused++;
      return undefined;
    });
    if (steps === undefined) continue;
    count(`${story.name}, ${mutation.name}`, steps);
    faults.push(...faultsIn(`"${mutation.name}"`, steps));
  }
  return faults;
}

function count(name: string, steps: readonly StepTrial[]): void {
  const ran = steps.filter((step) => step.ran);
  const wrong = ran.filter((step) => !step.isExact);
  tally.changes++;
  tally.steps += ran.length;
  tally.exactSteps += ran.length - wrong.length;
  if (wrong.length === 0) tally.exactChanges++;
  for (const { facts, causes, expected } of wrong)
    inexact.push(`${name}: step ${facts.step} says ${causes.join(", ")} instead of ${expected.join(", ")}`);
}

function faultsIn(build: string, steps: readonly StepTrial[]): string[] {
  return steps.flatMap(({ facts, ran, shouldRun, causes, lies }) => {
    const step = `${build}: step ${facts.step} (${facts.source.split("\n")[0]})`;
    return [
      ...(ran === shouldRun ? [] : [`${step} ${ran ? `ran, as ${causes.join(", ")}` : "was reused"}, and should not`]),
      ...(ran && lies.length > 0 ? [`${step} says what is not so: ${lies.join(", ")}`] : []),
    ];
  });
}

function summary(): string {
  const percent = (part: number, whole: number): string => ((100 * part) / whole).toFixed(2);
  const { changes, exactChanges, steps, exactSteps, refused } = tally;
  return [
    `${changes} changes of ${stories.length} Dockerfiles, ${refused} more cannot be built`,
    `cause exact: ${percent(exactChanges, changes)} % of the changes, ${percent(exactSteps, steps)} % of ${steps} steps that ran`,
  ].join("\n");
}
