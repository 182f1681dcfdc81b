import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { execaSync } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { compareTrees } from "../src/compare-trees.ts";
import { notRoot } from "./temporary-engine.ts";

const because = { option: "test", why: "a change to be found" };

/** Two equal trees, which the caller changes one of. */
function twoTrees(): { readonly expected: string; readonly found: string } {
  const root = mkdtempSync(join(tmpdir(), "ctr-trees-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [expected, found] = [join(root, "expected"), join(root, "found")];
  for (const path of [expected, found]) {
    mkdirSync(join(path, "d"), { recursive: true });
    writeFileSync(join(path, "d/file"), "text");
    linkSync(join(path, "d/file"), join(path, "again"));
    symlinkSync("d/file", join(path, "link"));
    execaSync("mknod", [join(path, "gone"), "c", "0", "0"]); // overlay's whiteout
    execaSync("mkfifo", [join(path, "fifo")]);
    for (const name of ["d/file", "gone", "fifo", "d"]) utimesSync(join(path, name), 1000, 1000);
    execaSync("touch", ["-h", "-d", "@1000", join(path, "link")]);
  }
  return { expected, found };
}

describe.skipIf(notRoot)("trees of layers (needs root)", () => {
  test("equal trees, made at different times", async () => {
    const trees = twoTrees();
    utimesSync(trees.found, 1, 1); // the directory itself may be of another moment
    expect(await Array.fromAsync(compareTrees(trees))).toEqual([]);
  });

  const cases: readonly { change: string; by: (path: string) => void; says: readonly string[] }[] = [
    {
      change: "another content of the same length and time",
      by: (path) => {
        writeFileSync(join(path, "d/file"), "TEXT");
        utimesSync(join(path, "d/file"), 1000, 1000);
      },
      says: ['"again" has another size or content'],
    },
    { change: "a mode", by: (path) => chmodSync(join(path, "d"), 0o1777), says: ['"d" has mode 1777, not 755'] },
    {
      change: "a hard link that became a copy",
      by: (path) => {
        execaSync("cp", ["-p", join(path, "again"), join(path, "copy")]);
        execaSync("mv", [join(path, "copy"), join(path, "d/file")]);
        utimesSync(join(path, "d"), 1000, 1000);
      },
      says: ['"d/file" is a file, not a hardlink to again'],
    },
    {
      change: "a whiteout that was removed",
      by: (path) => rmSync(join(path, "gone")),
      says: ['".wh.gone" is missing'],
    },
    {
      change: "a link that leads elsewhere",
      by: (path) => {
        rmSync(join(path, "link"));
        symlinkSync("/etc", join(path, "link"));
      },
      says: ['"link" is a symlink to /etc, not a symlink to d/file'],
    },
    {
      change: "an opaque directory",
      by: (path) =>
        perform([
          {
            do: "setXattr",
            in: "host",
            path: join(path, "d"),
            name: "trusted.overlay.opaque",
            value: Buffer.from("y"),
            because,
          },
        ]),
      says: ['"d/.wh..wh..opq" was added'],
    },
    {
      change: "a name that no layer can hold",
      by: (path) => {
        writeFileSync(join(path, "d/.wh.x"), "");
        utimesSync(join(path, "d"), 1000, 1000);
      },
      says: [expect.stringMatching(/^it cannot be read: .*\.wh\./) as unknown as string],
    },
  ];
  for (const { change, by, says } of cases)
    test(`${change} is told of`, async () => {
      const trees = twoTrees();
      by(trees.found);
      expect(await Array.fromAsync(compareTrees(trees))).toEqual(says);
    });
});
