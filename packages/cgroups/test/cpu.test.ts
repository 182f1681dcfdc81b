import fc from "fast-check";
import { expect, test } from "vitest";
import { cpuListText, ioWeightOf, linearWeight, parseCpuList, weightOfShares } from "../src/steps.ts";

for (const [shares, curve, line] of [
  [2, 1, 1],
  [1024, 100, 39],
  [2000, 170, 77],
  [22_000, 1204, 840],
  [262_144, 10_000, 10_000],
] as const)
  test(`${shares} shares weigh ${curve}, as runc 1.3.2; ${line} before`, () => {
    expect([weightOfShares(shares), linearWeight(shares)]).toEqual([curve, line]);
  });

test("more shares never weigh less", () => {
  const shares = fc.integer({ min: 2, max: 262_144 });
  fc.assert(
    fc.property(shares, shares, (a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      expect(weightOfShares(less)).toBeLessThanOrEqual(weightOfShares(more));
      expect(weightOfShares(a)).toBeGreaterThanOrEqual(1);
    }),
  );
});

test("the ends of I/O weights stay the ends", () => {
  expect([10, 1000].map(ioWeightOf)).toEqual([1, 10_000]);
});

test("a list survives being written and read", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 8191 })), (numbers) => {
      expect(parseCpuList(cpuListText(numbers), "cpu.cpus")).toEqual(numbers.toSorted((a, b) => a - b));
    }),
  );
});
