import { setTimeout as pause } from "node:timers/promises";

/** Somebody who does the same thing in his own way. */
export interface Contestant {
  readonly name: string;
  /** Do it once. @returns milliseconds */
  readonly run: () => Promise<number>;
}

/** What one contestant needed, in milliseconds. */
export interface Result {
  readonly name: string;
  readonly rounds: number;
  readonly median: number;
  readonly min: number;
  readonly p90: number;
  /** Median of the first contestant's in the same round: above 1 is slower than it. */
  readonly ratio: number;
}

// Namespaces and mounts are taken down after the exit, by kernel threads: that must not be in the next one's time.
const settleMilliseconds = 15;

/**
 * Let all contestants take turns. The order is another one each round, so that nobody always follows the same
 * one, and what the machine does meanwhile hits all alike.
 *
 * @param o.onRound  told after every round that counts, and the warm-ups
 */
export async function compete(o: {
  readonly contestants: readonly Contestant[];
  readonly warmUps: number;
  readonly rounds: number;
  readonly onRound?: (done: number) => void;
}): Promise<Result[]> {
  const times = new Map(o.contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = -o.warmUps; round < o.rounds; round++) {
    for (const contestant of shuffled(o.contestants)) {
      await pause(settleMilliseconds);
      const milliseconds = await contestant.run();
      if (round >= 0) times.get(contestant.name)!.push(milliseconds);
    }
    o.onRound?.(round + 1 + o.warmUps);
  }
  const [first] = times.values();
  return [...times].map(([name, own]) => resultOf(name, own, first!));
}

function resultOf(name: string, own: readonly number[], first: readonly number[]): Result {
  const ratios = own.map((milliseconds, round) => milliseconds / first[round]!);
  return { name, rounds: own.length, median: quantile(own, 0.5), min: quantile(own, 0), p90: quantile(own, 0.9), ratio: quantile(ratios, 0.5) };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
