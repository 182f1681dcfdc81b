import fc from "fast-check";
import { expect, test } from "vitest";
import { encodePaxRecords, formatPaxTime, parsePaxRecords, parsePaxTime } from "../src/pax-records.ts";
import { codeOf } from "./collect.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

const good = [
  { text: "", is: [], why: "no record" },
  { text: "8 path=\n", is: [["path", ""]], why: "an empty value" },
  { text: "10 path=a\n", is: [["path", "a"]], why: "the length counts its own digits" },
  { text: "12 key=a\nb=\n", is: [["key", "a\nb="]], why: "a value may hold newlines and equals signs" },
] as const;
for (const { text, is, why } of good)
  test(`${JSON.stringify(text)}: ${why}`, () => {
    expect(parsePaxRecords(bytes(text)).map(([key, value]) => [key, Buffer.from(value).toString()])).toEqual(is);
  });

const bad = [
  { text: "path=a\n", why: "no length" },
  { text: "8 path=a\n", why: "a length that stops too early" },
  { text: "11 path=a\n", why: "a length that goes past the end" },
  { text: "99999999999999999999 path=a\n", why: "a length that no number holds" },
  { text: "-1 path=a\n", why: "a negative length" },
  { text: "10 path=ab", why: "no newline" },
  { text: "5 =a\n", why: "no key" },
  { text: "0 \n", why: "a length of nothing, which would go on forever" },
] as const;
for (const { text, why } of bad)
  test(`${JSON.stringify(text)} is refused: ${why}`, () =>
    expect(codeOf(() => parsePaxRecords(bytes(text)))).toBe("ERR_LAYERS_ARCHIVE"));

test("records come back as they were written", () => {
  const key = fc.string({ minLength: 1 }).filter((text) => !text.includes("=") && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.uint8Array({ maxLength: 2000 }))), (records) => {
      const read = parsePaxRecords(encodePaxRecords(records));
      expect(read.map(([k, v]) => [k, [...v]])).toEqual(records.map(([k, v]) => [k, [...v]]));
    }),
  );
});

test("a record around each power of ten has the right length", () => {
  for (const size of [0, 1, 2, 5, 90, 91, 92, 93, 94, 95, 989, 990, 991, 992, 993])
    expect(parsePaxRecords(encodePaxRecords([["k", new Uint8Array(size)]]))[0]![1].length).toBe(size);
});

test("times come back", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (time) => {
      expect(parsePaxTime(bytes(formatPaxTime(time)))).toBe(time);
    }),
  );
});

const times = [
  { text: "1.5", is: 1_500_000_000n },
  { text: "-1.5", is: -1_500_000_000n },
  { text: "1.0000000019", is: 1_000_000_001n },
  { text: "1e9", is: undefined },
  { text: "", is: undefined },
  { text: "99999999999999999", is: undefined },
] as const;
for (const { text, is } of times)
  test(`the time ${JSON.stringify(text)}`, () => {
    if (is === undefined) expect(codeOf(() => parsePaxTime(bytes(text)))).toBe("ERR_LAYERS_ARCHIVE");
    else expect(parsePaxTime(bytes(text))).toBe(is);
  });
