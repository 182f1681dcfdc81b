import { type Attempt, type Tree, treeAt } from "./hostile-archive.ts";
import type { RawEntry } from "./raw-archive.ts";

//  every way for a link to lead outside  ×  every kind of entry behind it

interface LinkForm {
  readonly form: string;
  readonly links: readonly RawEntry[];
  /** What `l` means inside the root; undefined: too many links. */
  readonly to: readonly string[] | undefined;
}

const link = (name: string, text: string): RawEntry => ({ name, flag: "2", ...fitting(text) });
const fitting = (text: string): RawEntry => (text.length <= 100 ? { link: text } : { gnuLink: text });
const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "");

// `l`, then `l1` … to the last, which leads to the canary.
const chain = (length: number, end: string): RawEntry[] =>
  Array.from({ length }, (_, i) => link(i === 0 ? "l" : `l${i}`, i === length - 1 ? end : `l${i + 1}`));

function formsFor(canary: string): LinkForm[] {
  const outside = partsOf(canary);
  const up = "../".repeat(30);
  return [
    { form: "outside, relative", links: [link("l", up + canary.slice(1))], to: outside },
    { form: "outside, absolute", links: [link("l", canary)], to: outside },
    {
      form: "/proc/self/root",
      links: [link("l", `/proc/self/root${canary}`)],
      to: ["proc", "self", "root", ...outside],
    },
    { form: "/proc/self/fd", links: [link("l", "/proc/self/fd/3/..")], to: ["proc", "self", "fd"] },
    { form: "/proc/self/cwd", links: [link("l", "/proc/self/cwd")], to: ["proc", "self", "cwd"] },
    { form: "a chain of 2", links: chain(2, canary), to: outside },
    { form: "a chain of 40", links: chain(40, canary), to: outside },
    { form: "a chain of 41", links: chain(41, canary), to: undefined },
    { form: "a loop", links: [link("l", "m"), link("m", "l")], to: undefined },
    { form: "itself", links: [link("l", "l/l")], to: undefined },
    { form: "the root", links: [link("l", "/")], to: [] },
    { form: "above the root", links: [link("l", "..")], to: [] },
    {
      form: "back from outside",
      links: [link("m", canary), link("l", `m/../${outside.at(-1)}`)],
      to: outside,
    },
    {
      form: "through a directory",
      links: [{ name: "a/b/", flag: "5" }, link("l", `a/b/../../../../..${canary}`)],
      to: outside,
    },
    { form: "four dots", links: [link("l", "..../....")], to: ["....", "...."] },
  ];
}

interface Use {
  readonly use: string;
  readonly entries: readonly RawEntry[];
  /** The tree without the links, when `l` means `at`. */
  readonly makes: (at: readonly string[]) => Tree | "refused";
  /** `l` itself is replaced, not followed. */
  readonly replaces?: boolean;
}

const below =
  (name: string, what: string): Use["makes"] =>
  (at) =>
    treeAt([...at, name], what);

const uses: readonly Use[] = [
  { use: "file", entries: [{ name: "l/f", body: "evil" }], makes: below("f", "file evil") },
  { use: "directory", entries: [{ name: "l/d/", flag: "5", mode: 0 }], makes: below("d", "directory") },
  { use: "symlink", entries: [{ name: "l/s", flag: "2", link: "f" }], makes: below("s", "symlink f") },
  { use: "hard link to what is outside", entries: [{ name: "h", flag: "1", link: "l/f" }], makes: () => "refused" },
  {
    use: "hard link into it",
    entries: [
      { name: "t", body: "t" },
      { name: "l/h", flag: "1", link: "t" },
    ],
    makes: (at) => ({ t: "file t ×2", ...treeAt([...at, "h"], "file t ×2") }),
  },
  { use: "device", entries: [{ name: "l/n", flag: "3", major: 1, minor: 3 }], makes: below("n", "character 1:3") },
  { use: "FIFO", entries: [{ name: "l/p", flag: "6" }], makes: below("p", "fifo") },
  { use: "whiteout", entries: [{ name: "l/.wh.f" }], makes: below("f", "whiteout") },
  { use: "opaque mark", entries: [{ name: "l/.wh..wh..opq" }], makes: (at) => treeAt(at, "directory opaque") },
  {
    use: "sparse file",
    entries: [
      {
        name: "l/f",
        pax: [
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.map", "1,1"],
          ["GNU.sparse.size", "2"],
        ],
        body: "e",
      },
    ],
    makes: below("f", "file ·e"),
  },
  {
    use: "file in its place",
    entries: [{ name: "l", body: "evil" }],
    makes: () => ({ l: "file evil" }),
    replaces: true,
  },
  {
    use: "directory in its place",
    entries: [
      { name: "l/", flag: "5", mode: 0o700 },
      { name: "l/f", body: "evil" },
    ],
    makes: () => ({ l: "directory", "l/f": "file evil" }),
    replaces: true,
  },
];

/** Every kind of entry behind every form of link. */
export function* linkForms(canary: string): Generator<Attempt, void> {
  for (const { form, links, to } of formsFor(canary))
    for (const { use, entries, makes, replaces } of uses) {
      const linkTree = treeOfLinks(links);
      const made = to === undefined && !replaces ? "refused" : makes(to ?? []);
      // In a layer of its own, the link is below: what goes through it hides it.
      const upper = makes(["l"]);
      yield {
        name: `${use} behind a link: ${form}`,
        why: "what is behind it must be inside",
        before: links,
        entries,
        expect: made === "refused" ? made : { ...linkTree, ...made },
        split: { lower: linkTree, upper },
      };
    }
  yield* exchanges(canary);
}

function treeOfLinks(links: readonly RawEntry[]): Tree {
  return Object.assign(
    {},
    ...links.map(({ name, flag, link: text, gnuLink }) =>
      flag === "5" ? treeAt(partsOf(name!), "directory") : treeAt(partsOf(name!), `symlink ${gnuLink ?? text}`),
    ),
  );
}

// Names that are one thing when they are looked at, and another when they are used.
function* exchanges(canary: string): Generator<Attempt, void> {
  const outside = partsOf(canary);
  yield {
    name: "a link to a later entry, which then becomes a link",
    why: "a cache of directories that were seen",
    entries: [link("l", "later"), { name: "l/f", body: "evil" }, link("later", canary), { name: "l/g", body: "evil" }],
    expect: {
      l: "symlink later",
      later: `symlink ${canary}`,
      ...treeAt([...outside, "g"], "file evil"),
    },
  };
  yield {
    name: "a directory that becomes a link",
    why: "a cache of directories that were seen",
    before: [
      { name: "d/", flag: "5" },
      { name: "d/f", body: "old" },
    ],
    entries: [link("d", canary), { name: "d/f", body: "evil" }],
    expect: { d: `symlink ${canary}`, ...treeAt([...outside, "f"], "file evil") },
    split: {
      lower: { d: "directory", "d/f": "file old" },
      upper: { d: `symlink ${canary}`, ...treeAt([...outside, "f"], "file evil") },
    },
  };
  yield {
    name: "a link that becomes a directory and a link again",
    why: "the last of equal names holds",
    entries: [link("d", canary), { name: "d/", flag: "5" }, { name: "d/f", body: "evil" }, link("d", canary)],
    expect: { d: `symlink ${canary}` },
  };
  yield {
    name: "a parent that is replaced while its child is a link",
    why: "the child's meaning changes with it",
    entries: [
      { name: "p/", flag: "5" },
      link("p/c", ".."),
      { name: "p/c/f", body: "one" },
      link("p", canary),
      { name: "p/c/f", body: "two" },
    ],
    expect: { f: "file one", p: `symlink ${canary}`, ...treeAt([...outside, "c", "f"], "file two") },
  };
  yield {
    name: "a hard link through a chain of directories up",
    why: "CVE-2026-24842: the target was checked by its string",
    entries: [
      link("a/b/c/up", "../.."),
      link("a/b/escape", "c/up/../.."),
      { name: "exfil", flag: "1", link: `a/b/escape/../../../..${canary}/f` },
    ],
    expect: "refused",
  };
  yield {
    name: "a hard link to a link, then through it",
    why: "the link has two names",
    before: [link("l", canary)],
    entries: [
      { name: "h", flag: "1", link: "l" },
      { name: "h/f", body: "evil" },
    ],
    expect: {
      l: `symlink ${canary} ×2`,
      h: `symlink ${canary} ×2`,
      ...treeAt([...outside, "f"], "file evil"),
    },
    split: { lower: { l: `symlink ${canary}` }, upper: "refused" },
  };
  yield {
    name: "a file onto a hard link to a link",
    why: "writing must not follow",
    entries: [link("l", `${canary}/f`), { name: "h", flag: "1", link: "l" }, { name: "h", body: "evil" }],
    expect: { l: `symlink ${canary}/f`, h: "file evil" },
  };
  yield {
    name: "a file onto a hard link",
    why: "a new file, the other name keeps its content",
    entries: [
      { name: "t", body: "t" },
      { name: "h", flag: "1", link: "t" },
      { name: "h", body: "evil" },
    ],
    expect: { t: "file t", h: "file evil" },
  };
  yield {
    name: "a file below a file",
    why: "the last of equal names holds",
    entries: [
      { name: "f", body: "f" },
      { name: "f/g", body: "g" },
    ],
    expect: { f: "directory", "f/g": "file g" },
  };
  yield {
    name: "a file below a FIFO",
    why: "opening one would wait for ever",
    entries: [
      { name: "f", flag: "6" },
      { name: "f/g", body: "g" },
    ],
    expect: { f: "directory", "f/g": "file g" },
  };
  yield {
    name: "a file onto a FIFO",
    why: "opening one would wait for ever",
    entries: [
      { name: "f", flag: "6" },
      { name: "f", body: "g" },
    ],
    expect: { f: "file g" },
  };
  yield {
    name: "a file onto a device",
    why: "writing would reach it",
    entries: [
      { name: "f", flag: "3", major: 1, minor: 3 },
      { name: "f", body: "g" },
    ],
    expect: { f: "file g" },
  };
  yield {
    name: "a file onto a full directory",
    why: "what was in it goes, and nothing else",
    entries: [{ name: "d/e/f", body: "f" }, link("d/e/l", canary), { name: "d", body: "g" }],
    expect: { d: "file g" },
  };
  yield {
    name: "the same file three times",
    why: "the last of equal names holds",
    entries: ["1", "2", "3"].map((body) => ({ name: "x", body })),
    expect: { x: "file 3" },
  };
  yield* hardLinks(canary);
  yield* symlinkTexts();
}

function* hardLinks(canary: string): Generator<Attempt, void> {
  const target: RawEntry = { name: "d/t", body: "t" };
  const rows: { is: string; text: string; ok?: boolean }[] = [
    { is: "outside, relative", text: `../../../../..${canary}/f` },
    { is: "outside, absolute", text: `${canary}/f` },
    { is: "/proc/self/root", text: `/proc/self/root${canary}/f` },
    { is: "/proc/self/fd", text: "/proc/self/fd/0" },
    { is: "/proc/self/exe", text: "/proc/self/exe" },
    { is: "a directory", text: "d" },
    { is: "the root", text: "/" },
    { is: "its parent", text: "d/.." },
    { is: "nothing", text: "" },
    { is: "itself", text: "h" },
    { is: "itself, in other words", text: "./d/../h" },
    { is: "a whiteout", text: "d/.wh.t" },
    { is: "a file as a directory", text: "d/t/x" },
    { is: "absolute, inside", text: "/d/t", ok: true },
    { is: "`..` inside", text: "d/../d/t", ok: true },
  ];
  for (const { is, text, ok } of rows)
    yield {
      name: `hard link to: ${is}`,
      why: "means a name of this layer",
      entries: [target, { name: "h", flag: "1", ...fitting(text) }],
      expect: ok ? { d: "directory", "d/t": "file t ×2", h: "file t ×2" } : "refused",
    };
  yield {
    name: "hard link to: a later entry",
    why: "is not there yet",
    entries: [{ name: "h", flag: "1", link: "d/t" }, target],
    expect: "refused",
  };
  yield {
    name: "hard link to: a name with a NUL",
    why: "the kernel would see a shorter one",
    entries: [target, { name: "h", flag: "1", pax: [["linkpath", "d/t\0/../x"]] }],
    expect: "refused",
  };
}

function* symlinkTexts(): Generator<Attempt, void> {
  const rows: { is: string; entry: RawEntry; expect: "refused" | string }[] = [
    { is: "empty", entry: {}, expect: "refused" },
    { is: "with a NUL", entry: { pax: [["linkpath", "a\0b"]] }, expect: "refused" },
    { is: "of 5000 bytes", entry: { gnuLink: "t".repeat(5000) }, expect: "refused" },
    { is: "of 4095 bytes", entry: { gnuLink: "t".repeat(4095) }, expect: `symlink ${"t".repeat(4095)}` },
    { is: "of 1 MB", entry: { pax: [["linkpath", "t".repeat(1_000_000)]] }, expect: "refused" },
    { is: "not UTF-8", entry: { link: "\udcff/\udcfe" }, expect: "symlink \udcff/\udcfe" },
  ];
  for (const { is, entry, expect } of rows)
    yield {
      name: `symlink with a text that is: ${is}`,
      why: "a text that no link can have is an error",
      entries: [{ name: "x", flag: "2", ...entry }],
      expect: expect === "refused" ? expect : { x: expect },
    };
}
