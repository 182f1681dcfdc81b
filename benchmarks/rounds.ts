import { setTimeout as pause } from "node:timers/promises";

/** Somebody who does the same thing in his own way. */
export interface Contestant {
  readonly name: string;
  /** Do it once; answers milliseconds. */
  readonly run: () => Promise<number>;
}

/** What one contestant needed, in milliseconds. */
export interface Result {
  readonly name: string;
  readonly rounds: number;
  readonly median: number;
  readonly min: number;
  readonly p90: number;
  /** To the first contestant's time in the same round, the median of all rounds: above 1 is slower. */
  readonly ratio: number;
}

// Namespaces and mounts are taken down after the exit, by kernel threads: that must not be in the next one's time.
const settleMilliseconds = 15;

export interface Competition {
  readonly results: readonly Result[];
  /** Who could not do it even once, and why. */
  readonly failed: ReadonlyMap<string, unknown>;
}

/**
 * Let all contestants take turns, the first warm-up one by one. The order is another one each round, so that nobody always follows the same
 * one, and what the machine does meanwhile hits all alike.
 *
 * @param o.onRound  told after every round that counts, and the warm-ups
 */
export async function compete(o: {
  readonly contestants: readonly Contestant[];
  readonly warmUps: number;
  readonly rounds: number;
  readonly onRound?: (done: number) => void;
}): Promise<Competition> {
  const failed = new Map<string, unknown>();
  for (const { name, run } of o.contestants) await run().catch((error: unknown) => failed.set(name, error));
  const able = o.contestants.filter(({ name }) => !failed.has(name));
  const times = new Map(able.map(({ name }) => [name, [] as number[]]));
  for (let round = 1 - o.warmUps; round <= o.rounds; round++) {
    for (const contestant of shuffled(able)) {
      await pause(settleMilliseconds);
      const milliseconds = await contestant.run();
      if (round > 0) times.get(contestant.name)!.push(milliseconds);
    }
    o.onRound?.(round);
  }
  const [first] = times.values();
  return { results: [...times].map(([name, own]) => resultOf(name, own, first!)), failed };
}

/** @param first  the times that `own` is compared with, of the same rounds */
export function resultOf(name: string, own: readonly number[], first: readonly number[]): Result {
  const ratios = own.map((milliseconds, round) => milliseconds / first[round]!);
  return {
    name,
    rounds: own.length,
    median: quantile(own, 0.5),
    min: quantile(own, 0),
    p90: quantile(own, 0.9),
    ratio: quantile(ratios, 0.5),
  };
}

/** @param share  0.5 is the median */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
