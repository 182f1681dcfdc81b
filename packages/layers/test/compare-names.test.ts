import { decodeName, encodeName } from "@ctr/plan";
import { expect, test } from "vitest";
import { compareNames } from "../src/compare-names.ts";

test("names sort by their bytes, which UTF-16 does not", () => {
  const names = ["\u{10000}", "\uffff", "a", "", "ab"].map(encodeName).sort(compareNames).map(decodeName);
  expect(names).toEqual(["", "a", "ab", "\uffff", "\u{10000}"]);
});
