/** Consecutive system calls: the first one's number, then their names with a space between. */
export type SyscallRow = readonly [first: number, names: string];

/** Name → number, in the order of the numbers. One number never has two names. */
export type SyscallTable = ReadonlyMap<string, number>;

export function syscallTable(...blocks: readonly (readonly SyscallRow[])[]): SyscallTable {
  const table = new Map<string, number>();
  for (const [first, names] of blocks.flat())
    for (const [index, name] of names.split(" ").entries()) table.set(name, first + index);
  return table;
}
