import { expect, test } from "vitest";
import { showDuration } from "../src/duration.ts";

// Docker's own words and limits (go-units, HumanDuration).
const cases = [
  [0.4, "Less than a second"],
  [1, "1 second"],
  [59, "59 seconds"],
  [60, "About a minute"],
  [119, "About a minute"],
  [120, "2 minutes"],
  [45 * 60, "45 minutes"],
  [46 * 60, "About an hour"],
  [5400, "2 hours"],
  [47 * 3600, "47 hours"],
  [48 * 3600, "2 days"],
  [13 * 86_400, "13 days"],
  [14 * 86_400, "2 weeks"],
  [59 * 86_400, "8 weeks"],
  [60 * 86_400, "2 months"],
  [729 * 86_400, "24 months"],
  [730 * 86_400, "2 years"],
] as const;
for (const [seconds, is] of cases) test(`${seconds} s: ${is}`, () => expect(showDuration(seconds)).toBe(is));
