import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeJson, isOciError, parseJson } from "../src/index.ts";

const limit = 1_000_000;
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const good = [
  { text: ' { "a" : [ 1 , -2.5e3 , true , null ] } ', is: { a: [1, -2500, true, null] }, why: "every kind of value" },
  { text: '"\\u00e9\\n\\"\\\\"', is: 'é\n"\\', why: "escapes" },
  { text: "18446744073709551615", is: 18446744073709551615n, why: "RLIM_INFINITY stays exact" },
  { text: "9007199254740991", is: 9007199254740991, why: "a safe integer is a number" },
  { text: nested(60), is: JSON.parse(nested(60)), why: "deep, within the limit" },
];
for (const { text, is, why } of good) test(`reads: ${why}`, () => expect(parseJson(text, limit)).toEqual(is));

const bad = [
  { text: '{"size":1,"size":2}', code: "ERR_OCI_JSON", why: "two readers would see two documents" },
  { text: '{"a":1,"\\u0061":2}', code: "ERR_OCI_JSON", why: "the same key, one spelled with an escape" },
  { text: '{"__proto__":{"polluted":true}}', code: "ERR_OCI_JSON", why: "prototype pollution" },
  { text: nested(70), code: "ERR_OCI_LIMIT", why: "too deep" },
  { text: nested(100_000), code: "ERR_OCI_LIMIT", why: "so deep that JSON.parse would take the stack" },
  { text: "9".repeat(50), code: "ERR_OCI_LIMIT", why: "a number longer than any field" },
  { text: " ".repeat(limit + 1), code: "ERR_OCI_LIMIT", why: "too large" },
  { text: "", code: "ERR_OCI_JSON", why: "nothing" },
  { text: "{} {}", code: "ERR_OCI_JSON", why: "two documents" },
  { text: "[1,]", code: "ERR_OCI_JSON", why: "trailing comma" },
  { text: "01", code: "ERR_OCI_JSON", why: "leading zero" },
  { text: "NaN", code: "ERR_OCI_JSON", why: "no such value" },
  { text: '"a\nb"', code: "ERR_OCI_JSON", why: "raw control character" },
  { text: '"\\x41"', code: "ERR_OCI_JSON", why: "unknown escape" },
  { text: '"abc', code: "ERR_OCI_JSON", why: "no end" },
  { text: '"abc\\', code: "ERR_OCI_JSON", why: "ends in an escape" },
  { text: "\ufeff{}", code: "ERR_OCI_JSON", why: "byte order mark" },
];
for (const { text, code, why } of bad)
  test(`refuses: ${why}`, () => expect(() => parseJson(text, limit)).toThrow(expect.objectContaining({ code })));

test("refuses bytes that are not UTF-8", () =>
  expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]), limit)).toThrow(/not UTF-8/));

test("pollutes nothing", () => {
  expect(() => parseJson('{"a":{"__proto__":{"polluted":1}}}', limit)).toThrow();
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("reads what it writes", () =>
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      fc.pre(!JSON.stringify(value).includes("__proto__"));
      expect(encodeJson(parseJson(encodeJson(value), limit))).toBe(encodeJson(value));
      // Through JSON again, because integers from 2^53 on come as bigints here.
      expect(JSON.parse(encodeJson(parseJson(JSON.stringify(value), limit)))).toEqual(
        JSON.parse(JSON.stringify(value)),
      );
    }),
  ));

test("writes bigints as digits and leaves out what is undefined", () =>
  expect(encodeJson({ a: 2n ** 64n - 1n, b: undefined, c: [1, "x"] })).toBe('{"a":18446744073709551615,"c":[1,"x"]}'));

test("throws nothing but OciError", () =>
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]",:1e-.tn \\u') })), (text) => {
      try {
        parseJson(text, limit);
      } catch (error) {
        expect(isOciError(error)).toBe(true);
      }
    }),
  ));
