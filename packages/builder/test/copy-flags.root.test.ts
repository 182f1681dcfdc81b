import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tarEntry, writeArchive } from "@ctr/layers";
import { describe, expect, test } from "vitest";
import type { Tree } from "../src/host/tree.ts";
import { localCacheSource, localCacheTarget } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

/** All names of files below a directory. */
function filesBelow(tree: Tree, path = ""): string[] {
  return tree.names(path).flatMap((name) => {
    const below = path === "" ? name : `${path}/${name}`;
    return tree.status(below)?.kind === "directory" ? filesBelow(tree, below) : [below];
  });
}

const monorepo = {
  "package.json": "{}",
  "apps/web/package.json": "{}",
  "apps/web/src/main.ts": "",
  "apps/api/package.json": "{}",
  "apps/api/test/a.txt": "",
  "libs/a/b/package.json": "{}",
  "docs/readme.md": "",
};

const parents = [
  { copy: "apps/web/package.json /", has: ["apps/web/package.json"], why: "a file with its directories" },
  {
    copy: "apps/*/package.json /w/",
    has: ["w/apps/api/package.json", "w/apps/web/package.json"],
    why: "a pattern, and only what it matches",
  },
  {
    copy: "**/package.json /",
    has: ["apps/api/package.json", "apps/web/package.json", "libs/a/b/package.json", "package.json"],
    why: "at any depth",
  },
  { copy: "apps/./web/package.json /", has: ["web/package.json"], why: "from the pivot on" },
  {
    copy: "apps/./*/package.json libs/a /",
    has: ["api/package.json", "libs/a/b/package.json", "web/package.json"],
    why: "each source has its own pivot; a directory with all that is in it",
  },
  {
    copy: "apps/*/./package.json /",
    has: ["package.json"],
    why: "several directories in front of the pivot are merged",
  },
  { copy: "none/* docs /", has: ["docs/readme.md"], why: "a pattern may match nothing" },
  {
    copy: "--exclude=apps/api apps/ /",
    has: ["apps/web/package.json", "apps/web/src/main.ts"],
    why: "--exclude begins where the names do",
  },
] as const;

const pictures = {
  "dir1/101.png": "",
  "dir1/102.txt": "",
  "dir2/201.pdf": "",
  "dir2/202.jpeg": "",
  "dir2/sub/203.png": "",
  "top.txt": "",
  "top.md": "",
};

const excludes = [
  {
    copy: "COPY --exclude=*/*.png --exclude=*/*.jpeg . /",
    has: ["dir1/102.txt", "dir2/201.pdf", "dir2/sub/203.png", "top.md", "top.txt"],
    why: "a star is one name",
  },
  { copy: "COPY --exclude=**/*.png dir1 dir2 /", has: ["102.txt", "201.pdf", "202.jpeg"], why: "from each source" },
  {
    copy: "ADD --exclude=*.png dir* /5",
    has: ["5/102.txt", "5/201.pdf", "5/202.jpeg", "5/sub/203.png"],
    why: "ADD too",
  },
  { copy: "COPY --exclude=* dir* /6", has: [], why: "all of it, which is no mistake" },
  { copy: "COPY --exclude=sub dir2 /", has: ["201.pdf", "202.jpeg"], why: "a directory" },
  { copy: "COPY --exclude=* --exclude=!sub dir2 /", has: ["sub/203.png"], why: "and an exception" },
  { copy: "COPY --exclude=*.txt top* /", has: ["top.md"], why: "a file goes by its name" },
] as const;

describe.skipIf(missing !== undefined)(`flags of COPY and ADD${missing === undefined ? "" : ` (${missing})`}`, () => {
  for (const { copy, has, why } of parents)
    test(`COPY --parents ${copy}: ${why}`, async () => {
      const here = await site(monorepo);
      await here.build(`FROM scratch\nCOPY --parents ${copy}\n`, { tags: ["x"] });
      expect(filesBelow(here.files("x"))).toEqual(has);
    });

  for (const { copy, has, why } of excludes)
    test(`${copy}: ${why}`, async () => {
      const here = await site(pictures);
      await here.build(`FROM scratch\n${copy}\n`, { tags: ["x"] });
      expect(filesBelow(here.files("x"))).toEqual(has);
    });

  test("--parents keeps the directories as they are, and follows no link to files elsewhere", async () => {
    const here = await site({ "a/b/f": "f", "real/g": "g" });
    execFileSync("chmod", ["700", join(here.context, "a")]);
    symlinkSync("real", join(here.context, "link"));
    await here.build("FROM scratch\nCOPY --parents a/b/f link/g* /\n", { tags: ["x"] });
    expect(here.files("x").status("a")?.mode).toBe(0o700);
    expect(filesBelow(here.files("x"))).toEqual(["a/b/f"]);
  });

  test("what is excluded is no reason to run again, and a change of the flag is one", async () => {
    const here = await site({ "d/a": "a", "d/b": "b" });
    const copy = (flags: string): string => `FROM scratch\nCOPY ${flags} d /d\n`;
    await here.build(copy("--exclude=b"));
    here.write({ "d/b": "other" });
    expect(await here.decisions(copy("--exclude=b"))).toEqual(["2 reused"]);
    here.write({ "d/a": "other" });
    expect(await here.decisions(copy("--exclude=b"))).toEqual(["2 ran: d/a changed"]);
    expect(await here.decisions(copy("--exclude=a"))).toEqual(["2 ran: instruction changed"]);
  });

  test("--link: a layer of its own, the same on another base, where it is found again", async () => {
    const here = await site({ "d/f": "f", "d/e/g": "g" });
    const build = async (): Promise<{ readonly steps: string[]; readonly layer: string | undefined }> => {
      const dockerfile = "FROM busybox\nRUN true\nCOPY --link --chown=node d /usr/share/d\n";
      const { events } = await here.build(dockerfile, { tags: ["linked"] });
      const finished = events.filter((event) => event.type === "stepFinished").find(({ step }) => step === 3)!;
      return { steps: [finished.outcome.decision], layer: finished.layer?.diffId };
    };
    const first = await build();
    expect(first.steps).toEqual(["ran"]);
    await here.addBase({ motd: "another base" });
    const second = await build();
    expect(second).toEqual({ steps: ["reused"], layer: first.layer });
    const tree = here.files("linked");
    expect(tree.text("etc/motd", 100)).toBe("another base");
    expect(tree.text("usr/share/d/e/g", 10)).toBe("g");
    expect(tree.status("usr/share/d/f")).toMatchObject({ uid: 1000, gid: 1001 });
    expect(await build()).toEqual(second);
    here.write({ "d/f": "changed" });
    expect((await build()).steps).toEqual(["ran"]);
    // It is kept once, where it was used last: what nothing names any more nobody holds.
    const kept = here.store.layers().filter(({ diffId }) => diffId === first.layer);
    const holders = here.store.diskUsage().items.filter(({ id }) => kept.some(({ chainId }) => chainId === id));
    expect(kept.length).toBe(2);
    expect(holders.flatMap((item) => item.holders).length).toBe(1);
  });

  test("--link: what another machine made is found on a base that it never saw", async () => {
    const here = await site({ "d/f": "f" });
    const dockerfile = "FROM busybox\nCOPY --link d /d\n";
    const directory = join(here.root, "cache");
    await here.build(dockerfile, { cacheTo: [localCacheTarget(directory, { mode: "max" })] });
    const there = new Site();
    await there.addBase({ motd: "another base" });
    there.write({ "d/f": "f" });
    const options = { cacheFrom: [localCacheSource(directory)], tags: ["x"] };
    expect(await there.decisions(dockerfile, options)).toEqual(["2 reused"]);
    expect(there.files("x").text("d/f", 10)).toBe("f");
    expect(there.files("x").text("etc/motd", 100)).toBe("another base");
  });

  test("--link sees nothing of what lies below: a link of the base is replaced, a directory needs its slash", async () => {
    const here = await site({ f: "f" });
    await here.build("FROM busybox\nCOPY --link f /share/\nCOPY --link f /tmp/\n", { tags: ["x"] });
    const tree = here.files("x");
    expect(tree.status("share")?.kind).toBe("directory");
    expect(tree.text("share/f", 10)).toBe("f");
    expect(tree.text("tmp/f", 10)).toBe("f");
  });

  test("ADD of an archive: --chown and --chmod are for its files, links of the image are followed", async () => {
    const here = await site({ "in/share/f": "f", "in/x": "x" });
    const archive = ["-C", join(here.context, "in"), "--owner=7", "--group=8", "-cf", join(here.context, "a.tar")];
    execFileSync("tar", [...archive, "share/f", "x"]);
    const dockerfile = "FROM busybox\nADD a.tar /\nADD --chown=node --chmod=u=rwX,go= a.tar /new\n";
    await here.build(dockerfile, { tags: ["x"] });
    const tree = here.files("x");
    expect(tree.status("share")?.kind).toBe("symlink");
    expect(tree.text("usr/share/f", 10)).toBe("f");
    expect(tree.status("usr/share/f")).toMatchObject({ uid: 7, gid: 8, mode: 0o644 });
    expect(tree.status("new/share/f")).toMatchObject({ uid: 1000, gid: 1001, mode: 0o600 });
    expect(tree.status("new")).toMatchObject({ uid: 1000, gid: 1001, mode: 0o755 });
  });

  test("ADD of an archive makes the same layer whenever it is done", async () => {
    const layerOf = async (): Promise<unknown> => {
      const here = await site({ "in/deep/er/f": "f" });
      execFileSync("tar", [
        "--mtime=@5",
        "-C",
        join(here.context, "in"),
        "-cf",
        join(here.context, "a.tar"),
        "deep/er/f",
      ]);
      const { events } = await here.build("FROM busybox\nADD a.tar /usr/\n");
      return events.findLast((event) => event.type === "stepFinished")?.layer?.diffId;
    };
    expect(await layerOf()).toBe(await layerOf());
  });

  test("ADD refuses an archive that would be all holes, and a name that says that another is gone", async () => {
    const here = await site();
    const sparse = join(here.context, "sparse");
    execFileSync("truncate", ["-s", "100G", sparse]);
    execFileSync("tar", ["-C", here.context, "--sparse", "-cf", join(here.context, "holes.tar"), "sparse"]);
    execFileSync("rm", [sparse]);
    const { error } = await here.fail("FROM busybox\nADD holes.tar /\n");
    expect(error).toMatchObject({ code: "ERR_BUILDER_COPY", line: 2, message: expect.stringContaining("holes") });
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeArchive([{ entry: tarEntry({ name: "etc/.wh.motd", type: "file" }) }]))
      chunks.push(chunk);
    writeFileSync(join(here.context, "gone.tar"), Buffer.concat(chunks));
    expect((await here.fail("FROM busybox\nADD gone.tar /\n")).error).toMatchObject({ line: 2 });
  });

  test("names that are not UTF-8 are copied byte for byte", async () => {
    const here = await site();
    const bytes = Buffer.from("6e80ff", "hex");
    writeFileSync(Buffer.concat([Buffer.from(`${here.context}/`), bytes]), "x");
    mkdirSync(join(here.context, "d"));
    symlinkSync(bytes, join(here.context, "d/link"));
    await here.build("FROM scratch\nCOPY . /\n", { tags: ["x"] });
    const tree = here.files("x");
    expect(tree.names("")).toEqual(["d", "n\udc80\udcff"]);
    expect(tree.readLink("d/link")).toBe("n\udc80\udcff");
    expect(await here.decisions("FROM scratch\nCOPY . /\n")).toEqual(["2 reused"]);
  });

  test("of a context only what is copied is read", async () => {
    const here = await site({ "used/f": "f" });
    execFileSync("truncate", ["-s", "1G", join(here.context, "large")]);
    const readBefore = bytesRead();
    await here.build("FROM scratch\nCOPY used /\nCOPY --exclude=large . /all\n");
    expect(bytesRead() - readBefore).toBeLessThan(100 << 20);
  });
});

/** By this process, from files and caches. @see proc_pid_io(5), rchar */
function bytesRead(): number {
  const text = execFileSync("cat", [`/proc/${process.pid}/io`], { encoding: "utf8" });
  return Number(/^rchar: (\d+)$/m.exec(text)![1]);
}
