import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeHeaderBlock } from "../src/header-block.ts";
import { LayerError, tarEntry } from "../src/index.ts";
import { encodePaxRecords } from "../src/pax-records.ts";
import { archiveOf, codeOf, readAll } from "./collect.ts";

const plain = { name: "f", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, flag: "0", link: "", major: 0, minor: 0 };
const end = new Uint8Array(1024);
const whole = (...parts: Uint8Array[]): Uint8Array => Buffer.concat([...parts, end]);
const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, new Uint8Array((512 - (bytes.length % 512)) % 512)]);
const meta = (flag: string, body: Uint8Array): Uint8Array =>
  Buffer.concat([encodeHeaderBlock({ ...plain, name: "meta", flag, size: body.length }), padded(body)]);
const pax = (...records: [string, string][]): Uint8Array =>
  meta("x", encodePaxRecords(records.map(([key, value]) => [key, Buffer.from(value)])));

const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 300 }).filter((text) => text.isWellFormed() && !text.includes("\0")),
  fc
    .array(fc.constantFrom("usr", "lib", "x".repeat(90), "é"), { minLength: 1, maxLength: 8 })
    .map((parts) => parts.join("/")),
  fc.constant("latin1-\udce9"),
);
const entries = fc.record({
  name: name.filter((text) => !text.endsWith("/")),
  type: fc.constantFrom(
    "file" as const,
    "hardlink" as const,
    "symlink" as const,
    "character" as const,
    "directory" as const,
  ),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  mtime: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  link: name,
  major: fc.integer({ min: 0, max: 4095 }),
  minor: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
  xattrs: fc
    .dictionary(fc.constantFrom("user.a", "security.capability", "user.ü"), fc.uint8Array())
    .map((all) => new Map(Object.entries(all))),
});

test("entries come back as they were written, however the bytes are cut", async () => {
  const file = fc.tuple(entries, fc.uint8Array({ maxLength: 2000 }));
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 5 }), fc.integer({ min: 1, max: 1500 }), async (files, chunk) => {
      const members = files.map(([about, bytes]) => {
        const content = about.type === "file" ? bytes : new Uint8Array(0);
        return { entry: tarEntry({ ...about, size: content.length }), content: [content] };
      });
      const read = readAll(await archiveOf(...members), undefined, chunk);
      expect(read.map(({ entry }) => entry)).toEqual(members.map(({ entry }) => entry));
      expect(read.map(({ content }) => [...content])).toEqual(members.map(({ content }) => [...content[0]!]));
    }),
    { numRuns: 200 },
  );
});

test("equal entries give equal bytes, plain ones without an extended header", async () => {
  const one = await archiveOf({ entry: tarEntry({ name: "etc/", type: "directory" }) });
  expect(one.length).toBe(512 + 1024);
  expect(await archiveOf({ entry: tarEntry({ name: "etc/", type: "directory" }) })).toEqual(one);
});

test("damage is an error of ours, never another one, and never a hang", async () => {
  const archive = await archiveOf(
    { entry: tarEntry({ name: "a/", type: "directory", mtime: 5n }) },
    { entry: tarEntry({ name: "é".repeat(80), type: "file", size: 700 }), content: [new Uint8Array(700)] },
  );
  const damage = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, fc.boolean(), (changes, mend) => {
      const bytes = Uint8Array.from(archive);
      for (const [at, value] of changes) bytes[at] = value;
      if (mend) mendCheckSums(bytes);
      expect(["ERR_LAYERS_ARCHIVE", "ERR_LAYERS_ENTRY", "ERR_LAYERS_LIMIT", undefined]).toContain(
        codeOf(() => readAll(bytes, { bytes: 1 << 20 })),
      );
    }),
    { numRuns: 2000 },
  );
});

// So that the damage gets past the checksum to the code behind it.
function mendCheckSums(bytes: Uint8Array): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (Buffer.from(block.subarray(257, 262)).toString() !== "ustar") continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  }
}

const good = [
  { archive: new Uint8Array(0), is: [], why: "nothing at all: some builders make such layers" },
  { archive: end, is: [], why: "only the end mark" },
  { archive: encodeHeaderBlock(plain), is: ["f"], why: "no end mark, as Go reads it" },
  {
    archive: Buffer.concat([whole(encodeHeaderBlock(plain)), Buffer.from("junk")]),
    is: ["f"],
    why: "what follows the end mark is padding",
  },
  { archive: whole(pax(["path", "long"]), encodeHeaderBlock(plain)), is: ["long"], why: "PAX overrules the header" },
  {
    archive: whole(pax(["path", "a"], ["path", "b"]), encodeHeaderBlock(plain)),
    is: ["b"],
    why: "the last record of a key holds",
  },
  {
    archive: whole(pax(["path", "a"], ["path", ""]), encodeHeaderBlock(plain)),
    is: ["f"],
    why: "an empty value takes it back",
  },
  {
    archive: whole(meta("L", Buffer.from("gnu\0")), pax(["path", "a"]), encodeHeaderBlock(plain)),
    is: ["gnu"],
    why: "a GNU name overrules PAX, as in Go",
  },
  {
    archive: whole(meta("g", Buffer.from("junk")), encodeHeaderBlock(plain)),
    is: ["f"],
    why: "global headers are skipped, as containerd does",
  },
  {
    archive: whole(encodeHeaderBlock({ ...plain, flag: "1", size: 999 }), encodeHeaderBlock(plain)),
    is: ["f", "f"],
    why: "links have no body, whatever their size says",
  },
  {
    archive: whole(encodeHeaderBlock({ ...plain, name: "d/", flag: "0" })),
    is: ["d/"],
    why: "a slash makes a directory",
  },
] as const;
for (const { archive, is, why } of good)
  test(`is read: ${why}`, () => expect(readAll(archive).map(({ entry }) => entry.name)).toEqual(is));

const bad = [
  { archive: new Uint8Array(512).fill(1), is: "ERR_LAYERS_ARCHIVE", why: "no tar at all" },
  { archive: encodeHeaderBlock(plain).subarray(0, 300), is: "ERR_LAYERS_ARCHIVE", why: "half a header" },
  { archive: encodeHeaderBlock({ ...plain, size: 10 }), is: "ERR_LAYERS_ARCHIVE", why: "content is missing" },
  { archive: whole(pax(["path", "a"])), is: "ERR_LAYERS_ARCHIVE", why: "an extended header of nothing" },
  { archive: whole(pax(["path", "a\0b"]), encodeHeaderBlock(plain)), is: "ERR_LAYERS_ARCHIVE", why: "a NUL in a name" },
  { archive: whole(pax(["size", "-1"]), encodeHeaderBlock(plain)), is: "ERR_LAYERS_ARCHIVE", why: "a negative size" },
  {
    archive: whole(pax(["uid", "4294967296"]), encodeHeaderBlock(plain)),
    is: "ERR_LAYERS_ARCHIVE",
    why: "a user that wraps to root (CVE-2024-40635)",
  },
  {
    archive: whole(encodeHeaderBlock({ ...plain, flag: "V" })),
    is: "ERR_LAYERS_ENTRY",
    why: "a type no file system has",
  },
  {
    archive: whole(encodeHeaderBlock({ ...plain, flag: "x", size: 2 ** 31 })),
    is: "ERR_LAYERS_LIMIT",
    why: "a PAX header of 2 GiB (CVE-2022-2879)",
  },
  {
    archive: whole(
      pax(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"], ["GNU.sparse.realsize", "5"]),
      encodeHeaderBlock({ ...plain, size: 512 }),
      padded(Buffer.from("999999999\n")),
    ),
    is: "ERR_LAYERS_LIMIT",
    why: "a map of 10⁹ pieces (CVE-2025-58183)",
  },
  {
    archive: whole(
      pax(["GNU.sparse.map", "0,4,2,4"], ["GNU.sparse.size", "9"]),
      encodeHeaderBlock({ ...plain, size: 8 }),
      new Uint8Array(512),
    ),
    is: "ERR_LAYERS_ARCHIVE",
    why: "pieces that overlap",
  },
  {
    archive: whole(
      pax(["GNU.sparse.map", "0,4,90,4"], ["GNU.sparse.size", "9"]),
      encodeHeaderBlock({ ...plain, size: 8 }),
      new Uint8Array(512),
    ),
    is: "ERR_LAYERS_ARCHIVE",
    why: "a piece outside of the file",
  },
] as const;
for (const { archive, is, why } of bad)
  test(`is refused: ${why}`, () => expect(codeOf(() => readAll(archive))).toBe(is));

test("a sparse file of each PAX format is put together", () => {
  const content = padded(Buffer.from("AAAABB"));
  const header = (size: number): Uint8Array => encodeHeaderBlock({ ...plain, size });
  const archives = [
    whole(
      pax(
        ["GNU.sparse.offset", "1"],
        ["GNU.sparse.numbytes", "4"],
        ["GNU.sparse.offset", "7"],
        ["GNU.sparse.numbytes", "2"],
        ["GNU.sparse.size", "10"],
      ),
      header(6),
      content,
    ),
    whole(pax(["GNU.sparse.map", "1,4,7,2"], ["GNU.sparse.size", "10"]), header(6), content),
    whole(
      pax(
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.name", "f"],
        ["GNU.sparse.realsize", "10"],
      ),
      header(518),
      padded(Buffer.from("2\n1\n4\n7\n2\n")),
      content,
    ),
  ];
  for (const archive of archives)
    for (const chunk of [archive.length, 1]) {
      const [file] = readAll(archive, undefined, chunk);
      expect(Buffer.from(file!.content).toString()).toBe("\0AAAA\0\0BB\0");
    }
});

test("limits are counted", async () => {
  const archive = await archiveOf(
    ...Array.from({ length: 20 }, (_, i) => ({ entry: tarEntry({ name: `f${i}`, type: "file" }) })),
  );
  expect(codeOf(() => readAll(archive, { headers: 19 }))).toBe("ERR_LAYERS_LIMIT");
  expect(codeOf(() => readAll(archive, { headers: 20 }))).toBe(undefined);
  expect(codeOf(() => readAll(archive, { bytes: 10_000 }))).toBe("ERR_LAYERS_LIMIT");
});

test("content of another length than promised is an error", async () => {
  const member = (bytes: number) => ({
    entry: tarEntry({ name: "f", type: "file", size: 5 }),
    content: [new Uint8Array(bytes)],
  });
  for (const bytes of [4, 6])
    await expect(archiveOf(member(bytes))).rejects.toThrow(
      new LayerError({
        code: "ERR_LAYERS_SOURCE",
        entry: "f",
        message: "its content is not 5 bytes long; it changed while it was read",
      }),
    );
});
