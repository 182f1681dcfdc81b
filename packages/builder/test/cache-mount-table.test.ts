import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CacheMountTable, type CacheUse, type Sharing } from "../src/host/cache-mount-table.ts";
import { newHolder } from "../src/host/workspace.ts";

function table(): CacheMountTable {
  const root = mkdtempSync(join(tmpdir(), "ctr-caches-"));
  const made = new CacheMountTable(root, undefined);
  onTestFinished(() => {
    made[Symbol.dispose]();
    rmSync(root, { recursive: true });
  });
  return made;
}

const identity = { id: "npm", base: "" };
const owner = newHolder();

/** As a command does it: the first to come fills it. */
function take(from: CacheMountTable, sharing: Sharing): CacheUse | undefined {
  const use = from.take(identity, sharing, owner);
  if (use !== undefined && !use.isReady) from.ready(use.name);
  return use;
}

describe("who gets which directory", () => {
  // Names in the order that they come; the same letter is the same directory, "wait" is none.
  const rows: readonly { uses: readonly Sharing[]; get: string; why: string }[] = [
    { uses: ["shared", "shared", "shared"], get: "a a a", why: "all at a time" },
    { uses: ["private", "private"], get: "a b", why: "each its own" },
    { uses: ["locked", "locked"], get: "a wait", why: "one after another" },
    { uses: ["shared", "locked"], get: "a wait", why: "alone is alone" },
    { uses: ["locked", "shared"], get: "a b", why: "who does not wait gets a new one" },
    { uses: ["private", "shared", "shared"], get: "a b b", why: "a private one is not shared" },
    { uses: ["private", "private", "locked"], get: "a b wait", why: "none of them is free" },
  ];
  for (const { uses, get, why } of rows)
    test(`${uses.join(", ")}: ${why}`, () => {
      const all = table();
      const letters = new Map<string, string>();
      const got = uses.map((sharing) => {
        const use = take(all, sharing);
        if (use === undefined) return "wait";
        const letter = letters.get(use.name) ?? "abc"[letters.size]!;
        letters.set(use.name, letter);
        return letter;
      });
      expect(got.join(" ")).toBe(get);
    });
});

test("what is given back is taken again, the oldest first", () => {
  const all = table();
  const first = take(all, "private")!;
  const second = take(all, "private")!;
  all.giveBack(second.use);
  all.giveBack(first.use);
  expect(take(all, "locked")?.name).toBe(first.name);
});

test("nobody sees a directory that is being filled, and who dies meanwhile leaves it to the next", () => {
  const all = table();
  const filling = all.take(identity, "shared", owner)!;
  expect(filling.isReady).toBe(false);
  for (const sharing of ["shared", "private", "locked"] as const)
    expect(all.take(identity, sharing, owner)).toBeUndefined();
  all.forgetOwner(owner);
  expect(all.take(identity, "shared", owner)).toMatchObject({ name: filling.name, isReady: false });
});

test("an owner is dead when its process is, or is another one of that number", () => {
  const all = table();
  const [, pid, , boot] = /^build-(\d+)-(\d+)-([0-9a-f]+)/.exec(owner)!;
  const dead = `build-${pid}-1-${boot}-00000000`;
  all.take(identity, "shared", dead);
  all.take({ id: "other", base: "" }, "shared", owner);
  expect(all.deadOwners()).toEqual([dead]);
});

test("an id is in no path; another id or another beginning is another directory", () => {
  const all = table();
  const identities = [
    { id: "../../../etc", base: "" },
    { id: "/", base: "" },
    { id: "a\0b", base: "" },
    { id: "a", base: "mode=0700" },
    { id: "a", base: "" },
  ];
  const names = identities.map((one) => all.take(one, "shared", owner)!.name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}$/);
});

test("what is in use is not forgotten; what no row names is a stray", () => {
  const all = table();
  const use = take(all, "shared")!;
  expect(all.forget(use.name)).toBe(false);
  expect(all.strays(() => [use.name, "x"])).toEqual(["x"]);
  all.giveBack(use.use);
  expect(all.forget(use.name)).toBe(true);
  expect(all.list()).toEqual([]);
});
