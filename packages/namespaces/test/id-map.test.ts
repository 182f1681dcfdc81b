import { expect, test } from "vitest";
import { idMapText } from "../src/steps.ts";

const map = (
  containerID: number,
  hostID: number,
  size: number,
): { containerID: number; hostID: number; size: number } => ({ containerID, hostID, size });

const cases = [
  { maps: [map(0, 100_000, 65_536)], is: "0 100000 65536\n", why: "one range" },
  { maps: [map(0, 1000, 1), map(1, 100_000, 65_536)], is: "0 1000 1\n1 100000 65536\n", why: "root is the user" },
  { maps: [map(1, 5, 1), map(0, 4, 1)], is: "1 5 1\n0 4 1\n", why: "neighbours do not overlap; order stays" },
  { maps: Array.from({ length: 340 }, (_, at) => map(at, at, 1)), is: /^0 0 1\n/, why: "as many as the kernel takes" },
  { maps: [], is: /needs uidMappings and gidMappings/, why: "a user namespace without ids" },
  { maps: [map(0, 1, 0)], is: /size 0/, why: "an empty range" },
  { maps: [map(0, 1, -5)], is: /size -5/, why: "a negative one" },
  { maps: [map(0, 100, 10), map(5, 200, 10)], is: /overlap at containerID 5/, why: "two meanings inside" },
  { maps: [map(0, 100, 10), map(50, 109, 10)], is: /overlap at hostID 109/, why: "two ids are one outside" },
  {
    maps: [map(5, 200, 10), map(0, 100, 10)],
    is: /overlap at containerID 5/,
    why: "also when they come in another order",
  },
  { maps: [map(7, 1, 1), map(7, 9, 1)], is: /overlap/, why: "the same id twice" },
  {
    maps: Array.from({ length: 341 }, (_, at) => map(at, at, 1)),
    is: /341 id mappings: the kernel takes 340/,
    why: "too many (CVE-2021-43784 is what happens without a limit)",
  },
] as const;
for (const { maps, is, why } of cases)
  test(`${maps.length} ranges: ${why}`, () => {
    if (typeof is === "string") expect(idMapText(maps)).toBe(is);
    else if (maps.length === 340) expect(idMapText(maps)).toMatch(is);
    else {
      expect(() => idMapText(maps)).toThrow(is);
      expect(() => idMapText(maps)).toThrow(expect.objectContaining({ code: "ERR_NAMESPACES_MAP" }));
    }
  });
