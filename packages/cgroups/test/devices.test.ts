import type { DeviceRule } from "@ctr/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CgroupError, defaultDeviceRules, deviceLines, deviceProgram } from "../src/steps.ts";
import { type Request, runDeviceProgram } from "./device-machine.ts";

const denyAll: DeviceRule = { allow: false, access: "rwm" };
const text = (rules: readonly DeviceRule[]): string[] =>
  deviceLines(rules).map((it) => `${it.file.replace("devices.", "")} ${it.text}`);

describe("v1 lines", () => {
  const cases: { rules: DeviceRule[]; is: string[]; why: string }[] = [
    { rules: [], is: ["deny a"], why: "what no rule speaks of is denied" },
    { rules: [denyAll], is: ["deny a"], why: "said once more" },
    {
      rules: [denyAll, { allow: true, type: "c", major: 1, minor: 3, access: "rw" }],
      is: ["deny a", "allow c 1:3 rw"],
      why: "one device",
    },
    {
      rules: [
        { allow: true, type: "c", major: 1, minor: 3, access: "r" },
        { allow: true, type: "c", major: 1, minor: 3, access: "wm" },
      ],
      is: ["deny a", "allow c 1:3 rwm"],
      why: "two rules for one device are one line",
    },
    {
      rules: [
        { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
        { allow: false, type: "c", major: 1, access: "w" },
      ],
      is: ["deny a", "allow c 1:3 rm"],
      why: "a later wildcard takes away",
    },
    { rules: [{ allow: true, access: "rwm" }], is: ["allow a"], why: "privileged" },
    {
      rules: [
        { allow: true, access: "rwm" },
        { allow: false, type: "b", major: 8, access: "w" },
      ],
      is: ["allow a", "deny b 8:* w"],
      why: "all but one",
    },
    { rules: [{ allow: true, access: "rwm" }, denyAll], is: ["deny a"], why: "the last one counts" },
    {
      rules: [{ allow: true, type: "a", access: "m" }],
      is: ["deny a", "allow b *:* m", "allow c *:* m"],
      why: "v1's own `a` would allow reading, too",
    },
  ];
  for (const { rules, is, why } of cases)
    test(`${JSON.stringify(rules)}: ${why}`, () => {
      expect(text(rules)).toEqual(is);
    });

  test("a hole in a wildcard cannot be written", () => {
    const rules: DeviceRule[] = [
      { allow: true, type: "c", major: 1, access: "rwm" },
      { allow: false, type: "c", major: 1, minor: 3, access: "w" },
    ];
    expect(() => text(rules)).toThrow(/cannot deny c 1:3 w as an exception from c 1:\* rwm/);
  });

  for (const [rule, why] of [
    [{ allow: true, type: "x" }, "no such type"],
    [{ allow: true, type: "c", major: -2 }, "only -1 is every number"],
    [{ allow: true, type: "c", major: 1.5 }, "half a number"],
    [{ allow: true, access: "rx" }, "no such access"],
    [{ allow: true, access: "" }, "no access at all"],
    [{ allow: true, access: "rwm\nb 8:0 rwm" }, "a second line"],
  ] as const)
    test(`refused: ${JSON.stringify(rule)}: ${why}`, () => {
      for (const make of [deviceLines, deviceProgram])
        expect(() => make([rule as DeviceRule])).toThrow(expect.objectContaining({ code: "ERR_CGROUPS_VALUE" }));
    });
});

describe("the defaults", () => {
  const program = deviceProgram([denyAll, ...defaultDeviceRules]);
  const cases: { request: Request; is: number; why: string }[] = [
    { request: { type: "c", major: 1, minor: 5, access: 6 }, is: 1, why: "zero can be read and written" },
    { request: { type: "c", major: 136, minor: 77, access: 6 }, is: 1, why: "every terminal" },
    { request: { type: "c", major: 1, minor: 11, access: 2 }, is: 0, why: "not the kernel log" },
    { request: { type: "c", major: 1, minor: 1, access: 2 }, is: 0, why: "not the memory" },
    { request: { type: "b", major: 8, minor: 0, access: 1 }, is: 1, why: "a disk's node can be made" },
    { request: { type: "b", major: 8, minor: 0, access: 2 }, is: 0, why: "but not opened" },
    { request: { type: "b", major: 1, minor: 5, access: 2 }, is: 0, why: "block 1:5 is not zero" },
    { request: { type: "c", major: 10, minor: 200, access: 6 }, is: 0, why: "not tun" },
  ];
  for (const { request, is, why } of cases)
    test(`${JSON.stringify(request)}: ${why}`, () => {
      expect(runDeviceProgram(program, request)).toBe(is);
    });
});

const rule = fc.record(
  {
    allow: fc.boolean(),
    type: fc.constantFrom<"a" | "b" | "c">("a", "b", "c"),
    major: fc.integer({ min: -1, max: 2 }),
    minor: fc.integer({ min: -1, max: 2 }),
    access: fc.constantFrom("r", "w", "m", "rw", "rwm", "rm"),
  },
  { requiredKeys: ["allow"] },
);
const request = fc.record({
  type: fc.constantFrom<"b" | "c">("b", "c"),
  major: fc.integer({ min: 0, max: 2 }),
  minor: fc.integer({ min: 0, max: 2 }),
  access: fc.integer({ min: 1, max: 7 }),
});

/** The specification in its own words: for each kind of access the last rule that speaks of it decides. */
function isAllowed(rules: readonly DeviceRule[], { type, major, minor, access }: Request): boolean {
  const bit = { m: 1, r: 2, w: 4 };
  return (["m", "r", "w"] as const)
    .filter((it) => (access & bit[it]) !== 0)
    .every((letter) => {
      const last = rules.findLast(
        (it) =>
          ["a", undefined, type].includes(it.type) &&
          [-1, undefined, major].includes(it.major) &&
          [-1, undefined, minor].includes(it.minor) &&
          (it.access ?? "rwm").includes(letter),
      );
      return last?.allow === true;
    });
}

test("the program decides as the specification says", () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), request, (rules, asked) => {
      expect(runDeviceProgram(deviceProgram(rules), asked)).toBe(isAllowed(rules, asked) ? 1 : 0);
    }),
    { numRuns: 2000 },
  );
});

/** What the kernel's v1 controller does with lines. @see security/device_cgroup.c */
function v1Allows(lines: readonly string[], { type, major, minor, access }: Request): boolean {
  const allowing = lines[0] === "allow a";
  const hits = lines.slice(1).map((line) => {
    const [, kind, numbers, letters] = line.split(" ") as [string, string, string, string];
    const [a, b] = numbers.split(":");
    const bits = (letters.includes("m") ? 1 : 0) | (letters.includes("r") ? 2 : 0) | (letters.includes("w") ? 4 : 0);
    const matches = kind === type && (a === "*" || a === `${major}`) && (b === "*" || b === `${minor}`);
    return matches ? bits : 0;
  });
  return allowing ? hits.every((it) => (it & access) === 0) : hits.some((it) => (access & ~it) === 0);
}

test("the v1 lines never allow what the specification denies, and agree on each single access", () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), request, (rules, asked) => {
      let lines: string[];
      try {
        lines = text(rules);
      } catch (error) {
        expect(error).toBeInstanceOf(CgroupError);
        return;
      }
      if (v1Allows(lines, asked)) expect(isAllowed(rules, asked)).toBe(true);
      for (const access of [1, 2, 4])
        expect(v1Allows(lines, { ...asked, access })).toBe(isAllowed(rules, { ...asked, access }));
    }),
    { numRuns: 2000 },
  );
});
