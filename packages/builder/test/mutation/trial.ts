import { closeSync } from "node:fs";
import { thisPlatform } from "@ctr/image-store";
import { familiarReference, formatPlatform, parsePlatform, parseReference } from "@ctr/oci";
import { openOverlay } from "@ctr/overlayfs";
import { layerDirectories } from "../../src/host/base-image.ts";
import { type BuildEvent, type BuildResult, type Cause, explainCause } from "../../src/index.ts";
import { FakeWorker } from "./fake-worker.ts";
import { judge, nameCause } from "./judge.ts";
import type { Mutation } from "./mutation.ts";
import { imagesOf, meaningOf, readSteps, type StepFacts } from "./oracle.ts";
import { BuildPlace } from "./place.ts";
import { contextTree, layersTree, type SeenTree } from "./seen-files.ts";
import type { Story } from "./story.ts";

/** What became of one step that can change files, and what should have. */
export interface StepTrial {
  readonly facts: StepFacts;
  readonly ran: boolean;
  readonly shouldRun: boolean;
  /** As they are printed. */
  readonly causes: readonly string[];
  /** Printed, and the only right words. */
  readonly isExact: boolean;
  /** Printed, and not so. */
  readonly lies: readonly string[];
  readonly expected: readonly string[];
}

interface Outcome {
  readonly ran: boolean;
  readonly madeLayer: boolean;
  readonly causes: readonly Cause[];
}

type Outcomes = ReadonlyMap<number, Outcome>;

/** Builds of one story in one place, one after the other, each beside what the rules say. */
export class Trial implements Disposable {
  #place = new BuildPlace(new FakeWorker());
  readonly #seen = new Set<string>();
  readonly #story: Story;
  #before: readonly StepFacts[] = [];

  constructor(story: Story) {
    this.#story = story;
  }

  [Symbol.dispose](): void {
    this.#place[Symbol.dispose]();
  }

  /** Build the story as it is. */
  async original(): Promise<StepTrial[]> {
    const { facts, outcomes } = await this.#build(this.#story);
    const trials = facts.map((one) =>
      this.#trial(one, outcomes.get(one.step)!, facts, outcomes, this.#before, this.#story),
    );
    this.#before = facts;
    this.#remember(facts);
    return trials;
  }

  /** Build a changed one. @throws what `build` throws */
  async mutated({ story, origins }: Mutation): Promise<StepTrial[]> {
    const { facts, outcomes } = await this.#build(story).catch(async (error: unknown) => {
      await this.#startAgain();
      throw error;
    });
    const trials = facts.map((now) => {
      const earlier = this.#before.filter((then) => isSame(now, then, origins));
      return this.#trial(now, outcomes.get(now.step)!, facts, outcomes, earlier, story);
    });
    this.#remember(facts);
    return trials;
  }

  // What a build that failed has left in the cache, nobody has seen.
  async #startAgain(): Promise<void> {
    this.#place[Symbol.dispose]();
    this.#place = new BuildPlace(new FakeWorker());
    this.#seen.clear();
    this.#before = [];
    await this.original();
  }

  #remember(facts: readonly StepFacts[]): void {
    for (const one of facts) this.#seen.add(meaningOf(one));
  }

  #trial(
    facts: StepFacts,
    { ran, causes }: Outcome,
    all: readonly StepFacts[],
    outcomes: Outcomes,
    earlier: readonly StepFacts[],
    story: Story,
  ): StepTrial {
    const { noCache = false, noCacheStages = [] } = story.options;
    const forced = noCache || noCacheStages.includes(facts.stage);
    const before = facts.trigger === undefined ? earlier[0] : triggerBefore(facts, earlier, all);
    const ranBelow = all
      .filter(
        ({ step, stageIndex }) => step < facts.step && facts.under.includes(stageIndex) && outcomes.get(step)!.ran,
      )
      .map(({ step }) => ({ step, madeLayer: outcomes.get(step)!.madeLayer }))
      .reverse();
    const verdict = judge(facts, { before, ranBelow, noCache: forced });
    const named = causes.map(nameCause);
    return {
      facts,
      ran,
      shouldRun: forced || !this.#seen.has(meaningOf(facts)),
      causes: causes.map(explainCause),
      isExact: JSON.stringify(named.toSorted()) === JSON.stringify(verdict.exact),
      lies: named.filter((cause) => !verdict.truths.has(cause)),
      expected: verdict.exact,
    };
  }

  async #build(story: Story): Promise<{ facts: readonly StepFacts[]; outcomes: Outcomes }> {
    const images = [...new Set([...imagesOf(this.#story), ...imagesOf(story)])];
    const { events } = await this.#place.build(story, images);
    using witness = new EventWitness(this.#place, story, events);
    return { facts: readSteps(story, witness), outcomes: outcomesOf(events) };
  }
}

function isSame(now: StepFacts, then: StepFacts, origins: Mutation["origins"]): boolean {
  const origin = origins === undefined ? now.instruction : origins[now.instruction];
  return origin === then.instruction && (now.trigger === undefined) === (then.trigger === undefined);
}

/** The trigger of the same words, else the one whose place it took. */
function triggerBefore(
  now: StepFacts,
  earlier: readonly StepFacts[],
  all: readonly StepFacts[],
): StepFacts | undefined {
  const there = earlier.find(({ trigger }) => trigger === now.trigger);
  const isGone = (then: StepFacts): boolean => all.every(({ source }) => source !== then.source);
  return earlier.find(({ source }) => source === now.source) ?? (there && isGone(there) ? there : undefined);
}

function outcomesOf(events: readonly BuildEvent[]): Outcomes {
  return new Map(
    events.flatMap((event) => {
      if (event.type !== "stepFinished" || event.outcome.decision === "metadata") return [];
      const { outcome, step } = event;
      return [
        [
          step,
          {
            ran: outcome.decision === "ran",
            madeLayer: event.layer !== undefined,
            causes: outcome.decision === "ran" ? outcome.causes : [],
          },
        ] as const,
      ];
    }),
  );
}

/** What can be seen of a build from outside: its events, and the files in the store. */
class EventWitness implements Disposable {
  readonly platform: string;
  readonly context: SeenTree;
  readonly #place: BuildPlace;
  readonly #layers: ReadonlyMap<number, string>;
  readonly #trees = new Map<string, { readonly tree: SeenTree; readonly fd: number }>();

  constructor(place: BuildPlace, story: Story, events: BuildResult["events"]) {
    this.#place = place;
    this.platform = formatPlatform(
      story.options.platform === undefined ? thisPlatform() : parsePlatform(story.options.platform, thisPlatform()),
    );
    this.context = contextTree(place.context);
    this.#layers = new Map(
      events.flatMap((event) =>
        event.type === "stepFinished" && event.layer ? [[event.step, event.layer.chainId]] : [],
      ),
    );
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#trees.values()) closeSync(fd);
  }

  layerOf(step: number): string | undefined {
    return this.#layers.get(step);
  }

  baseOf(name: string): { name: string; id: string; chainId: string } {
    const { variant } = this.#place.store.resolve(name);
    return { name: familiarReference(parseReference(name)), id: variant.config, chainId: variant.chainId ?? "" };
  }

  tree(chainId: string): SeenTree {
    const known = this.#trees.get(chainId);
    if (known !== undefined) return known.tree;
    const { store, root } = this.#place;
    const fd = openOverlay({ lowers: [...layerDirectories(store, chainId as never), `${root}/empty`] });
    const tree = layersTree(`/proc/self/fd/${fd}`);
    this.#trees.set(chainId, { tree, fd });
    return tree;
  }
}
