import { shuffled } from "../rounds.ts";
import { openArena } from "./arena.ts";
import type { Contestant, Question, Sample, Stage } from "./turn.ts";

/** Samples of one question: contestants in the order given, each with one sample a round. */
export type Samplings = ReadonlyMap<Question, ReadonlyMap<string, readonly Sample[]>>;

export interface Outcome {
  readonly samplings: Samplings;
  /** Who could not do what, and why. */
  readonly skipped: readonly string[];
}

/**
 * Let all contestants take turns, in another order each round, each turn on a fresh file system. Who fails once is
 * out; what he has answered in full rounds stays.
 *
 * @param o.warmUps  rounds before the first that counts
 */
export async function takeTurns(o: {
  readonly stage: Stage;
  readonly contestants: readonly Contestant[];
  readonly wanted: readonly Question[];
  readonly warmUps: number;
  readonly rounds: number;
  readonly arenaBytes: number;
  readonly onTurn?: (round: number, name: string) => void;
}): Promise<Outcome> {
  const { stage, contestants, wanted } = o;
  const samplings = new Map(wanted.map((question) => [question, new Map<string, Sample[]>()]));
  const skipped = new Map<string, string>();
  let able = contestants.filter(({ answers }) => answers.some((question) => wanted.includes(question)));
  const playOne = async (contestant: Contestant, isCounted: boolean): Promise<void> => {
    using arena = openArena(stage.scratch, o.arenaBytes);
    await contestant.play({
      ...stage,
      arena,
      wants: (question) => wanted.includes(question),
      record: (question, sample, row = contestant.name) => {
        const own = samplings.get(question);
        if (!isCounted || own === undefined) return;
        own.set(row, [...(own.get(row) ?? []), sample]);
      },
      skip: (question, why) => skipped.set(`${contestant.name}, ${question}`, why),
    });
  };
  for (let round = 1 - o.warmUps; round <= o.rounds; round++) {
    for (const contestant of shuffled(able)) {
      o.onTurn?.(round, contestant.name);
      await playOne(contestant, round > 0).catch((error: unknown) => {
        skipped.set(contestant.name, (error as Error).message);
        able = able.filter((one) => one !== contestant);
      });
    }
  }
  return {
    samplings: new Map(
      [...samplings].map(([question, own]) => [question, inOrder(own, contestants, o.rounds)] as const),
    ),
    skipped: [...skipped].map(([who, why]) => `${who}: ${why}`),
  };
}

/** Rows as the contestants were given. Ratios are taken within a round: only those who were there in every one. */
function inOrder(
  own: ReadonlyMap<string, Sample[]>,
  contestants: readonly Contestant[],
  rounds: number,
): Map<string, readonly Sample[]> {
  const rank = (row: string): number => contestants.findIndex(({ name }) => name === row);
  const complete = [...own].filter(([, samples]) => samples.length === rounds);
  return new Map(complete.toSorted(([one], [other]) => rank(one) - rank(other)));
}
