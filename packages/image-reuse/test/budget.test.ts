import fc from "fast-check";
import { expect, test } from "vitest";
import { ImageReuseError, parseBudget } from "../src/index.ts";

const read = [
  {
    text: "new-bytes=30MB,layers=15,reuse=80%",
    is: { newBytes: 30_000_000, layers: 15, reuse: 0.8 },
    why: "three rules",
  },
  { text: "wasted=1.5MiB", is: { wasted: 1_572_864 }, why: "units of 1024 by their own names" },
  { text: "new-bytes=512", is: { newBytes: 512 }, why: "bytes" },
  { text: "new-bytes = 1 kB , layers = 3", is: { newBytes: 1000, layers: 3 }, why: "spaces do not matter" },
  { text: "reuse=100%", is: { reuse: 1 }, why: "all of it" },
  { text: "reuse=0.5%", is: { reuse: 0.005 }, why: "fractions" },
] as const;
for (const { text, is, why } of read) test(`${text}: ${why}`, () => expect(parseBudget(text)).toEqual(is));

const refused = [
  { text: "", why: "nothing" },
  { text: "layers", why: "no value" },
  { text: "layers=", why: "an empty value" },
  { text: "layers=-1", why: "negative" },
  { text: "layers=1.5", why: "half a layer" },
  { text: "layers=1,layers=2", why: "twice" },
  { text: "layers=1=2", why: "two values" },
  { text: "new-bytes=30parsecs", why: "an unknown unit" },
  { text: "reuse=101%", why: "more than all" },
  { text: "reuse=0.8", why: "a share without %" },
  { text: "constructor=1", why: "a name that every object has" },
  { text: "__proto__=1", why: "a name that every object has" },
  { text: "new-bytes=1MB,", why: "a comma too many" },
] as const;
for (const { text, why } of refused)
  test(`${JSON.stringify(text)}: ${why}`, () =>
    expect(() => parseBudget(text)).toThrow(expect.objectContaining({ code: "ERR_IMAGE_REUSE_BUDGET" })));

test("a budget of anything is read or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^(new-bytes|layers|reuse|wasted)=[0-9.%kMGiB ,=]*$/)),
      (text) => {
        try {
          parseBudget(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ImageReuseError);
        }
      },
    ),
  );
});
