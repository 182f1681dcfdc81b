/** Whether every point is to be tried, which takes most of an hour. */
export const isExhaustive: boolean = process.env.CTR_EXHAUSTIVE === "1";

/** Numbers from 1 to `last`: all of them, or at most `most`, spread evenly. */
export function spread(last: number, most: number): readonly number[] {
  const count = isExhaustive ? last : Math.min(last, most);
  return Array.from({ length: count }, (_, at) => 1 + Math.floor((at * last) / count));
}
