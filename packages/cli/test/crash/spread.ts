/** Whether every point is to be tried, which takes hours. */
export const isExhaustive: boolean = process.env.CTR_EXHAUSTIVE === "1";

/**
 * Numbers from 1 to `last`: all of them, or some, spread evenly.
 *
 * @param most  How many, unless CTR_POINTS says so.
 * @param phase  From 0 to 1: which ones, between one and the next.
 */
export function spread(last: number, most: number, phase: number = 0): readonly number[] {
  const count = isExhaustive ? last : Math.min(last, Number(process.env.CTR_POINTS ?? most));
  return Array.from({ length: count }, (_, at) => 1 + Math.floor(((at + phase) * last) / count));
}
