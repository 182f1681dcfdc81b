import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CapabilitiesError, parseStatus } from "../src/index.ts";

const lines = (inheritable: string): string =>
  `Name:\tsh\nCapInh:\t${inheritable}\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n`;

test("the five sets of a container's shell", () => {
  expect(parseStatus(lines("0000000000000000"))).toEqual({
    inheritable: 0n,
    permitted: 0xa80425fbn,
    effective: 0xa80425fbn,
    bounding: 0x1fffeffffffn,
    ambient: 0n,
  });
});

const broken = [
  { text: "", why: "empty" },
  { text: lines("g000000000000000"), why: "not hexadecimal" },
  { text: lines("00000000000000000"), why: "17 digits do not fit 64 bits" },
  { text: lines(""), why: "no digits" },
  { text: lines("0").replace("CapAmb", "CapFoo"), why: "a kernel before 4.3 has no ambient set" },
  { text: lines("0").replace("CapPrm", "XCapPrm"), why: "the name stands at the start of its line" },
] as const;
for (const { text, why } of broken)
  test(`refused: ${why}`, () => {
    expect(() => parseStatus(text)).toThrow(expect.objectContaining({ code: "ERR_CAPABILITIES_STATUS" }));
  });

test("this process", () => {
  const sets = parseStatus(readFileSync("/proc/self/status", "utf8"));
  expect(sets.effective & ~sets.permitted).toBe(0n);
});

test("throws nothing but our error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => parseStatus(text)).toThrow(CapabilitiesError);
    }),
  );
});
