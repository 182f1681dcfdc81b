/** The lines `<key> <number>` of a file such as memory.stat, cpu.stat, memory.events. Other lines are left out. */
export function parseFlatKeyed(text: string): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const line of text.split("\n")) {
    const match = /^(\S{1,100}) (\d{1,20})$/.exec(line);
    if (match !== null) values.set(match[1] as string, BigInt(match[2] as string));
  }
  return values;
}

// v1 writes "no limit" as the largest multiple of a page in 63 bits.
const v1Unlimited = 0x7fff_ffff_0000_0000n;

/** One number; `max` and v1's largest value are `undefined`, which is also what no number gives. */
export function parseAmount(text: string): number | undefined {
  const match = /^(\d{1,20})$/.exec(text.trim());
  if (match === null) return undefined;
  const value = BigInt(match[1] as string);
  return value >= v1Unlimited ? undefined : Number(value);
}
