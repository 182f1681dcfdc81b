import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  type ArchiveMember,
  extractArchive,
  extractMembers,
  LayerError,
  TreeWriter,
  type TreeWriterOptions,
  tarEntry,
} from "../src/index.ts";
import { archiveOf, once } from "./collect.ts";
import { isRoot, temporary } from "./tree.ts";

const file = (name: string, text = "new", more: { mode?: number; uid?: number } = {}): ArchiveMember => ({
  entry: tarEntry({ name, type: "file", size: text.length, ...more }),
  content: [Buffer.from(text)],
});
const other = (entry: Parameters<typeof tarEntry>[0]): ArchiveMember => ({ entry: tarEntry(entry) });
const directory = (name: string): ArchiveMember => other({ name, type: "directory" });
const symlink = (name: string, link: string): ArchiveMember => other({ name, type: "symlink", link });
const hardlink = (name: string, link: string): ArchiveMember => other({ name, type: "hardlink", link });

type Options = Omit<TreeWriterOptions, "directory" | "option">;
const passed: Options = { passed: { uid: 3, gid: 4, time: 5_000_000_000n } };
const keepKinds: Options = { keepKinds: true };

/** A tree with a file `f`, directories `d` with a file `old` and `empty`, links `to-d`, `to-root-d`, `up` and `loop`. */
function treeOf(): string {
  const top = temporary();
  for (const name of ["d", "empty"]) mkdirSync(join(top, name));
  for (const name of ["f", "d/old"]) writeFileSync(join(top, name), "old");
  const links = { "to-d": "d", "to-root-d": "/d", up: "../../..", loop: "loop", "to-new": "made" };
  for (const [name, text] of Object.entries(links)) symlinkSync(text, join(top, name));
  return top;
}

async function write(top: string, members: readonly ArchiveMember[], o: Options): Promise<TreeWriter> {
  const fd = openSync(top, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const into = new TreeWriter({ ...o, directory: fd, option: "test" });
    await extractMembers(members, into);
    return into;
  } finally {
    closeSync(fd);
  }
}

/** What is at a path: the text of a file, the names in a directory, where a link leads. */
function look(path: string): string | string[] | undefined {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  if (status.isDirectory()) return readdirSync(path).sort();
  return status.isSymbolicLink() ? `-> ${readlinkSync(path)}` : readFileSync(path, "utf8");
}

interface Case {
  readonly o?: Options;
  readonly members: readonly ArchiveMember[];
  readonly is: Readonly<Record<string, string | string[] | undefined>> | RegExp;
  readonly why: string;
}

const everyWay: readonly Case[] = [
  { members: [file("f")], is: { f: "new" }, why: "a file is replaced" },
  { members: [directory("d"), file("d/new")], is: { d: ["new", "old"] }, why: "directories are merged" },
  { members: [file("d/.wh.old")], is: { d: [".wh.old", "old"] }, why: "a whiteout is a name" },
  { members: [file("to-d")], is: { "to-d": "new", d: ["old"] }, why: "nothing is written through a link" },
  { members: [file("to-d/new")], is: { d: ["new", "old"] }, why: "a link on the way is followed" },
  { members: [file("to-root-d/new")], is: { d: ["new", "old"] }, why: "an absolute one begins at the tree" },
  { members: [file("up/new")], is: { new: "new" }, why: "up ends at the tree" },
  { members: [symlink("l", "d"), file("l/new")], is: { d: ["new", "old"] }, why: "the archive's own link too" },
  { members: [file("a/b/c")], is: { "a/b": ["c"] }, why: "directories on the way are made" },
  { members: [hardlink("h", "d/old")], is: { h: "old" }, why: "a hard link may mean what was there" },
  { members: [hardlink("h", "to-d/old")], is: { h: "old" }, why: "also through a link" },
  { members: [file("loop/x")], is: /loop|ELOOP/, why: "links that go round" },
  { members: [file("../x")], is: /leaves the root/, why: "up and out" },
  { members: [hardlink("h", "../x")], is: /leaves the root/, why: "a hard link out" },
  { members: [hardlink("h", "h")], is: /no other file/, why: "a hard link to itself" },
  { members: [hardlink("h", "/")], is: /no other file/, why: "a hard link to the root" },
  { members: [file("./")], is: /only be a directory/, why: "the root as a file" },
  { members: [other({ name: "w", type: "character" })], is: /overlay's own/, why: "a whiteout of overlay's" },
  { members: [symlink("l", "")], is: /no symlink/, why: "a link without text" },
  { members: [symlink("l", "x".repeat(4096))], is: /no symlink/, why: "a link that is too long" },
];

const oneWay: readonly Case[] = [
  { o: passed, members: [file("d")], is: { d: "new" }, why: "a file over a directory" },
  { o: keepKinds, members: [file("d")], is: /cannot overwrite directory "\/d"/, why: "unless kinds are kept" },
  { o: passed, members: [directory("f"), file("f/x")], is: { f: ["x"] }, why: "a directory over a file" },
  { o: keepKinds, members: [directory("f")], is: /cannot overwrite non-directory "\/f"/, why: "unless kinds are kept" },
  { o: passed, members: [directory("to-d"), file("to-d/x")], is: { "to-d": ["x"], d: ["old"] }, why: "over a link" },
  { o: keepKinds, members: [directory("to-d")], is: /cannot overwrite non-directory/, why: "unless kinds are kept" },
  { o: passed, members: [file("f/x")], is: { f: ["x"] }, why: "a file that a way goes through" },
  { o: keepKinds, members: [file("f/x")], is: /"\/f\/x": not a directory/, why: "unless kinds are kept" },
  { o: { ...passed, ...keepKinds }, members: [file("f/x")], is: /cannot overwrite non-directory/, why: "in both ways" },
  { o: passed, members: [file("to-new/x")], is: { made: ["x"] }, why: "a link to nothing: there it is made" },
  {
    o: passed,
    members: [file("to-d/a"), file("to-d"), directory("to-d"), file("to-d/b")],
    is: { d: ["a", "old"], "to-d": ["b"] },
    why: "a link that was followed and replaced is no way any more",
  },
  {
    o: passed,
    members: [file("d/a"), file("d"), directory("d"), file("d/b")],
    is: { d: ["b"] },
    why: "what was in a directory that was replaced is gone",
  },
  {
    o: passed,
    members: [symlink("a", "d"), hardlink("b", "a"), file("b/x")],
    is: { d: ["old", "x"] },
    why: "another name of a link is a link",
  },
];

describe.skipIf(!isRoot)("an archive over what is there (needs root)", () => {
  const cases = [
    ...everyWay.flatMap((one) => [passed, keepKinds].map((o) => ({ ...one, o }))),
    ...oneWay.map((one) => ({ o: {}, ...one })),
  ];
  for (const { o, members, is, why } of cases)
    test(`${Object.keys(o)}: ${members.map(({ entry }) => entry.name.slice(0, 20)).join(" ")}: ${why}`, async () => {
      const top = treeOf();
      if (is instanceof RegExp) {
        const failure = await write(top, members, o).catch((error) => error);
        expect(failure).toBeInstanceOf(LayerError);
        expect(failure.message).toMatch(is);
      } else {
        await write(top, members, o);
        expect(Object.fromEntries(Object.keys(is).map((path) => [path, look(join(top, path))]))).toEqual(is);
      }
    });

  test("with `passed`, times are the archive's, the given one and those from before; without, they are now", async () => {
    const members = [file("d/new"), file("made/new"), directory("named"), file("named/new")];
    const timeOf = (path: string): number => lstatSync(path).mtimeMs / 1000;
    const [fixed, free] = [treeOf(), treeOf()];
    for (const top of [fixed, free]) for (const path of [join(top, "d"), top]) utimesSync(path, 7, 7);
    await write(fixed, members, passed);
    const times = Object.fromEntries(["", "d", "made", "named"].map((path) => [path, timeOf(join(fixed, path))]));
    expect(times).toEqual({ "": 7, d: 7, made: 5, named: 0 });
    expect(lstatSync(join(fixed, "made"))).toMatchObject({ uid: 3, gid: 4, mode: 0o40755 });
    await write(free, members, {});
    expect(timeOf(join(free, "d"))).toBeGreaterThan(7);
    expect(timeOf(join(free, "named"))).toBe(0);
  });

  test("the root's entry sets its mode and time, unless it is kept", async () => {
    const root = other({ name: "./", type: "directory", mode: 0o700, mtime: 9_000_000_000n });
    const [set, kept] = [treeOf(), treeOf()];
    await write(set, [root, file("x")], {});
    await write(kept, [root, file("x")], { keepRoot: true });
    expect(lstatSync(set)).toMatchObject({ mode: 0o40700, mtimeMs: 9000 });
    expect(lstatSync(kept).mtimeMs).toBeGreaterThan(9000);
  });

  test("owner and mode are the entry's, or what is said of it; set-id bits outlive the content", async () => {
    const top = treeOf();
    await write(top, [file("program", "#!", { mode: 0o4755, uid: 7 })], {});
    expect(lstatSync(join(top, "program"))).toMatchObject({ uid: 7, mode: 0o104755 });
    const ownership = ({ mode }: { mode: number }) => ({ uid: 8, gid: 9, mode: mode & 0o700 });
    await write(top, [file("program", "#!", { mode: 0o4755, uid: 7 }), directory("dir")], { ownership });
    expect(lstatSync(join(top, "program"))).toMatchObject({ uid: 8, gid: 9, mode: 0o100700 });
    expect(lstatSync(join(top, "dir"))).toMatchObject({ uid: 8, gid: 9, mode: 0o40700 });
  });

  test("devices are left out and named, fifos are not", async () => {
    const top = treeOf();
    const members = [
      other({ name: "zero", type: "character", major: 1, minor: 5 }),
      other({ name: "p", type: "fifo" }),
    ];
    expect((await write(top, members, { withoutDevices: true })).skipped).toEqual(["zero"]);
    expect(look(join(top, "zero"))).toBeUndefined();
    expect(lstatSync(join(top, "p")).isFIFO()).toBe(true);
  });

  test("an attribute that the file system does not have: an error, or left out", async () => {
    const xattrs = new Map([["user.x", Buffer.from("1")]]);
    const members = [other({ name: "p", type: "fifo", xattrs }), file("after")]; // xattr(7): user.* is for files alone
    const error = await write(treeOf(), members, {}).catch((failure) => failure);
    expect(error).toMatchObject({ code: "ERR_LAYERS_WRITE", cause: { syscall: expect.stringContaining("xattr") } });
    const top = treeOf();
    await write(top, members, { losesXattrs: true });
    expect(look(join(top, "after"))).toBe("new");
  });

  test("holes are counted over all files", async () => {
    const hole = (name: string): ArchiveMember => ({ entry: tarEntry({ name, type: "file", size: 600 }), content: [] });
    await write(treeOf(), [hole("a")], { maxHoles: 1000 });
    await expect(write(treeOf(), [hole("a"), hole("b")], { maxHoles: 1000 })).rejects.toThrow(
      'layer entry "b": the archive has more than 1000 bytes of holes',
    );
  });

  test("an archive is unpacked whatever it is packed with, bzip2 and xz when they are accepted", async () => {
    const archive = await archiveOf(directory("d"), file("d/new"));
    const unpack = async (bytes: Uint8Array, accept?: "any"): Promise<string> => {
      const top = treeOf();
      const fd = openSync(top, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        const into = new TreeWriter({ directory: fd, option: "test" });
        expect(await extractArchive({ archive: once(bytes), into, accept })).toBe(archive.length);
      } finally {
        closeSync(fd);
      }
      return String(look(join(top, "d")));
    };
    expect(await unpack(archive)).toBe("new,old");
    expect(await unpack(gzipSync(archive))).toBe("new,old");
    const packed = execFileSync("bzip2", ["-c"], { input: archive });
    expect(await unpack(packed, "any")).toBe("new,old");
    await expect(unpack(packed)).rejects.toMatchObject({ code: "ERR_LAYERS_COMPRESSION" });
  });
});
