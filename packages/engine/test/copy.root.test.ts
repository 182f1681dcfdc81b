import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArchiveMember, tarEntry, writeArchive } from "@ctr/layers";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { CreateOptions } from "../src/index.ts";
import { entriesOf, inParts } from "./archive-entries.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("cp (needs root)", () => {
  const { engine } = temporaryEngine();
  const top = mkdtempSync(join(tmpdir(), "ctr-copy-"));
  afterAll(() => rmSync(top, { recursive: true, force: true }));

  /** A directory of this test's own on the host, with files to copy. */
  let here: string;
  beforeEach(() => {
    here = mkdtempSync(join(top, "host-"));
    mkdirSync(join(here, "dir/sub"), { recursive: true });
    writeFileSync(join(here, "file"), "file");
    writeFileSync(join(here, "dir/one"), "one");
    writeFileSync(join(here, "dir/sub/two"), "two");
    symlinkSync("dir", join(here, "to-dir"));
    symlinkSync("file", join(here, "to-file"));
    symlinkSync("nowhere", join(here, "to-nothing"));
  });

  const same =
    "mkdir -p /c/dir/sub /c/empty && cd /c && printf file > file && printf one > dir/one && printf two > dir/sub/two && " +
    "ln -s dir to-dir && ln -s file to-file && ln -s nowhere to-nothing && ln -s /etc /c/to-etc";

  /** A container that has the same files in /c and runs on, or has ended. */
  async function container(goesOn: boolean, o: CreateOptions = {}): Promise<string> {
    const command = ["sh", "-c", `${same}; ${goesOn ? "touch /ready; while :; do sleep 1; done" : "exit 0"}`];
    const { id } = await engine.containers.create({ image: "busybox", network: "none", command, ...o });
    (await engine.containers.start(id)).attachment.close();
    if (!goesOn) await engine.containers.wait(id);
    else while ((await read(id, "/ready")) === undefined);
    return id;
  }

  async function read(id: string, from: string): Promise<Record<string, string> | undefined> {
    return entriesOf(engine.containers.readFrom(id, { from })).catch((error) => {
      if (error.code === "ERR_ENGINE_PATH") return undefined;
      throw error;
    });
  }

  /** What a directory holds, a line each: `dir/one one`, `to-file -> file`. */
  function listing(directory: string, prefix = ""): string[] {
    return readdirSync(directory)
      .sort()
      .flatMap((name) => {
        const path = join(directory, name);
        const status = lstatSync(path);
        if (status.isDirectory()) return [`${prefix}${name}/`, ...listing(path, `${prefix}${name}/`)];
        if (status.isSymbolicLink()) return [`${prefix}${name} -> ${readlinkSync(path)}`];
        return [`${prefix}${name} ${readFileSync(path, "utf8")}`];
      });
  }

  const tree = ["dir/", "dir/one one", "dir/sub/", "dir/sub/two two"];
  const renamed = (name: string): string[] => tree.map((line) => line.replace("dir", name));
  const contents = ["one one", "sub/", "sub/two two"];

  /** Docker's table, with `t` as the directory that is copied into, where `old` is a file and `there/` a directory. */
  const rules: readonly { from: string; to: string; is: readonly string[] | string; follow?: true; why: string }[] = [
    { from: "file", to: "t/new", is: ["new file"], why: "a file gets the name" },
    { from: "file", to: "t/new/", is: "no such directory", why: "a slash means a directory" },
    { from: "file", to: "t/old", is: ["old file"], why: "a file is replaced" },
    { from: "file", to: "t/old/", is: "not a directory", why: "a slash means a directory" },
    { from: "file", to: "t/there", is: ["there/", "there/file file"], why: "into the directory" },
    { from: "file", to: "t/there/", is: ["there/", "there/file file"], why: "into the directory" },
    { from: "file", to: "t/no/such", is: "/no", why: "no directory to make it in" },
    { from: "dir", to: "t/new", is: renamed("new"), why: "a directory gets the name" },
    { from: "dir/", to: "t/new", is: renamed("new"), why: "a slash at the source says nothing" },
    { from: "dir", to: "t/new/", is: renamed("new"), why: "a slash at the target says nothing" },
    { from: "dir/.", to: "t/new", is: renamed("new"), why: "its contents, as a new directory" },
    { from: "dir", to: "t/old", is: "cannot copy directory", why: "over a file" },
    { from: "dir/.", to: "t/old", is: "cannot copy directory", why: "over a file" },
    { from: "dir", to: "t/there", is: ["there/", ...tree.map((line) => `there/${line}`)], why: "into the directory" },
    { from: "dir/.", to: "t/there", is: ["there/", ...contents.map((line) => `there/${line}`)], why: "its contents" },
    { from: "to-file", to: "t/new", is: ["new -> file"], why: "a link is copied as one" },
    { from: "to-dir", to: "t/there", is: ["there/", "there/to-dir -> dir"], why: "also one to a directory" },
    { from: "to-nothing", to: "t/new", is: ["new -> nowhere"], why: "also one to nothing" },
    { from: "to-file", to: "t/new", follow: true, is: ["new file"], why: "-L" },
    {
      from: "to-file",
      to: "t/there",
      follow: true,
      is: ["there/", "there/to-file file"],
      why: "-L keeps the link's name",
    },
    { from: "to-dir", to: "t/new", follow: true, is: renamed("new"), why: "-L" },
    { from: "to-dir/", to: "t/new", is: renamed("new"), why: "a slash follows" },
    { from: "to-dir/.", to: "t/there", is: ["there/", ...contents.map((line) => `there/${line}`)], why: "so does /." },
    { from: "to-nothing", to: "t/new", follow: true, is: "to-nothing", why: "-L to nothing" },
    { from: "file/", to: "t/new", is: "not a directory", why: "a file with a slash" },
    { from: "no-file", to: "t/new", is: "no-file", why: "no such file" },
    { from: "file", to: "t/to-old", is: ["old file", "to-old -> old"], why: "a link at the target is followed" },
    {
      from: "file",
      to: "t/to-there",
      is: ["there/", "there/file file", "to-there -> there"],
      why: "to a directory too",
    },
    { from: "file", to: "t/to-new", is: ["fresh file", "to-new -> fresh"], why: "to nothing: there it is made" },
  ];

  function prepare(directory: string, to: string): void {
    mkdirSync(directory);
    if (to.includes("old")) writeFileSync(join(directory, "old"), "old");
    if (to.includes("there")) mkdirSync(join(directory, "there"));
    const link = /to-(\w+)/.exec(to)?.[1];
    if (link !== undefined) symlinkSync(link === "new" ? "fresh" : link, join(directory, `to-${link}`));
  }

  for (const goesOn of [true, false]) {
    const state = goesOn ? "running" : "stopped";
    describe(`a ${state} container`, () => {
      let id: string;
      let shared: string;
      const made = (async () => {
        if (notRoot) return;
        shared = mkdtempSync(join(top, "volume-"));
      })();
      beforeEach(async () => {
        await made;
        const mounts = [{ destination: "/v", type: "bind", source: shared, options: ["rbind", "rprivate"] }];
        id ??= await container(goesOn, { mounts });
      });

      for (const { from, to, is, follow, why } of rules) {
        test(`out: ${from} → ${to}${follow ? " with -L" : ""}: ${why}`, async () => {
          prepare(join(here, "t"), to);
          const o = { from: `/c/${from}`, to: join(here, "t", to.slice(2)) + slashOf(to), followLink: follow ?? false };
          if (typeof is === "string") {
            await expect(engine.containers.copyFrom(id, o)).rejects.toThrow(is);
          } else {
            await engine.containers.copyFrom(id, o);
            expect(listing(join(here, "t"))).toEqual(is);
          }
        });

        test(`in: ${from} → ${to}${follow ? " with -L" : ""}: ${why}`, async () => {
          const target = mkdtempSync(join(shared, "t-"));
          rmSync(target, { recursive: true });
          prepare(target, to);
          const inside = `/v/${target.slice(shared.length + 1)}/${to.slice(2)}`;
          const o = { from: join(here, from) + slashOf(from), to: inside, followLink: follow ?? false };
          if (typeof is === "string") {
            await expect(engine.containers.copyTo(id, o)).rejects.toThrow(is);
          } else {
            await engine.containers.copyTo(id, o);
            expect(listing(target)).toEqual(is);
          }
        });
      }
    });
  }
  // path.join() takes a "." at the end away.
  const slashOf = (path: string): string => (path.endsWith("/.") ? "/." : "");

  test("owners: root's in the container, the caller's on the host, as they were with archive", async () => {
    const id = await container(false);
    chownSync(join(here, "file"), 12, 34);
    chmodSync(join(here, "file"), 0o4755);
    linkSync(join(here, "file"), join(here, "dir/same"));
    await engine.containers.copyTo(id, { from: join(here, "file"), to: "/plain" });
    await engine.containers.copyTo(id, { from: join(here, "file"), to: "/kept", archive: true });
    expect((await read(id, "/plain"))?.plain).toMatch(/^file 755 0:0 /);
    expect((await read(id, "/kept"))?.kept).toMatch(/^file 4755 12:34 /);
    await engine.containers.copyFrom(id, { from: "/kept", to: join(here, "plain") });
    await engine.containers.copyFrom(id, { from: "/kept", to: join(here, "kept"), archive: true });
    expect(lstatSync(join(here, "plain"))).toMatchObject({ uid: 0, gid: 0, mode: 0o100755 });
    expect(lstatSync(join(here, "kept"))).toMatchObject({ uid: 12, gid: 34, mode: 0o104755 });
  });

  test("a device is copied out with archive only, and told of", async () => {
    const id = await container(false);
    const device = tarEntry({ name: "devices/zero", type: "character", mode: 0o666, major: 1, minor: 5 });
    await engine.containers.unpackIn(id, { to: "/", archive: writeArchive([{ entry: device }]) });
    const copied = await engine.containers.copyFrom(id, { from: "/devices", to: join(here, "out") });
    expect(copied.skipped).toEqual(["out/zero"]);
    expect(listing(join(here, "out"))).toEqual([]);
    await engine.containers.copyFrom(id, { from: "/devices", to: join(here, "out"), archive: true });
    expect(lstatSync(join(here, "out/devices/zero")).isCharacterDevice()).toBe(true);
  });

  test("in and out again gives the same bytes, whatever is in it", async () => {
    const id = await container(true);
    const big = Buffer.alloc(3_000_001, "0123456789");
    writeFileSync(join(here, "dir/big"), big);
    execFileSync("truncate", ["-s", "5M", join(here, "dir/sparse")]);
    writeFileSync(join(here, "dir/.wh.name"), "a name like any other");
    writeFileSync(Buffer.concat([Buffer.from(join(here, "dir/latin-")), Buffer.from([0xe9])]), "é in Latin-1");
    await engine.containers.copyTo(id, { from: join(here, "dir"), to: "/back" });
    await engine.containers.copyFrom(id, { from: "/back", to: join(here, "back") });
    execFileSync("diff", ["-r", join(here, "dir"), join(here, "back")]);
  });

  test("kernel file systems of a container are out of reach; what is below them is not", async () => {
    const id = await container(true);
    expect(Object.keys((await read(id, "/proc")) ?? {})).toEqual(["proc/"]);
    expect(Object.keys((await read(id, "/sys")) ?? {})).toEqual(["sys/"]);
    await expect(
      engine.containers.copyTo(id, { from: join(here, "file"), to: "/proc/sys/kernel/core_pattern" }),
    ).rejects.toThrow("Could not find the file /proc/sys/kernel in container");
  });

  test("a read-only root stays one; a volume in it can be written, a read-only one cannot", async () => {
    const [writable, fixed] = [mkdtempSync(join(top, "rw-")), mkdtempSync(join(top, "ro-"))];
    const bind = (destination: string, source: string, ...more: string[]) => ({
      ...{ destination, source, type: "bind", options: ["rbind", "rprivate", ...more] },
    });
    const mounts = [bind("/w", writable), bind("/f", fixed, "ro")];
    const command = ["sh", "-c", "while :; do sleep 1; done"];
    const { id } = await engine.containers.create({
      image: "busybox",
      network: "none",
      command,
      readOnly: true,
      mounts,
    });
    const from = join(here, "file");
    const check = async (): Promise<void> => {
      await expect(engine.containers.copyTo(id, { from, to: "/x" })).rejects.toThrow("read-only");
      await expect(engine.containers.copyTo(id, { from, to: "/f/x" })).rejects.toThrow("read-only");
      await engine.containers.copyTo(id, { from, to: "/w/x" });
    };
    await check();
    (await engine.containers.start(id)).attachment.close();
    await check();
    expect([readdirSync(writable), readdirSync(fixed)]).toEqual([["x"], []]);
  });

  test("a container whose root is a directory of the host", async () => {
    const rootfs = mkdtempSync(join(top, "rootfs-"));
    const { id } = await engine.containers.create({ rootfs, network: "none", command: ["sh"] });
    await engine.containers.copyTo(id, { from: join(here, "dir"), to: "/" });
    expect(listing(rootfs)).toEqual(tree);
    expect(Object.keys(await entriesOf(engine.containers.export(id)))).toEqual([
      "dir/",
      "dir/one",
      "dir/sub/",
      "dir/sub/two",
    ]);
    await expect(engine.containers.commit(id)).rejects.toThrow("--rootfs");
  });

  const archived = (...members: ArchiveMember[]): AsyncGenerator<Uint8Array> => inParts(writeArchive(members));
  const file = (name: string, text = "x"): ArchiveMember => ({
    entry: tarEntry({ name, type: "file", size: text.length }),
    content: [Buffer.from(text)],
  });

  /** Archives for /c, where `file` is a file, `dir` a directory, and `to-etc` a link to /etc. */
  const archives: readonly { members: ArchiveMember[]; is: readonly string[] | RegExp; why: string }[] = [
    { members: [file("new")], is: ["new"], why: "a file" },
    { members: [file(".wh.file")], is: [".wh.file", "file"], why: "a whiteout is no whiteout here" },
    { members: [file("file", "changed")], is: ["file"], why: "a file is replaced" },
    { members: [file("dir")], is: /cannot overwrite directory/, why: "a file over a directory" },
    {
      members: [{ entry: tarEntry({ name: "file/", type: "directory" }) }],
      is: /cannot overwrite non-directory/,
      why: "a directory over a file",
    },
    {
      members: [{ entry: tarEntry({ name: "to-etc/", type: "directory" }) }, file("to-etc/passwd", "root2")],
      is: /cannot overwrite non-directory/,
      why: "a directory over a link",
    },
    { members: [file("file/x")], is: /not a directory/, why: "a file in a file" },
    { members: [file("../out")], is: /leaves the root/, why: "up and out" },
    { members: [file("a/../../out")], is: /leaves the root/, why: "down, up and out" },
    { members: [file("/abs")], is: ["abs"], why: "an absolute name begins at the target" },
    {
      members: [{ entry: tarEntry({ name: "l", type: "symlink", link: "../../../.." }) }, file("l/tmp/x")],
      is: ["l", "tmp/x"],
      why: "through a link of its own: the target is its root",
    },
    {
      members: [{ entry: tarEntry({ name: "h", type: "hardlink", link: "../../etc/passwd" }) }],
      is: /leaves the root/,
      why: "a hard link out",
    },
    {
      members: [{ entry: tarEntry({ name: "h", type: "hardlink", link: "to-etc/passwd" }) }],
      is: /cannot write/,
      why: "a hard link through a link",
    },
    {
      members: [{ entry: tarEntry({ name: "w", type: "character", major: 0, minor: 0 }) }],
      is: /overlay's own/,
      why: "a whiteout of overlay's",
    },
    {
      members: [
        {
          entry: tarEntry({
            name: "x",
            type: "directory",
            xattrs: new Map([["trusted.overlay.opaque", Buffer.from("y")]]),
          }),
        },
      ],
      is: /overlay's own/,
      why: "a mark of overlay's",
    },
  ];
  for (const { members, is, why } of archives)
    test(`an archive: ${why}`, async () => {
      const id = await container(true);
      const unpacked = engine.containers.unpackIn(id, { to: "/c", archive: archived(...members) });
      if (is instanceof RegExp) await expect(unpacked).rejects.toThrow(is);
      else {
        await unpacked;
        const names = Object.keys((await read(id, "/c/.")) ?? {});
        expect(names).toEqual(expect.arrayContaining([...is]));
      }
      expect((await read(id, "/etc/passwd"))?.passwd).toBe((await read(await stopped(), "/etc/passwd"))?.passwd);
    });

  let untouched: Promise<string> | undefined;
  const stopped = (): Promise<string> => {
    untouched ??= engine.containers.create({ image: "busybox", command: ["sh"] }).then(({ id }) => id);
    return untouched;
  };

  test("an archive goes only into a directory that is there", async () => {
    const id = await container(false);
    for (const to of ["/c/file", "/no/such", "/c/nothing"])
      await expect(engine.containers.unpackIn(id, { to, archive: archived(file("x")) })).rejects.toThrow(
        "must be a directory",
      );
  });

  test("many copies at once into one stopped container, and a start: one after the other, all are there", async () => {
    const id = await container(false);
    const copies = Array.from({ length: 8 }, (_, n) =>
      engine.containers.copyTo(id, { from: join(here, "dir"), to: `/at-once-${n}` }),
    );
    const start = engine.containers.start(id);
    await Promise.all(copies);
    (await start).attachment.close();
    await engine.containers.wait(id);
    const names = Object.keys((await read(id, "/")) ?? {});
    expect(names.filter((name) => /^at-once-\d\/one$/.test(name))).toHaveLength(8);
  });

  test("a container that makes and removes files all the time can be read", async () => {
    const id = await container(true);
    const script =
      "mkdir /w; cd /w; i=0; while :; do i=$((i+1)); n=$((i%9)); rm -rf f$n l$n d$n; " +
      "echo x > f$n; ln -s a l$n; mkdir d$n; echo y > d$n/x; : > f$(((i+4)%9)); done";
    const child = await engine.containers.exec(id, { command: ["sh", "-c", script], stdio: [0, 1, 2] });
    try {
      for (let n = 0; n < 50; n++) {
        await read(id, "/w");
        for await (const _ of engine.containers.changes(id));
      }
    } finally {
      child.kill("SIGKILL");
      await child.ended();
    }
  });

  test("what a container does to its paths while 400 copies run does not lead a copy out of it", async () => {
    const canary = mkdtempSync(join(top, "canary-"));
    writeFileSync(join(canary, "secret"), "secret");
    const volume = mkdtempSync(join(top, "racing-"));
    mkdirSync(join(volume, "real/deep"), { recursive: true });
    writeFileSync(join(volume, "real/deep/file"), "inside");
    mkdirSync(join(volume, "decoy"));
    // In the container, this path leads nowhere; followed by the host it would lead to the canary.
    symlinkSync(canary, join(volume, "decoy/deep"));
    symlinkSync("/v/decoy", join(volume, "link"));
    const mounts = [{ destination: "/v", type: "bind", source: volume, options: ["rbind", "rprivate"] }];
    const id = await container(true, { mounts });
    const racer = execFileSync("cc", ["-static", "-O1", "-x", "c", "-", "-o", join(volume, "racer")], {
      input: `#define _GNU_SOURCE
        #include <stdio.h>
        int main(void) { for (;;) { renameat2(-100, "/v/real", -100, "/v/decoy", 2); renameat2(-100, "/v/decoy", -100, "/v/link", 2); } }`,
    });
    expect(racer).toBeDefined();
    const child = await engine.containers.exec(id, { command: ["/v/racer"], stdio: [0, 1, 2] });
    try {
      writeFileSync(join(here, "secret"), "overwritten");
      for (let n = 0; n < 200; n++) {
        const inward = { from: join(here, "secret"), to: "/v/real/deep/secret" };
        await engine.containers.copyTo(id, inward).catch(ofEngine);
        const out = join(here, `out-${n}`);
        await engine.containers.copyFrom(id, { from: "/v/real/deep", to: out }).catch(ofEngine);
        // The link itself may be what was copied; it is not followed to be compared.
        if (lstatSync(out, { throwIfNoEntry: false })?.isDirectory() && existsSync(join(out, "secret")))
          expect(readFileSync(join(out, "secret"), "utf8")).toBe("overwritten");
      }
    } finally {
      child.kill("SIGKILL");
      await child.ended();
    }
    expect(listing(canary)).toEqual(["secret secret"]);
  });

  function ofEngine(error: unknown): void {
    expect((error as { code?: string }).code).toMatch(/^ERR_(?:ENGINE|LAYERS|KERNEL)_/);
  }
});
