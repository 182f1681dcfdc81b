import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expandInstruction, parse } from "@ctr/dockerfile";
import { describe, expect, test } from "vitest";
import { collectFiles, copyFiles } from "../src/host/copy-step.ts";
import { Tree } from "../src/host/tree.ts";
import { Workspace } from "../src/host/workspace.ts";
import { buildImage } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

const files = { f: "f", "a.txt": "a", "b.txt": "b", "d/x": "x", "d/sub/y": "y", "e/z": "z", "g/x/y": "y" };

const placements = [
  { copy: "f /new", has: { new: "f" }, why: "a file becomes what it is called" },
  { copy: "f /new/", has: { "new/f": "f" }, why: "a slash makes a directory" },
  { copy: "f /tmp", has: { "tmp/f": "f" }, why: "into a directory that is there" },
  { copy: "d /new", has: { "new/x": "x", "new/sub/y": "y" }, why: "a directory gives its contents" },
  { copy: "d e /tmp", has: { "tmp/x": "x", "tmp/z": "z" }, why: "all into one that is there" },
  { copy: "*.txt /new/", has: { "new/a.txt": "a", "new/b.txt": "b" }, why: "wildcards keep names" },
  { copy: "*/*b/y /new/", has: { "new/y": "y" }, why: "wildcards in the middle" },
  { copy: "[a-b].txt none* ./", has: { "a.txt": "a", "b.txt": "b" }, why: "a pattern beside others may match nothing" },
  { copy: '["f", "a b/"]', has: { "a b/f": "f" }, why: "the JSON form keeps blanks" },
  { copy: "f /share/f", has: { "usr/share/f": "f" }, why: "a link of the image is followed in the image" },
  { copy: "../../f ..", has: { f: "f" }, why: "nothing is above the root" },
];

const refusals = [
  { copy: "a.txt b.txt /new", is: "ERR_BUILDER_COPY", why: "two files cannot both become /new" },
  { copy: "*.txt /new", is: "ERR_BUILDER_COPY", why: "nor two that a pattern found" },
  { copy: "d /etc/motd", is: "ERR_BUILDER_COPY", why: "a directory over a file" },
  { copy: "f /etc/motd/", is: "ERR_BUILDER_COPY", why: "a slash behind a file" },
  { copy: "f /etc/motd/x", is: "ERR_BUILDER_COPY", why: "below a file" },
  { copy: "d g /new/", is: "ERR_BUILDER_COPY", why: "x is a file in one and a directory in the other" },
  { copy: "g d /new/", is: "ERR_BUILDER_COPY", why: "nor the other way round" },
  { copy: "none* /", is: "ERR_BUILDER_NOT_FOUND", why: "patterns that match nothing at all" },
  { copy: "f/ /x", is: undefined, why: "a slash behind a file's name is nothing" },
  { copy: "[ /x", is: "ERR_BUILDER_OPERAND", why: "a malformed pattern" },
  { copy: "--chmod=999 f /x", is: "ERR_BUILDER_OPERAND", why: "no mode" },
  { copy: "--chown=who f /x", is: "ERR_BUILDER_OPERAND", why: "no user of the image" },
  { copy: "--parents d/none /x/", is: "ERR_BUILDER_NOT_FOUND", why: "no pattern, so it must be there" },
  { copy: "--exclude=[ . /x", is: "ERR_BUILDER_OPERAND", why: "a malformed pattern" },
  { copy: "https://example.com/x /x", is: "ERR_BUILDER_OPERAND", why: "a URL is for ADD" },
  { copy: "https://example.com/x.git /x", is: "ERR_BUILDER_OPERAND", why: "so is a repository" },
];

describe.skipIf(missing !== undefined)(`COPY and ADD${missing === undefined ? "" : ` (${missing})`}`, () => {
  for (const { copy, has, why } of placements)
    test(`COPY ${copy}: ${why}`, async () => {
      const here = await site(files);
      await here.build(`FROM busybox\nCOPY ${copy}\n`, { tags: ["copied"] });
      const tree = here.files("copied");
      for (const [path, text] of Object.entries(has)) expect(tree.text(path, 10), path).toBe(text);
    });

  test("what cannot be copied is refused with its line", async () => {
    const here = await site(files);
    for (const { copy, is, why } of refusals) {
      const dockerfile = `FROM busybox\n\nCOPY ${copy}\n`;
      if (is === undefined) await here.build(dockerfile);
      else expect((await here.fail(dockerfile)).error, `${copy}: ${why}`).toMatchObject({ code: is, line: 3 });
    }
  });

  test("security C11: a name in an error drives no terminal", async () => {
    const here = await site();
    const { error } = await here.fail("FROM scratch\nCOPY \x1b]0;x\x07 /\n");
    expect((error as Error).message).toContain("stat \u00b7]0;x\u00b7: file does not exist");
  });

  test("COPY makes the same layer whenever and wherever it is done", async () => {
    const layersOf = async (): Promise<string[]> => {
      const here = await site({ "d/f": "f", "d/e/g": "g" });
      execFileSync("find", [here.context, "-exec", "touch", "-h", "-d", "@1000000000", "{}", "+"]);
      const copies = "COPY d /usr/share/d\nCOPY d /\nCOPY <<EOF /new/deep/file\nx\nEOF\nWORKDIR /w\n";
      const { events } = await here.build(`FROM scratch AS a\n${copies}FROM busybox\n${copies}COPY --from=a / /\n`);
      return events
        .flatMap((event) => (event.type === "stepFinished" && event.layer ? [event.layer.diffId] : []))
        .sort();
    };
    const layers = await layersOf();
    expect(layers.length).toBe(9);
    expect(await layersOf()).toEqual(layers);
  });

  test(".dockerignore: ignored files are not there, exceptions are, and no change of them is one", async () => {
    const here = await site({
      ".dockerignore": "*.log\nnode_modules\n!node_modules/keep/me\nsecret*",
      "a.log": "",
      "a.txt": "a",
      "node_modules/keep/me": "m",
      "node_modules/other/x": "x",
      secret: "s",
    });
    const dockerfile = "FROM scratch\nCOPY . /\n";
    await here.build(dockerfile, { tags: ["all"] });
    const tree = here.files("all");
    expect(tree.names("")).toEqual([".dockerignore", "a.txt", "node_modules"]);
    expect(tree.names("node_modules")).toEqual(["keep"]);
    here.write({ "a.log": "more", "node_modules/other/x": "y" });
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    symlinkSync("secret", join(here.context, "link"));
    for (const name of ["secret", "missing", "link"])
      expect((await here.fail(`FROM scratch\nARG A\nCOPY a.txt ${name} /\n`)).error).toMatchObject({
        code: "ERR_BUILDER_NOT_FOUND",
        line: 3,
        message: `COPY failed: file not found in build context or excluded by .dockerignore: stat ${name}: file does not exist`,
      });
  });

  test("ADD unpacks archives by content, over what is there, and copies what is none", async () => {
    const here = await site({ "in/etc/new": "n", "in/f": "f", "plain.tar.gz": "not an archive" });
    execFileSync("tar", ["-C", join(here.context, "in"), "-czf", join(here.context, "data"), "etc", "f"]);
    const dockerfile = "FROM busybox\nADD data plain.tar.gz /\nADD --unpack=false data /raw\nADD plain.tar.gz /p/\n";
    await here.build(dockerfile, { tags: ["added"] });
    const tree = here.files("added");
    expect(tree.text("etc/new", 10)).toBe("n");
    expect(tree.text("etc/motd", 10)).toBe("hello");
    expect(tree.status("data")).toBeUndefined();
    expect(tree.status("raw")?.kind).toBe("file");
    expect(tree.text("p/plain.tar.gz", 100)).toBe("not an archive");
  });

  for (const [flag, program] of [
    ["-cjf", "bzip2"],
    ["-cJf", "xz"],
  ] as const)
    test.skipIf(spawnSync(program, ["--version"]).error !== undefined)(`ADD unpacks ${program} archives`, async () => {
      const here = await site({ "in/etc/new": "n" });
      execFileSync("tar", ["-C", join(here.context, "in"), flag, join(here.context, "data"), "etc"]);
      await here.build("FROM scratch\nADD data /x\n", { tags: ["added"] });
      expect(here.files("added").text("x/etc/new", 10)).toBe("n");
    });

  test("a layer keeps what the file system can say: links, modes, hard links; the context's files become root's", async () => {
    const here = await site({ "d/f": "f", "d/sub/": "" });
    chownSync(join(here.context, "d/f"), 77, 88);
    const script = "cd $0/d; ln f hard; ln -s f soft; mkfifo fifo; chmod 4711 f; chmod 1700 sub";
    execFileSync("sh", ["-ec", script, here.context]);
    await here.build("FROM busybox\nCOPY d /d\nCOPY --chmod=u=rwX,go= d /e\n", { tags: ["kept"] });
    const tree = here.files("kept");
    expect(tree.status("d/f")).toMatchObject({ mode: 0o4711, uid: 0, gid: 0 });
    expect(tree.status("d/hard")!.inode).toBe(tree.status("d/f")!.inode);
    expect(tree.readLink("d/soft")).toBe("f");
    expect(tree.status("d/fifo")?.kind).toBe("fifo");
    expect(tree.status("d/sub")?.mode).toBe(0o1700);
    expect(tree.status("d")?.mode).toBe(0o755);
    expect(tree.status("e/f")?.mode).toBe(0o700);
    expect(tree.status("tmp")?.mode).toBe(0o1777);
  });

  test("a large file arrives whole", async () => {
    const here = await site();
    const bytes = Buffer.alloc(9 << 20, "0123456789abcde");
    writeFileSync(join(here.context, "large"), bytes);
    await here.build("FROM scratch\nCOPY large /\n", { tags: ["large"] });
    expect(here.files("large").text("large", 10 << 20)).toBe(bytes.toString());
  });

  test("a file that changes between its two readings is no layer", async () => {
    const here = await site({ f: "before" });
    const workspace = new Workspace(here.store.root);
    using tree = Tree.open(here.context);
    const [it] = parse("FROM scratch\nCOPY f /\n").instructions.filter((one) => one.name === "COPY");
    const fields = expandInstruction(it!, {}).value;
    const at = { place: { file: "Dockerfile", line: 2, column: 1 }, signal: undefined };
    const source = { tree, ignore: undefined, keepsOwners: false };
    const collected = await collectFiles(fields, source, { shownBefore: "", ...at });
    here.write({ f: "after" });
    using view = workspace.openDraft(workspace.draft([]));
    const copying = copyFiles(fields, collected, { view, workdir: "/", owner: undefined, time: 0n, ...at });
    await expect(copying).rejects.toMatchObject({ code: "ERR_BUILDER_CHANGED" });
  });

  test("security A10, C1: no link leads out of the context", async () => {
    const here = await site({ "d/f": "f" });
    const canary = join(here.root, "canary");
    writeFileSync(canary, "secret");
    symlinkSync(canary, join(here.context, "absolute"));
    symlinkSync("../canary", join(here.context, "up"));
    symlinkSync("loop", join(here.context, "loop"));
    symlinkSync(here.root, join(here.context, "d/out"));
    symlinkSync("../../../../../../../../etc", join(here.context, "d/etc"));
    const names = ["absolute", "up", "loop", "d/out/canary", "../canary", "d/etc/passwd", "../../../../../etc/passwd"];
    for (const name of names) {
      const { error } = await here.fail(`FROM scratch\nCOPY ${name} /x\n`);
      expect(error, name).toMatchObject({ code: "ERR_BUILDER_NOT_FOUND" });
    }
    await here.build("FROM scratch\nCOPY . /\n", { tags: ["links"] });
    expect(here.files("links").readLink("up")).toBe("../canary");

    symlinkSync(canary, join(here.context, "Dockerfile"));
    const building = buildImage({ store: here.store, worker: here.worker, context: here.context });
    await expect(building).rejects.toMatchObject({ code: "ERR_BUILDER_CONTEXT" });
  });

  test("security A10: nor out of a stage, and a destination that an image made a link stays in the image", async () => {
    const here = await site({ f: "mine" });
    const outside = join(here.root, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "canary"), "secret");
    const links = `FROM busybox AS links
RUN ["/bin/busybox", "ln", "-s", "${outside}", "/dir"]
RUN ["/bin/busybox", "ln", "-s", "../../../../../../../../..${outside}/file", "/file"]
`;
    const { error } = await here.fail(`${links}FROM scratch\nCOPY --from=links /dir/canary /\n`);
    expect(error).toMatchObject({ code: "ERR_BUILDER_NOT_FOUND", line: 5 });
    await here.build(`${links}COPY f /dir/\nCOPY f /file\nWORKDIR /dir/made\n`, { tags: ["linked"] });
    expect(readdirSync(outside)).toEqual(["canary"]);
    expect(existsSync(join(outside, "file"))).toBe(false);
    expect(here.files("linked").text(join(outside, "f").slice(1), 10)).toBe("mine");
  });
});
