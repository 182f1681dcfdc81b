import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isShortName, isWhiteout, lowerText, parseLower, shortName } from "../src/steps.ts";

test("26 characters out of 26 random bytes, of an alphabet that no file system confuses", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 26, maxLength: 40 }), (random) => {
      expect(isShortName(shortName(random))).toBe(true);
    }),
  );
  expect(shortName(new Uint8Array(26))).toBe("A".repeat(26));
  expect(shortName(randomBytes(26))).not.toBe(shortName(randomBytes(26)));
});

test("what is written to a `lower` file can be read back", () => {
  const anyNames = fc.array(fc.uint8Array({ minLength: 26, maxLength: 26 }).map(shortName), {
    minLength: 1,
    maxLength: 130,
  });
  fc.assert(
    fc.property(anyNames, (names) => {
      expect(parseLower(lowerText(names))).toEqual(names);
      expect(parseLower(`${lowerText(names)}\n`)).toEqual(names);
    }),
  );
});

const one = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const refused = [
  { text: "", why: "nothing" },
  { text: `l/${one.slice(1)}`, why: "too short" },
  { text: `l/${one}:`, why: "an empty name" },
  { text: `l/../../etc`, why: "out of the directory" },
  { text: `/l/${one}`, why: "absolute" },
  { text: `l/${one}/..`, why: "below" },
  { text: `l/l/${one}`, why: "two directories" },
  { text: `l/${one.toLowerCase()}`, why: "another alphabet" },
] as const;
for (const { text, why } of refused)
  test(`lower ${JSON.stringify(text)}: refused, ${why}`, () => expect(parseLower(text)).toBeUndefined());

const nodes = [
  { device: true, rdev: 0, is: true, why: "character device 0:0" },
  { device: true, rdev: 0n, is: true, why: "as bigint" },
  { device: true, rdev: 0x103, is: false, why: "/dev/null" },
  { device: false, rdev: 0, is: false, why: "a file" },
] as const;
for (const { device, rdev, is, why } of nodes)
  test(`whiteout: ${why}`, () => expect(isWhiteout({ isCharacterDevice: () => device, rdev })).toBe(is));
