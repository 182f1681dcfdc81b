import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostileArchives, runConfined } from "../src/testing/index.ts";
import { isRoot } from "./tree.ts";

const oracle = join(import.meta.dirname, "hostile-oracle.ts");
const names = [...hostileArchives("/canary")].map(({ name }) => name);

test("the corpus has at least 120 archives, each with a name of its own", () => {
  expect(names.length).toBeGreaterThan(2 * 120);
  expect(new Set(names).size).toBe(names.length);
});

describe.skipIf(!isRoot)("as root", { timeout: 300_000 }, () => {
  test("each archive is refused or becomes the safe tree; the canary stays, memory is bounded", () => {
    const { refused, taken, failures, peakBytes } = JSON.parse(
      runConfined(join(import.meta.dirname, "hostile-runner.ts")),
    );
    expect(failures).toEqual([]);
    expect(refused + taken).toBe(names.length);
    expect(Math.min(refused, taken)).toBeGreaterThan(120);
    expect(peakBytes).toBeLessThan(600e6); // with what 1200 archives leave to the garbage collector
  });

  test("umoci makes the same trees of what is taken", (context) => {
    context.skip(spawnSync("umoci", ["--version"]).error !== undefined, "umoci is not installed");
    const { same, differs, refused, hits } = JSON.parse(runConfined(oracle, "umoci"));
    expect(hits).toEqual([]);
    expect(same).toBeGreaterThan(250);
    // It keeps no marks: it has no layers below, so most say nothing to it. A whiteout behind a name of the same
    // layer removes nothing there; here, as in containerd, the last of equal names holds. AUFS's notes are files to it.
    expect(differs.filter((name: string) => !/^(?:whiteout|opaque mark)/.test(name))).toEqual([]);
    expect(refused).toEqual([
      "a file below a file",
      "a file below a FIFO",
      "a record with for all entries", // global headers
      "a record with for all entries, damaged",
      "a sparse file with old GNU",
      "a sparse file with a hole of 400 MiB", // it writes the zeros
      "an archive that is 100 MiB of zeros in 100 KB", // the only one that is packed
    ]);
  });

  test("the corpus bites: a tar that trusts its archives changes the canary", () => {
    const { hits } = JSON.parse(runConfined(oracle, "tar"));
    expect(hits.length).toBeGreaterThan(80);
  });
});
