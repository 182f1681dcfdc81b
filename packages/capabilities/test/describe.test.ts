import { expect, test } from "vitest";
import { allCapabilities, defaultCapabilities, describe } from "../src/index.ts";

const cases = [
  { mask: 0n, is: "none", why: "empty" },
  { mask: allCapabilities, is: "all", why: "privileged" },
  { mask: allCapabilities & ~(1n << 24n), is: "all without SYS_RESOURCE", why: "privileged on a smaller machine" },
  { mask: defaultCapabilities, is: "the default set", why: "nothing said" },
  { mask: defaultCapabilities | (1n << 12n), is: "the default set plus NET_ADMIN", why: "one added" },
  { mask: defaultCapabilities & ~1n, is: "the default set without CHOWN", why: "one dropped" },
  { mask: (defaultCapabilities & ~1n) | (1n << 12n), is: "the default set plus NET_ADMIN without CHOWN", why: "both" },
  { mask: 1n, is: "CHOWN", why: "a plain list is shorter" },
  { mask: 1n << 45n, is: "bit 45", why: "a newer kernel's capability" },
] as const;
for (const { mask, is, why } of cases)
  test(`${is}: ${why}`, () => {
    expect(describe(mask)).toBe(is);
  });
