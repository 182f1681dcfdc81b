import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../src/engine-error.ts";
import { type FilteredImage, parseImageFilters } from "../src/image-filters.ts";
import { matchesName, parseNamePattern } from "../src/name-pattern.ts";
import { parseTimestamp } from "../src/time-stamp.ts";

describe("name patterns: Go's path.Match", () => {
  const cases: readonly { pattern: string; name: string; is: boolean | undefined; why: string }[] = [
    { pattern: "busybox", name: "busybox", is: true, why: "itself" },
    { pattern: "busybox", name: "busybox:1", is: false, why: "all of the name" },
    { pattern: "b*x", name: "busybox", is: true, why: "any characters" },
    { pattern: "*", name: "a/b", is: false, why: "no slash" },
    { pattern: "*/b", name: "a/b", is: true, why: "a part each" },
    { pattern: "a*b*c", name: "axbybzc", is: true, why: "the second star may take more" },
    { pattern: "a*b/c", name: "axb/c", is: true, why: "up to the slash" },
    { pattern: "a*c", name: "a/c", is: false, why: "not over it" },
    { pattern: "?", name: "a", is: true, why: "one character" },
    { pattern: "?", name: "/", is: false, why: "no slash" },
    { pattern: "?", name: "", is: false, why: "one, not none" },
    { pattern: "[a-c]x", name: "bx", is: true, why: "a range" },
    { pattern: "[^a-c]x", name: "bx", is: false, why: "none of a range" },
    { pattern: "[^a]", name: "/", is: true, why: "a class may be a slash" },
    { pattern: "\\*", name: "*", is: true, why: "a backslash takes the meaning away" },
    { pattern: "[\\]]", name: "]", is: true, why: "in a class too" },
    { pattern: "", name: "", is: true, why: "nothing is nothing" },
    { pattern: "[a", name: "a", is: undefined, why: "a class without end" },
    { pattern: "[]", name: "a", is: undefined, why: "an empty class" },
    { pattern: "[-a]", name: "-", is: undefined, why: "a range without a start" },
    { pattern: "[a-]", name: "a", is: undefined, why: "a range without an end" },
    { pattern: "a\\", name: "a", is: undefined, why: "a backslash before nothing" },
  ];
  for (const { pattern, name, is, why } of cases)
    test(`${JSON.stringify(pattern)} and ${JSON.stringify(name)}: ${why}`, () => {
      const parsed = parseNamePattern(pattern);
      expect(parsed === undefined ? undefined : matchesName(parsed, name)).toBe(is);
    });

  test("a name, escaped, fits itself alone", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, other) => {
        const pattern = parseNamePattern(name.replace(/[\\*?[\]]/g, "\\$&"))!;
        expect(matchesName(pattern, name)).toBe(true);
        expect(matchesName(pattern, other)).toBe(name === other);
      }),
    );
  });

  test("many stars do not take long", () => {
    const pattern = parseNamePattern(`${"*a".repeat(200)}b`)!;
    expect(matchesName(pattern, "a".repeat(20_000))).toBe(false);
  });
});

describe("times", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  const cases: readonly { text: string; is: string | undefined; why: string }[] = [
    { text: "10m", is: "2026-01-31T11:50:00.000Z", why: "minutes ago" },
    { text: "1h30m", is: "2026-01-31T10:30:00.000Z", why: "both" },
    { text: "1.5h", is: "2026-01-31T10:30:00.000Z", why: "a fraction" },
    { text: "500ms", is: "2026-01-31T11:59:59.500Z", why: "not minutes and s" },
    { text: "1769860800", is: "2026-01-31T12:00:00.000Z", why: "seconds since 1970" },
    { text: "1769860800.5", is: "2026-01-31T12:00:00.500Z", why: "and a fraction" },
    { text: "2026-01-02T03:04:05Z", is: "2026-01-02T03:04:05.000Z", why: "RFC 3339" },
    { text: "2026-01-02T03:04:05.123456789+01:00", is: "2026-01-02T02:04:05.123Z", why: "with a zone" },
    { text: "2026-01-02T03Z", is: "2026-01-02T03:00:00.000Z", why: "an hour" },
    { text: "2026-01-02Z", is: "2026-01-02T00:00:00.000Z", why: "a day" },
    { text: "2026-02-31T99:00:00Z", is: undefined, why: "no such hour" },
    { text: "yesterday", is: undefined, why: "a word" },
    { text: "", is: undefined, why: "nothing" },
    { text: "10", is: "1970-01-01T00:00:10.000Z", why: "a number alone is seconds since 1970" },
    { text: "10d", is: undefined, why: "Go has no days" },
    { text: "h", is: undefined, why: "no number" },
  ];
  for (const { text, is, why } of cases)
    test(`${JSON.stringify(text)}: ${why}`, () => {
      if (is === undefined) expect(() => parseTimestamp(text, now)).toThrow(EngineError);
      else expect(new Date(parseTimestamp(text, now)).toISOString()).toBe(is);
    });

  test("a date alone is local", () => {
    expect(parseTimestamp("2026-01-02")).toBe(new Date(2026, 0, 2).getTime());
    expect(parseTimestamp("2026-01-02T03:04")).toBe(new Date(2026, 0, 2, 3, 4).getTime());
  });

  test("never throws anything but our error", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789.-:TZ+hmsuµn ") }), (text) => {
        try {
          expect(Number.isFinite(parseTimestamp(text))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
    );
  });
});

describe("filters", () => {
  const names = ["dangling", "label", "label!", "before", "since", "until", "reference"];
  const image = (labels: Record<string, string>, created?: string): FilteredImage =>
    ({ labels, created, repoTags: [], repoDigests: [] }) as unknown as FilteredImage;
  const passes = (filters: readonly string[], what: FilteredImage): boolean =>
    parseImageFilters(filters, { names, createdOf: () => 1000 }).conditions.every((holds) => holds(what));

  test("labels: a key of Object's own is none", () => {
    expect(passes(["label=__proto__"], image({}))).toBe(false);
    expect(passes(["label=toString"], image({}))).toBe(false);
    expect(passes(["label=a=b=c"], image({ a: "b=c" }))).toBe(true);
    expect(passes(["label!=a"], image({ a: "" }))).toBe(false);
    expect(passes(["label!=a=1"], image({ a: "2" }))).toBe(true);
  });

  test("times: an image that says none is older than everything", () => {
    expect(passes(["before=x"], image({}))).toBe(true);
    expect(passes(["since=x"], image({}))).toBe(false);
    expect(passes(["since=x"], image({}, "1970-01-01T00:00:02Z"))).toBe(true);
    expect(passes(["since=x"], image({}, "1970-01-01T00:00:01Z"))).toBe(false);
    expect(passes(["since=x"], image({}, "never"))).toBe(false);
  });

  test("never throws anything but our error", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names, "x"), fc.string(), (name, value) => {
        try {
          passes([`${name}=${value}`], image({ a: "b" }, "2026-01-01T00:00:00Z"));
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
    );
  });
});
