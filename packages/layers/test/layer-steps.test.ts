import fc from "fast-check";
import { expect, test } from "vitest";
import { LayerSteps, type TarEntry, tarEntry } from "../src/index.ts";
import { codeOf } from "./collect.ts";

const file = (name: string, more: Partial<TarEntry> = {}): TarEntry => tarEntry({ name, type: "file", ...more });
const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry =>
  tarEntry({ name, type: "directory", ...more });
const symlink = (name: string, link: string): TarEntry => tarEntry({ name, type: "symlink", link });
const hardlink = (name: string, link: string): TarEntry => tarEntry({ name, type: "hardlink", link });
const xattr = (name: string): Partial<TarEntry> => ({ xattrs: new Map([[name, new Uint8Array(1)]]) });

/** The steps of entries in short: what is done, where, and the one thing that matters. */
function stepsOf(...entries: TarEntry[]): string[] {
  const steps = new LayerSteps();
  const all = entries.flatMap((entry) => [...steps.entry(entry), ...steps.done()]);
  return [...all, ...steps.finish()].map((step) => {
    const { do: what, path } = step as { do: string; path: string };
    if (step.do === "makeHardlink") return `${what} ${path} = ${step.existing}`;
    if (step.do === "makeSymlink") return `${what} ${path} -> ${step.text}`;
    if (step.do === "makeNode") return `${what} ${path} ${step.kind} ${step.major}:${step.minor}`;
    if (step.do === "setXattr") return `${what} ${path} ${step.name}`;
    return `${what} ${path}`;
  });
}

const cases: { entries: TarEntry[]; is: string[]; why: string }[] = [
  { entries: [file("f")], is: ["makeFile /f", "setTime /f"], why: "a file" },
  {
    entries: [file("a/f")],
    is: ["makeDirectory /a", "makeFile /a/f", "setTime /a/f", "setTime /a"],
    why: "what is missing above is made",
  },
  {
    entries: [directory("a"), directory("a/b")],
    is: ["makeDirectory /a", "makeDirectory /a/b", "setTime /a/b", "setTime /a"],
    why: "times last, deepest first",
  },
  { entries: [directory("./")], is: ["makeDirectory /", "setTime /"], why: "the root has a mode too" },
  { entries: [file(".wh.f")], is: ["makeNode /f character 0:0"], why: "a whiteout" },
  {
    entries: [file("f"), file(".wh.f")],
    is: ["makeFile /f", "setTime /f", "makeNode /f character 0:0"],
    why: "it removes what the layer put there, as containerd does",
  },
  {
    entries: [file(".wh.a"), directory("a")],
    is: ["makeNode /a character 0:0", "makeDirectory /a", "setXattr /a trusted.overlay.opaque", "setTime /a"],
    why: "a directory in a whiteout's place goes on hiding",
  },
  {
    entries: [file(".wh.a"), file("a/f")],
    is: [
      "makeNode /a character 0:0",
      "makeDirectory /a",
      "setXattr /a trusted.overlay.opaque",
      "makeFile /a/f",
      "setTime /a/f",
      "setTime /a",
    ],
    why: "the same when it is only passed through",
  },
  {
    entries: [file("a/.wh..wh..opq")],
    is: ["makeDirectory /a", "setXattr /a trusted.overlay.opaque", "setTime /a"],
    why: "an opaque directory",
  },
  { entries: [file(".wh..wh.plnk/1")], is: [], why: "AUFS's notes are no files" },
  {
    entries: [symlink("a", "/etc"), file("a/f")],
    is: [
      "makeSymlink /a -> /etc",
      "setTime /a",
      "makeDirectory /etc",
      "makeFile /etc/f",
      "setTime /etc/f",
      "setTime /etc",
    ],
    why: "an absolute link is followed inside the root",
  },
  {
    entries: [symlink("a", "../../../x"), file("a/f")],
    is: [
      "makeSymlink /a -> ../../../x",
      "setTime /a",
      "makeDirectory /x",
      "makeFile /x/f",
      "setTime /x/f",
      "setTime /x",
    ],
    why: "no .. leaves the root",
  },
  {
    entries: [symlink("a", "b"), symlink("a", "c")],
    is: ["makeSymlink /a -> b", "setTime /a", "makeSymlink /a -> c", "setTime /a"],
    why: "the last part is never followed",
  },
  {
    entries: [symlink("up", ".."), hardlink("h", "up/etc/shadow")],
    is: ["makeSymlink /up -> ..", "setTime /up", "makeHardlink /h = /etc/shadow"],
    why: "a hard link through a link stays inside (CVE-2026-23745)",
  },
  { entries: [hardlink("h", "/f")], is: ["makeHardlink /h = /f"], why: "an absolute hard link means the layer's root" },
  {
    entries: [symlink("a", "b"), directory("a"), file("a/f")],
    is: ["makeSymlink /a -> b", "setTime /a", "makeDirectory /a", "makeFile /a/f", "setTime /a/f", "setTime /a"],
    why: "a directory replaces a link (CVE-2021-37712)",
  },
  {
    entries: [file("f", xattr("user.a"))],
    is: ["makeFile /f", "setXattr /f user.a", "setTime /f"],
    why: "attributes after content",
  },
];
for (const { entries, is, why } of cases) test(why, () => expect(stepsOf(...entries)).toEqual(is));

const refused: { entries: TarEntry[]; why: string }[] = [
  { entries: [file("../f")], why: "a name that leaves" },
  { entries: [file("")], why: "no name" },
  { entries: [file(".")], why: "the root as a file" },
  { entries: [symlink(".", "/etc")], why: "the root as a symlink (CVE-2021-29136)" },
  { entries: [hardlink("h", "../etc/shadow")], why: "a hard link that leaves" },
  { entries: [hardlink("h", ".")], why: "a hard link to the root" },
  { entries: [hardlink("h", "h")], why: "a hard link to itself" },
  { entries: [directory("d"), hardlink("h", "d")], why: "a hard link to a directory" },
  { entries: [file(".wh.a"), hardlink("h", "a")], why: "a hard link to a whiteout" },
  { entries: [symlink("a", "")], why: "a symlink of nothing" },
  { entries: [symlink("a", "x\0y")], why: "a NUL in a link" },
  { entries: [symlink("a", "b"), symlink("b", "a"), file("a/f")], why: "a loop" },
  { entries: [file(".wh.")], why: "a whiteout of nothing" },
  { entries: [file("a/.wh...")], why: "a whiteout of the parent" },
  { entries: [file(".wh.a/f")], why: "a name below a whiteout" },
  { entries: [tarEntry({ name: "n", type: "character" })], why: "overlay's own whiteout, smuggled" },
  { entries: [tarEntry({ name: "n", type: "block", major: 4096 })], why: "a device that cannot be" },
  { entries: [file("f", xattr("trusted.overlay.redirect"))], why: "a redirect into other layers" },
  { entries: [file("f", xattr("user.overlay.opaque"))], why: "the same for rootless mounts" },
  { entries: [directory("d", xattr("trusted.overlay.metacopy"))], why: "content from elsewhere" },
  { entries: [file("f", xattr("nonsense"))], why: "an attribute without a namespace" },
];
for (const { entries, why } of refused)
  test(`refused: ${why}`, () => expect(codeOf(() => stepsOf(...entries))).toBe("ERR_LAYERS_ENTRY"));

test("a directory that is passed through is like the one below it", () => {
  const status = { mode: 0o1777, uid: 1, gid: 2, mtime: 3n };
  const steps = new LayerSteps({ below: (path) => (path.join("/") === "tmp" ? status : undefined) });
  expect(steps.entry(file("tmp/f"))[0]).toMatchObject({
    do: "makeDirectory",
    path: "/tmp",
    mode: 0o1777,
    uid: 1,
    gid: 2,
  });
  expect([...steps.finish()][0]).toMatchObject({ do: "setTime", path: "/tmp", time: 3n });
});

test("a set-id file is written in one step, a hole at the end has no bytes", () => {
  const steps = new LayerSteps();
  steps.entry(file("su", { size: 4, mode: 0o4755 }));
  expect([...steps.data(0, Buffer.from("ab")), ...steps.data(2, Buffer.from("cd"))]).toEqual([]);
  expect(steps.done()[0]).toMatchObject({ do: "makeFile", bytes: Uint8Array.from(Buffer.from("abcd")) });
  steps.entry(file("su", { size: 1 << 20, mode: 0o4755 }));
  expect(steps.data(0, Buffer.from("ab"))).toEqual([]);
  expect(steps.data(9, Buffer.from("cd")).map((step) => step.do)).toEqual(["makeFile", "extendFile"]); // a hole is not filled with zeros
  expect(steps.done().map((step) => step.do)).toEqual(["extendFile", "setTime"]);
  steps.entry(file("sparse", { size: 1 << 20 }));
  expect(steps.data(0, Buffer.from("ab"))[0]).toMatchObject({ do: "makeFile" });
  expect(steps.done()[0]).toMatchObject({ do: "extendFile", size: BigInt(1 << 20), bytes: new Uint8Array(0) });
});

test("no step ever names a path outside, whatever the entries say", () => {
  const part = fc.constantFrom("..", ".", "", "a", "b", "c", ".wh.a", ".wh..wh..opq", "/");
  const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/"));
  const type = fc.constantFrom("file" as const, "directory" as const, "symlink" as const, "hardlink" as const);
  const entry = fc.record({ name: path, type, link: path }).map(tarEntry);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const steps = new LayerSteps();
      for (const one of entries) {
        const code = codeOf(() => {
          for (const step of [...steps.entry(one), ...steps.done()]) {
            const paths = "existing" in step ? [step.path, step.existing] : [(step as { path: string }).path];
            for (const path of paths) if (path !== "/") expect(path).toMatch(/^(?:\/(?!\.{0,2}(?:\/|$))[^/]+)+$/);
          }
        });
        expect([undefined, "ERR_LAYERS_ENTRY"]).toContain(code);
      }
    }),
    { numRuns: 1000 },
  );
});
