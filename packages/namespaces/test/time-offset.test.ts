import fc from "fast-check";
import { expect, test } from "vitest";
import { NamespacesError, parseTimeOffset, timeOffsetSteps } from "../src/steps.ts";

const both = (secs: number): object => ({ boottime: { secs }, monotonic: { secs } });
const cases = [
  { text: "30s", is: both(30), why: "a bare time shifts both clocks" },
  { text: "+1d2h", is: both(93_600), why: "units add up" },
  { text: "-1h30m", is: both(-5400), why: "into the past" },
  { text: "3600", is: both(3600), why: "seconds are the unit without one" },
  { text: "boottime=+90m", is: { boottime: { secs: 5400 } }, why: "one clock" },
  { text: "monotonic=5s", is: { monotonic: { secs: 5 } }, why: "the other" },
  { text: "", is: /invalid time offset/, why: "nothing" },
  { text: "soon", is: /invalid/, why: "no number" },
  { text: "1.5h", is: /invalid/, why: "no fractions" },
  { text: "realtime=1s", is: /invalid/, why: "the wall clock has no namespace" },
  { text: "1s\n", is: /invalid/, why: "a line end is no part of a number" },
  { text: "1h 30m", is: /invalid/, why: "one word" },
  { text: "9".repeat(13), is: /invalid/, why: "more than the kernel counts" },
] as const;
for (const { text, is, why } of cases)
  test(`${JSON.stringify(text)}: ${why}`, () => {
    if (is instanceof RegExp) expect(() => parseTimeOffset(text)).toThrow(is);
    else expect(parseTimeOffset(text)).toEqual(is);
  });

test("whatever is written, nothing but a NamespacesError is thrown, and what is read is a whole number", () => {
  const anyOffset = fc.oneof(fc.string(), fc.stringMatching(/^(boottime=|monotonic=)?[+-]?(\d{0,10}[dhms]?){0,5}$/));
  fc.assert(
    fc.property(anyOffset, (text) => {
      try {
        for (const offset of Object.values(parseTimeOffset(text)))
          expect(Number.isSafeInteger(offset?.secs)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(NamespacesError);
      }
    }),
  );
});

test("the steps write both lines at once, then follow the children", () => {
  const steps = timeOffsetSteps({ boottime: { secs: 10, nanosecs: 5 }, monotonic: { secs: -3 } });
  expect(steps).toMatchObject([
    { do: "write", path: "/proc/self/timens_offsets", text: "boottime 10 5\nmonotonic -3 0\n" },
    { do: "joinNamespace", type: "time", path: "/proc/self/ns/time_for_children" },
  ]);
  expect(timeOffsetSteps({})).toEqual([]);
});
