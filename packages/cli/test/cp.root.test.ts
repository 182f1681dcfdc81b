import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notRoot, program, temporaryCtr } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

describe.skipIf(notRoot)("ctr cp (needs root)", () => {
  const ctr = temporaryCtr();
  const cwd = mkdtempSync(join(tmpdir(), "ctr-cp-"));
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));
  beforeAll(async () => {
    await ctr.start("--name", "box");
    await ctr.say(
      "exec",
      "box",
      "sh",
      "-c",
      "mkdir -p /d/e; echo one > /d/one; echo two > /d/e/two; ln -s one /d/link",
    );
    mkdirSync(join(cwd, "src"));
    writeFileSync(join(cwd, "src/file"), "here\n");
    writeFileSync(join(cwd, "a:b"), "colon\n");
  });
  const cp = (...args: string[]) => ctr.call(["cp", ...args], { cwd });
  const nothing = { status: 0, stdout: "", stderr: "" };

  test("out and in, relative to where one is; container cp is the same", async () => {
    expect(await cp("box:/d", "out")).toEqual(nothing);
    expect(readFileSync(join(cwd, "out/e/two"), "utf8")).toBe("two\n");
    expect(await cp("src/file", "box:/d/")).toEqual(nothing);
    expect(await ctr.call(["container", "cp", "src/.", "box:d/e"], { cwd })).toEqual(nothing);
    expect(await ctr.say("exec", "box", "cat", "/d/file", "/d/e/file")).toBe("here\nhere");
  });

  test("a path that looks like a container's", async () => {
    expect(await cp("./a:b", "box:/colon")).toEqual(nothing);
    expect(await cp(join(cwd, "a:b"), "box:/colon2")).toEqual(nothing);
    expect(await ctr.say("exec", "box", "cat", "/colon", "/colon2")).toBe("colon\ncolon");
  });

  test("-L and -a", async () => {
    expect(await cp("-L", "box:/d/link", "followed")).toEqual(nothing);
    expect(readFileSync(join(cwd, "followed"), "utf8")).toBe("one\n");
    await ctr.say("exec", "box", "chown", "7:8", "/d/one");
    expect(await cp("-a", "box:/d/one", "owned")).toEqual(nothing);
    expect(await cp("box:/d/one", "unowned")).toEqual(nothing);
    expect(["owned", "unowned"].map((name) => lstatSync(join(cwd, name)).uid)).toEqual([7, 0]);
  });

  test("- is a tar archive, out and in", async () => {
    const { status, stdout } = await ctr.call(["cp", "box:/d/e/two", "-"]);
    expect(status).toBe(0);
    expect(execFileSync("tar", ["xO"], { input: stdout, encoding: "utf8" })).toBe("two\n");
    await ctr.say("exec", "box", "mkdir", "/in");
    const archive = execFileSync("tar", ["cz", "-C", cwd, "src"]);
    expect(await ctr.call(["cp", "-", "box:/in"], { input: new Uint8Array(archive) })).toEqual(nothing);
    expect(await ctr.say("exec", "box", "cat", "/in/src/file")).toBe("here");
  });

  const refusals = [
    { args: ["box:/nope", "."], is: "Could not find the file /nope in container box", why: "no such file inside" },
    { args: ["nope", "box:/"], is: "lstat CWD/nope: no such file or directory", why: "no such file here" },
    { args: ["box:/d", "src/file"], is: "cannot copy directory: CWD/src/file", why: "a directory over a file" },
    {
      args: ["box:/d/one", "no/such"],
      is: 'invalid output path: directory "CWD/no" does not exist',
      why: "nowhere to put it",
    },
    {
      args: ["src/file", "box:/no/such"],
      is: "Could not find the file /no in container box",
      why: "nowhere to put it",
    },
    { args: ["src/file", "box:/new/"], is: "no such directory: /new", why: "no directory" },
    { args: ["-", "box:/d/one"], is: 'destination "box:/d/one" must be a directory', why: "an archive into a file" },
    { args: ["box:/d", "box:/e"], is: "copying between containers is not supported", why: "two containers" },
    { args: ["src", "out"], is: "must specify at least one container source", why: "no container" },
    { args: ["nobody:/x", "."], is: "No such container: nobody", why: "no such container" },
  ] as const;
  for (const { args, is, why } of refusals)
    test(`${args.join(" ")}: ${why}`, async () => {
      expect(await cp(...args)).toEqual({ status: 1, stdout: "", stderr: `ctr: ${is.replace("CWD", cwd)}\n` });
    });

  test("what is no archive", async () => {
    const done = await ctr.call(["cp", "-", "box:/d"], { input: "x".repeat(2000) });
    expect(done).toMatchObject({ status: 1, stdout: "" });
    expect(done.stderr).toMatch(/^ctr: .*(?:tar|checksum|header)/);
  });

  test.skipIf(noTmux)("on a terminal: what was copied is said, and no archive is written to it", async () => {
    const line = [process.execPath, program, "--root", ctr.root].join(" ");
    const script = `${line} cp box:/d/one shown; ${line} cp box:/d -; ${line} export box`;
    await using terminal = await Terminal.open(`cd ${cwd}; ${script}; echo done`, { columns: 120, rows: 20 });
    const screen = await terminal.shows(/^done/m);
    expect(screen).toMatch(/^Successfully copied 4B to shown$/m);
    expect(screen).toMatch(/^ctr: cowardly refusing to write an archive to a terminal/m);
    expect(screen).toMatch(/^ctr: cowardly refusing to save to a terminal/m);
  });

  test("a stopped container, and one that never ran; nothing stays mounted", async () => {
    await ctr.say("create", "--name", "fresh", "busybox", "cat", "/given");
    expect(await cp("src/file", "fresh:/given")).toEqual(nothing);
    expect(await ctr.call(["start", "fresh"])).toMatchObject({ status: 0 });
    await ctr.say("wait", "fresh");
    expect(await ctr.say("logs", "fresh")).toBe("here");
    expect(await cp("fresh:/given", "back")).toEqual(nothing);
    expect(readdirSync(cwd)).toContain("back");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(ctr.root);
  });
});
