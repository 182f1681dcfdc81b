import { join } from "node:path";
import { runConfined } from "@ctr/layers/testing";
import { describe, expect, test } from "vitest";
import { notRoot } from "./ctr.ts";

describe.skipIf(notRoot)("hostile archives (needs root)", () => {
  for (const way of ["load", "import", "add", "cp"])
    test(`${way}: each is refused or becomes the safe tree, and nothing outside is touched`, {
      timeout: 300_000,
    }, () => {
      const { refused, taken, failures, peakBytes } = JSON.parse(
        runConfined(join(import.meta.dirname, "hostile-runner.ts"), way),
      );
      expect(failures).toEqual([]);
      expect(refused).toBeGreaterThan(100);
      expect(taken).toBeGreaterThan(100);
      expect(peakBytes).toBeLessThan(700e6);
    });
});
