import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { makeDigest } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { applyLayer, type TarEntry, tarEntry } from "../src/index.ts";
import { archiveOf, once } from "./collect.ts";
import { describeTree, isRoot, temporary } from "./tree.ts";

const file = (name: string, text = ""): { entry: TarEntry; content: Uint8Array[] } => ({
  entry: tarEntry({ name, type: "file", size: text.length }),
  content: [Buffer.from(text)],
});
const other = (entry: Parameters<typeof tarEntry>[0]): { entry: TarEntry } => ({ entry: tarEntry(entry) });

describe.skipIf(!isRoot)("as root: owners, devices and trusted xattrs", () => {
  test("a tree is what the tar program makes of the same archive, in every format it writes", async () => {
    const source = temporary();
    execFileSync("sh", [
      "-ec",
      `cd ${source}; mkdir -p a/b; echo hello > a/f; ln a/f a/hard; ln -s ../f a/b/soft; mkfifo a/fifo
       mknod a/null c 1 3; mknod a/disk b 259 70000; chown 1000:2000 a/f a/b; chmod 4755 a/f; chmod 1777 a/b
       chown -h 5:6 a/b/soft; mkdir -p ${"long/".repeat(30)}; echo x > ${"long/".repeat(30)}${"n".repeat(120)}; echo y > 'é ü'
       head -c 3000000 /dev/urandom > a/big; truncate -s 5000000 a/sparse; printf end >> a/sparse; truncate -s 6000000 a/sparse
       touch -d '1969-12-31 23:59:58.25' a/old; touch -d '2024-01-02 03:04:05.123456789' a/b a`,
    ]);
    for (const format of [
      "gnu",
      "pax",
      "posix --sparse",
      "posix --sparse --sparse-version=0.1",
      "posix --sparse --sparse-version=0.0",
      "gnu --sparse",
    ]) {
      const archive = join(temporary(), "layer.tar");
      execFileSync("tar", ["-C", source, ...`--format=${format}`.split(" "), "--numeric-owner", "-cf", archive, "."], {
        stdio: "ignore",
      });
      const [theirs, ours] = [temporary(), temporary()];
      execFileSync("tar", ["-C", theirs, "--numeric-owner", "-xpf", archive], { stdio: "ignore" });
      const applied = await applyLayer({ archive: createReadStream(archive), directory: ours });
      expect(describeTree(ours), format).toEqual(describeTree(theirs));
      expect(applied.diffId).toBe(
        makeDigest("sha256", createHash("sha256").update(readFileSync(archive)).digest("hex")),
      );
      expect(applied.size).toBe(statSync(archive).size);
    }
  });

  test("whiteouts are what overlay knows", async () => {
    const directory = temporary();
    const archive = await archiveOf(file("a/.wh.gone"), file("b/.wh..wh..opq"), file("b/new", "x"));
    await applyLayer({ archive: once(gzipSync(archive)), directory });
    const gone = lstatSync(join(directory, "a/gone"));
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
    expect(describeTree(directory).b).toMatch(/trusted\.overlay\.opaque=79$/);
  });

  test("xattrs, set-id bits and capabilities survive the content that comes after them", async () => {
    const directory = temporary();
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const size = 3 << 20;
    const entry = tarEntry({
      name: "ping",
      type: "file",
      mode: 0o6755,
      uid: 0,
      gid: 7,
      size,
      xattrs: new Map([["security.capability", capability]]),
    });
    const archive = await archiveOf({ entry, content: [new Uint8Array(size)] });
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < archive.length; at += 60_000) yield archive.subarray(at, at + 60_000);
    };
    await applyLayer({ archive: pieces(), directory });
    expect(describeTree(directory).ping).toMatch(/^106755 0 7 .*security\.capability=01000002/);
  });

  test("a directory that a layer only passes through looks like the one below", async () => {
    const [lower, directory] = [temporary(), temporary()];
    execFileSync("sh", ["-ec", `mkdir -p ${lower}/tmp; chmod 1777 ${lower}/tmp; chown 3:4 ${lower}/tmp`]);
    await applyLayer({ archive: once(await archiveOf(file("tmp/f"))), directory, lowers: [lower] });
    const stat = lstatSync(join(directory, "tmp"));
    expect([stat.mode & 0o7777, stat.uid, stat.gid]).toEqual([0o1777, 3, 4]);
  });

  test("a wrong diff id is an error", async () => {
    const archive = await archiveOf(file("f"));
    const expectedDiffId = makeDigest("sha256", "0".repeat(64));
    await expect(applyLayer({ archive: once(archive), directory: temporary(), expectedDiffId })).rejects.toMatchObject({
      code: "ERR_LAYERS_DIFF_ID",
    });
  });

  test("a hard link to nothing is an error that names it", async () => {
    const archive = await archiveOf(other({ name: "h", type: "hardlink", link: "missing" }));
    await expect(applyLayer({ archive: once(archive), directory: temporary() })).rejects.toThrow(
      /ERR_LAYERS_WRITE|missing/,
    );
  });

  test("an abort stops it", async () => {
    const signal = AbortSignal.abort();
    await expect(
      applyLayer({ archive: once(await archiveOf(file("f"))), directory: temporary(), signal }),
    ).rejects.toThrow(/abort/i);
  });
});

// Every archive tries to reach the canary beside the directory; each ends in an error or in a safe tree.
const attacks = (canary: string): { why: string; members: { entry: TarEntry; content?: Uint8Array[] }[] }[] => [
  { why: "a name with ..", members: [file("../canary/f", "evil")] },
  { why: "an absolute name", members: [file(`${canary}/f`, "evil")] },
  {
    why: "a file through a relative link",
    members: [other({ name: "l", type: "symlink", link: "../canary" }), file("l/f", "evil")],
  },
  {
    why: "a file through an absolute link",
    members: [other({ name: "l", type: "symlink", link: canary }), file("l/f", "evil")],
  },
  {
    why: "a file through two links",
    members: [
      other({ name: "a", type: "symlink", link: ".." }),
      other({ name: "b", type: "symlink", link: "a/canary" }),
      file("b/f", "evil"),
    ],
  },
  {
    why: "a file onto a link to a file",
    members: [other({ name: "l", type: "symlink", link: `${canary}/f` }), file("l", "evil")],
  },
  {
    why: "a directory onto a link",
    members: [
      other({ name: "l", type: "symlink", link: canary }),
      other({ name: "l", type: "directory", mode: 0 }),
      file("l/f", "evil"),
    ],
  },
  {
    why: "a hard link to an absolute name",
    members: [other({ name: "h", type: "hardlink", link: `${canary}/f` }), file("h", "evil")],
  },
  {
    why: "a hard link with ..",
    members: [other({ name: "h", type: "hardlink", link: "../canary/f" }), file("h", "evil")],
  },
  {
    why: "a hard link through a link",
    members: [
      other({ name: "l", type: "symlink", link: canary }),
      other({ name: "h", type: "hardlink", link: "l/f" }),
      file("h", "evil"),
    ],
  },
  {
    why: "a hard link to a link, then through it",
    members: [
      other({ name: "l", type: "symlink", link: canary }),
      other({ name: "h", type: "hardlink", link: "l" }),
      file("h/f", "evil"),
    ],
  },
  { why: "a whiteout with ..", members: [file("../canary/.wh.f")] },
  { why: "a whiteout through a link", members: [other({ name: "l", type: "symlink", link: canary }), file("l/.wh.f")] },
  { why: "a whiteout of the parent", members: [file(".wh...")] },
  {
    why: "an opaque mark through a link",
    members: [other({ name: "l", type: "symlink", link: canary }), file("l/.wh..wh..opq")],
  },
  { why: "the root as a link", members: [other({ name: ".", type: "symlink", link: canary }), file("f", "evil")] },
  {
    why: "a device through a link",
    members: [
      other({ name: "l", type: "symlink", link: canary }),
      other({ name: "l/f", type: "character", major: 1, minor: 3 }),
    ],
  },
  {
    why: "a time through a link",
    members: [
      other({ name: "l", type: "symlink", link: canary, mtime: 0n }),
      other({ name: "l/", type: "directory", mtime: 0n }),
    ],
  },
  {
    why: "a directory exchanged for a link by a later entry",
    members: [
      other({ name: "d", type: "directory" }),
      file("d/f"),
      other({ name: "d", type: "symlink", link: canary }),
      file("d/f", "evil"),
    ],
  },
  {
    why: "a way through /proc",
    members: [other({ name: "l", type: "symlink", link: `/proc/self/root${canary}` }), file("l/f", "evil")],
  },
  {
    why: "a chain of 41 links",
    members: [
      ...Array.from({ length: 41 }, (_, i) => other({ name: `l${i}`, type: "symlink", link: `l${i + 1}` })),
      file("l0/f", "evil"),
    ],
  },
];

describe.skipIf(!isRoot)("nothing is written outside", () => {
  const base = attacks("");
  for (const [index, { why }] of base.entries())
    test(why, async () => {
      const top = temporary();
      const canary = join(top, "canary");
      const directory = join(top, "layer");
      mkdirSync(canary);
      mkdirSync(directory);
      writeFileSync(join(canary, "f"), "untouched");
      utimesSync(canary, 1, 1);
      const before = describeTree(canary);
      const archive = await archiveOf(...attacks(canary)[index]!.members);
      const outcome = await applyLayer({ archive: once(archive), directory }).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "LayerError" });
      expect(describeTree(canary)).toEqual(before);
      expect(statSync(canary).mtimeMs).toBe(1000);
      expect(readdirSync(top).sort()).toEqual(["canary", "layer"]);
    });

  test("a link that is in the directory already is followed inside only", async () => {
    const top = temporary();
    execFileSync("sh", [
      "-ec",
      `mkdir ${top}/canary ${top}/layer; ln -s ${top}/canary ${top}/layer/l; ln -s ../canary ${top}/layer/m`,
    ]);
    const archive = await archiveOf(file("l/f", "evil"), file("m/f", "evil"));
    await applyLayer({ archive: once(archive), directory: join(top, "layer") }).catch(() => {});
    expect(readdirSync(join(top, "canary"))).toEqual([]);
  });
});
