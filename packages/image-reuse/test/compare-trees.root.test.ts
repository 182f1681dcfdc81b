import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { encodeName } from "@ctr/layers";
import { describe, expect, test } from "vitest";
import { compareTrees, summarizeChanges, type TreeChange } from "../src/index.ts";
import { type Made, makeLayer, notRoot, temporary } from "./layer-on-disk.ts";

const all = (before: readonly string[], after: readonly string[]): Promise<TreeChange[]> =>
  Array.fromAsync(compareTrees({ before, after }));

const show = ({ kind, path, differs }: TreeChange): string => [kind, path, ...differs].join(" ");

const hasStrace = spawnSync("strace", ["-V"]).status === 0;

const file = (path: string, content: string, look: object = {}): Made => ({ path, file: content, ...look });

const cases: { why: string; below: Made[]; layer: Made[]; is: string[] }[] = [
  { why: "a new file", below: [], layer: [file("a", "1")], is: ["added /a"] },
  { why: "another content", below: [file("a", "1")], layer: [file("a", "2")], is: ["changed /a content"] },
  {
    why: "a chmod copies the file",
    below: [file("a", "1")],
    layer: [file("a", "1", { mode: 0o4755 })],
    is: ["changed /a mode"],
  },
  { why: "a chown too", below: [file("a", "1")], layer: [file("a", "1", { uid: 5 })], is: ["changed /a owner"] },
  { why: "a touch too", below: [file("a", "1")], layer: [file("a", "1", { time: 9 })], is: ["changed /a time"] },
  { why: "rewritten as it was", below: [file("a", "1")], layer: [file("a", "1")], is: ["copied /a"] },
  { why: "removed", below: [file("a", "1")], layer: [{ path: "a", whiteout: true }], is: ["deleted /a"] },
  { why: "a whiteout of nothing", below: [], layer: [{ path: "a", whiteout: true }], is: [] },
  {
    why: "a directory removed with all in it",
    below: [file("d/a", "1"), file("d/e/b", "2")],
    layer: [{ path: "d", whiteout: true }],
    is: ["deleted /d", "deleted /d/a", "deleted /d/e", "deleted /d/e/b"],
  },
  {
    why: "a directory made anew",
    below: [file("d/a", "1"), file("d/b", "2"), file("d/c", "3")],
    layer: [{ path: "d", directory: "opaque" }, file("d/a", "1"), file("d/b", "x")],
    is: ["copied /d/a", "changed /d/b content", "deleted /d/c"],
  },
  {
    why: "a file in place of a directory",
    below: [file("d/a", "1")],
    layer: [file("d", "file")],
    is: ["changed /d type", "deleted /d/a"],
  },
  {
    why: "a directory in place of a file",
    below: [file("d", "file")],
    layer: [file("d/a", "1")],
    is: ["changed /d type", "added /d/a"],
  },
  {
    why: "a symlink that points elsewhere; where it points to is never looked at",
    below: [{ path: "l", symlink: "/etc/shadow" }],
    layer: [{ path: "l", symlink: "/etc/passwd" }],
    is: ["changed /l target"],
  },
  {
    why: "names in the order of their bytes, directories before what is in them",
    below: [],
    layer: [file("b", ""), file("a/x", ""), file("a-b", ""), file("ü", "")],
    is: ["added /a", "added /a/x", "added /a-b", "added /b", "added /ü"],
  },
];

describe.skipIf(notRoot)("compareTrees (needs root)", () => {
  for (const { why, below, layer, is } of cases)
    test(why, async () => {
      const base = makeLayer(below);
      expect((await all([base], [makeLayer(layer), base])).map(show)).toEqual(is);
    });

  test.skipIf(!hasStrace)(
    "layers that both have are not listed: what is compared is what changed (needs strace)",
    () => {
      const base = makeLayer([file("usr/lib/a", "1"), file("usr/share/b", "2")]);
      const before = [makeLayer([file("usr/lib/a", "old")]), base];
      const after = [makeLayer([file("usr/lib/a", "new")]), base];
      const main = join(temporary(), "main.mjs");
      writeFileSync(
        main,
        `import { compareTrees } from ${JSON.stringify(import.meta.resolve("../src/index.ts"))};
       for await (const { path } of compareTrees(${JSON.stringify({ before, after })})) console.log(path);`,
      );
      const trace = join(temporary(), "trace");
      const strace = [
        "-f",
        "-y",
        "-e",
        "trace=getdents64",
        "-o",
        trace,
        process.execPath,
        "--conditions=ctr-source",
        main,
      ];
      expect(execFileSync("strace", strace, { encoding: "utf8" })).toBe("/usr/lib/a\n");
      const listed = readFileSync(trace, "utf8");
      expect(listed).toContain(before[0]);
      expect(listed).not.toContain(base);
    },
  );

  test("sizes: a file of several names is added once, and gone with its last name", async () => {
    const links = makeLayer([file("a", "12345"), { path: "b", link: "a" }]);
    const none = makeLayer([]);
    expect(summarizeChanges(await all([none], [links]))).toMatchObject({ added: 2, addedBytes: 5 });
    expect(summarizeChanges(await all([links], [none]))).toMatchObject({ deleted: 2, removedBytes: 5 });
    const one = makeLayer([{ path: "a", whiteout: true }]);
    expect(summarizeChanges(await all([links], [one, links]))).toMatchObject({ deleted: 1, removedBytes: 0 });
  });

  test("extended attributes count, overlay's own do not", async () => {
    const because = { option: "test", why: "one attribute" };
    const set = (directory: string, name: string): void =>
      perform([{ do: "setXattr", in: "host", path: join(directory, "a"), name, value: Buffer.from("1"), because }]);
    const [plain, user, overlay] = [0, 1, 2].map(() => makeLayer([file("a", "1")]));
    set(user!, "user.note");
    set(overlay!, "trusted.overlay.origin");
    expect((await all([plain!], [user!])).map(show)).toEqual(["changed /a xattrs"]);
    expect((await all([plain!], [overlay!])).map(show)).toEqual(["copied /a"]);
  });

  test("names that are no UTF-8 are compared byte for byte", async () => {
    const name = "a\udc80b";
    const write = (content: string): string => {
      const directory = makeLayer([]);
      writeFileSync(Buffer.from(encodeName(join(directory, name))), content);
      return directory;
    };
    const changes = await all([write("one")], [write("two")]);
    expect(changes.map(({ path, differs }) => ({ path, content: differs.includes("content") }))).toEqual([
      { path: "/", content: false },
      { path: `/${name}`, content: true },
    ]);
  });

  test("no layers are an empty tree", async () => {
    expect((await all([], [makeLayer([file("a", "1")])])).map(show)).toEqual(["added /", "added /a"]);
    expect(await all([], [])).toEqual([]);
  });

  test("a layer that is a symlink, or not there, is refused by name", async () => {
    const place = makeLayer([{ path: "l", symlink: "/etc" }]);
    for (const layer of [join(place, "l"), join(place, "missing")])
      await expect(all([], [layer])).rejects.toMatchObject({
        code: "ERR_IMAGE_REUSE_TREE",
        message: expect.stringContaining(layer),
      });
  });

  test("stops when told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const tree = [makeLayer([file("a", "1")])];
    await expect(Array.fromAsync(compareTrees({ before: [], after: tree, signal }))).rejects.toThrow("enough");
  });
});
