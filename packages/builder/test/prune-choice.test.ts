import { describe, expect, test } from "vitest";
import { chooseEntries } from "../src/host/prune-cache.ts";
import type { CacheEntry } from "../src/index.ts";

const id = (name: string): string => `sha256:${name}`;
const entry = (name: string, o: Partial<CacheEntry> & { readonly lastUsedAt: number }): CacheEntry => ({
  ...{
    kind: "layer",
    id: id(name),
    description: name,
    createdAt: 0,
    bytes: 10,
    isShared: false,
    isInUse: false,
    depth: 1,
  },
  ...o,
});
//  a ── b ── c     used at 1, 2, 3;   old alone at 0
const chain = [
  entry("c", { lastUsedAt: 3, depth: 3 }),
  entry("b", { lastUsedAt: 2, depth: 2 }),
  entry("a", { lastUsedAt: 1, depth: 1 }),
  entry("old", { lastUsedAt: 0 }),
];
const parents = new Map([
  [id("b"), id("a")],
  [id("c"), id("b")],
]);

const cases = [
  { o: {}, goes: ["old", "c", "b", "a"], why: "what was used longest ago first, and no layer before those above it" },
  { o: { keepBytes: 30 }, goes: ["old"], why: "until the rest is little enough" },
  { o: { keepBytes: 20 }, goes: ["old", "c"], why: "of one build its last step goes first: the others are below it" },
  { o: { before: 3 }, goes: ["old"], why: "a layer is used when one above it is" },
  { o: { keepBytes: 1000 }, goes: [], why: "it fits" },
] as const;

describe("what a prune takes", () => {
  for (const { o, goes, why } of cases)
    test(`${JSON.stringify(o)}: ${why}`, () => {
      const options = { before: 100, keepBytes: 0, onlyUnshared: false, ...o };
      expect(chooseEntries(chain, parents, options).map(({ description }) => description)).toEqual(goes);
    });

  test("what an image has frees nothing, and what a build or a container needs stays", () => {
    const entries = [
      entry("shared", { lastUsedAt: 1, isShared: true }),
      entry("used", { lastUsedAt: 1, isInUse: true }),
      entry("free", { lastUsedAt: 1 }),
    ];
    const choose = (onlyUnshared: boolean) =>
      chooseEntries(entries, new Map(), { before: 100, keepBytes: 0, onlyUnshared }).map((it) => it.description);
    expect(choose(true)).toEqual(["free"]);
    expect(choose(false)).toEqual(["shared", "free"]);
  });
});
