import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Step, StepBody } from "@ctr/plan";
import { describe, expect, onTestFinished, test } from "vitest";
import { isKernelError, type KernelError, listXattrs, openIn, perform, performLater } from "../src/index.ts";
import { canary } from "./canary.ts";
import { temporaryDirectory } from "./temporary.ts";

const because = { option: "test", why: "what the step does is looked at" };
const root = { uid: 0, gid: 0 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const isRoot = process.getuid?.() === 0;

/** An empty tree and a way to perform steps inside it. */
function tree(): { readonly path: string; readonly fd: number; readonly does: (...steps: StepBody[]) => void } {
  const path = join(temporaryDirectory(), "rootfs");
  mkdirSync(path);
  const fd = openSync(path, "r");
  onTestFinished(() => closeSync(fd));
  const does = (...steps: StepBody[]): void =>
    perform(
      steps.map((step) => ({ ...step, because }) as Step),
      { rootfs: fd },
    );
  return { path, fd, does };
}

function failureOf(action: () => void): KernelError {
  try {
    action();
  } catch (error) {
    if (isKernelError(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe.skipIf(!isRoot)("steps that make and remove files", () => {
  test("makeDirectory: parents are made, mode and owner are exactly those asked for", () => {
    const { path, does } = tree();
    does({ do: "makeDirectory", in: "rootfs", path: "/a/b/c/", mode: 0o2751, uid: 1000, gid: 1001 });
    const status = statSync(join(path, "a/b/c"));
    expect([status.mode & 0o7777, status.uid, status.gid]).toEqual([0o2751, 1000, 1001]);
    expect(statSync(join(path, "a")).mode & 0o7777).toBe(0o755);
  });

  test("makeDirectory: one that is there keeps what is in it", () => {
    const { path, does } = tree();
    mkdirSync(join(path, "etc"), { mode: 0o700 });
    writeFileSync(join(path, "etc/hosts"), "x");
    does({ do: "makeDirectory", in: "rootfs", path: "etc", mode: 0o755, ...root });
    expect(readdirSync(join(path, "etc"))).toEqual(["hosts"]);
    expect(statSync(join(path, "etc")).mode & 0o7777).toBe(0o755);
  });

  test("makeDirectory: the root itself gets mode and owner", () => {
    const { path, does } = tree();
    does({ do: "makeDirectory", in: "rootfs", path: "/", mode: 0o711, ...root });
    expect(statSync(path).mode & 0o7777).toBe(0o711);
  });

  test("makeFile: content, set-user-ID bit after the owner; the umask of this process has no say", () => {
    const { path, does } = tree();
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    does({ do: "makeFile", in: "rootfs", path: "bin/su", mode: 0o4755, uid: 7, gid: 8, bytes: bytes("#!x\n") });
    const status = statSync(join(path, "bin/su"));
    expect([status.mode & 0o7777, status.uid, status.gid]).toEqual([0o4755, 7, 8]);
    expect(readFileSync(join(path, "bin/su"), "utf8")).toBe("#!x\n");
    expect(process.umask()).toBe(0o077);
  });

  test("a directory is looked up again when the link that led to it is replaced in the same plan", () => {
    const { path, does } = tree();
    does(
      { do: "makeDirectory", in: "rootfs", path: "old", mode: 0o755, ...root },
      { do: "makeSymlink", in: "rootfs", path: "way", text: "old", ...root },
      { do: "makeFile", in: "rootfs", path: "way/a", mode: 0o644, ...root, bytes: bytes("1") },
      { do: "makeDirectory", in: "rootfs", path: "way", mode: 0o755, ...root },
      { do: "makeFile", in: "rootfs", path: "way/b", mode: 0o644, ...root, bytes: bytes("2") },
      { do: "remove", in: "rootfs", path: "way" },
      { do: "makeFile", in: "rootfs", path: "way/c", mode: 0o644, ...root, bytes: bytes("3") },
    );
    expect(readdirSync(join(path, "old"))).toEqual(["a"]);
    expect(readdirSync(join(path, "way"))).toEqual(["c"]);
  });

  test("performLater: the same in the background, many plans at once, and the umask comes back", async () => {
    const { path, fd } = tree();
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    const plan = (index: number): Step[] => [
      { do: "makeFile", in: "rootfs", path: `f${index}`, mode: 0o666, ...root, bytes: bytes(`${index}`), because },
      {
        do: "makeNode",
        in: "rootfs",
        path: `n${index}`,
        kind: "fifo",
        mode: 0o666,
        ...root,
        major: 0,
        minor: 0,
        because,
      },
    ];
    await Promise.all(Array.from({ length: 100 }, (_, index) => performLater(plan(index), { rootfs: fd })));
    expect(readFileSync(join(path, "f99"), "utf8")).toBe("99");
    for (let index = 0; index < 100; index++) expect(statSync(join(path, `n${index}`)).mode & 0o777).toBe(0o666);
    expect(process.umask()).toBe(0o077);
  });

  test("performLater: a failure names its step; what belongs to a thread is refused", async () => {
    const { fd } = tree();
    const missing: Step = { do: "setTime", in: "rootfs", path: "none", time: 0n, because };
    await expect(performLater([missing], { rootfs: fd })).rejects.toMatchObject({
      code: "ERR_KERNEL_ENOENT",
      path: "none",
    });
    await expect(performLater([{ do: "setNoNewPrivileges", because }])).rejects.toThrow(TypeError);
  });

  test("makeFile: owner and mode are those asked for, whatever the directory would give", () => {
    const { path, does } = tree();
    does(
      { do: "makeDirectory", in: "rootfs", path: "staff", mode: 0o2775, uid: 0, gid: 50 },
      { do: "makeFile", in: "rootfs", path: "staff/a", mode: 0o644, ...root, bytes: bytes("a") },
      { do: "makeFile", in: "rootfs", path: "staff/b", mode: 0o6755, uid: 9, gid: 50, bytes: bytes("b") },
      { do: "makeFile", in: "rootfs", path: "staff/c", mode: 0, ...root, bytes: bytes("c") },
    );
    const look = (name: string): number[] => {
      const { mode, uid, gid } = statSync(join(path, "staff", name));
      return [mode & 0o7777, uid, gid];
    };
    expect(["a", "b", "c"].map(look)).toEqual([
      [0o644, 0, 0],
      [0o6755, 9, 50],
      [0, 0, 0],
    ]);
  });

  test("makeFile: a hard link that has the name is replaced, not written through", () => {
    const { path, does } = tree();
    writeFileSync(join(path, "lower"), "shared with another layer");
    linkSync(join(path, "lower"), join(path, "name"));
    does({ do: "makeFile", in: "rootfs", path: "name", mode: 0o644, ...root, bytes: bytes("new") });
    expect(readFileSync(join(path, "lower"), "utf8")).toBe("shared with another layer");
    expect(readFileSync(join(path, "name"), "utf8")).toBe("new");
  });

  test("extendFile: bytes at an offset, a hole before, a size behind", () => {
    const { path, does } = tree();
    does(
      { do: "makeFile", in: "rootfs", path: "f", mode: 0o644, ...root, bytes: bytes("head") },
      { do: "extendFile", in: "rootfs", path: "f", offset: 8192n, size: 16384n, bytes: bytes("tail") },
    );
    const content = readFileSync(join(path, "f"));
    expect(content.length).toBe(16384);
    expect([content.toString("latin1", 0, 4), content.toString("latin1", 8192, 8196)]).toEqual(["head", "tail"]);
    expect(content.filter((byte) => byte !== 0).length).toBe(8);
  });

  test("makeSymlink: text as it is, owner of the link, an older file of that name goes", () => {
    const { path, does } = tree();
    mkdirSync(join(path, "lib/full"), { recursive: true });
    does({ do: "makeSymlink", in: "rootfs", path: "lib", text: "../usr/lib", uid: 5, gid: 6 });
    expect(readlinkSync(join(path, "lib"))).toBe("../usr/lib");
    expect([lstatSync(join(path, "lib")).uid, lstatSync(join(path, "lib")).gid]).toEqual([5, 6]);
  });

  test("makeHardlink: a second name; a link to itself is already there; a symlink is linked, not followed", () => {
    const { path, does } = tree();
    writeFileSync(join(path, "a"), "a");
    symlinkSync("a", join(path, "l"));
    writeFileSync(join(path, "taken"), "older");
    does(
      { do: "makeHardlink", in: "rootfs", path: "b", existing: "a" },
      { do: "makeHardlink", in: "rootfs", path: "a", existing: "a" },
      { do: "makeHardlink", in: "rootfs", path: "l2", existing: "l" },
      { do: "makeHardlink", in: "rootfs", path: "taken", existing: "a" },
    );
    expect(statSync(join(path, "a")).nlink).toBe(3);
    expect(readlinkSync(join(path, "l2"))).toBe("a");
    expect(readFileSync(join(path, "taken"), "utf8")).toBe("a");
  });

  const nodes = [
    { kind: "character", major: 1, minor: 3, is: 0o020000, why: "/dev/null" },
    { kind: "block", major: 259, minor: 70_000, is: 0o060000, why: "a minor beyond eight bits" },
    { kind: "character", major: 0, minor: 0, is: 0o020000, why: "a whiteout" },
    { kind: "fifo", major: 0, minor: 0, is: 0o010000, why: "a named pipe" },
  ] as const;
  for (const { kind, major, minor, is, why } of nodes)
    test(`makeNode: ${kind} ${major}:${minor}, ${why}`, () => {
      const { path, does } = tree();
      does({ do: "makeNode", in: "rootfs", path: "dev/n", kind, mode: 0o640, uid: 3, gid: 4, major, minor });
      const status = lstatSync(join(path, "dev/n"));
      expect([status.mode & 0o170000, status.mode & 0o7777, status.uid, status.gid]).toEqual([is, 0o640, 3, 4]);
      const rdev = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
      if (kind !== "fifo") expect(status.rdev).toBe(rdev);
    });

  test("setXattr and listXattrs: binary values, of the name itself", () => {
    const { path, does } = tree();
    writeFileSync(join(path, "f"), "");
    symlinkSync("f", join(path, "l"));
    does(
      { do: "setXattr", in: "rootfs", path: "f", name: "user.a", value: new Uint8Array([0, 255, 10]) },
      { do: "setXattr", in: "rootfs", path: "l", name: "trusted.b", value: new Uint8Array() },
      { do: "setXattr", in: "rootfs", path: "/", name: "trusted.overlay.opaque", value: bytes("y") },
    );
    expect(listXattrs({ path: join(path, "f") })).toEqual({ "user.a": new Uint8Array([0, 255, 10]) });
    expect(listXattrs({ path: join(path, "l") })).toEqual({ "trusted.b": new Uint8Array() });
    expect(listXattrs({ path })).toEqual({ "trusted.overlay.opaque": bytes("y") });
  });

  const times = [
    { time: 1_700_000_000_123_456_789n, why: "nanoseconds" },
    { time: 0n, why: "the epoch" },
    { time: -1_500_000_000n, why: "before 1970, with a fraction" },
  ] as const;
  for (const { time, why } of times)
    test(`setTime ${time}: ${why}; a symlink has a time of its own`, () => {
      const { path, does } = tree();
      writeFileSync(join(path, "f"), "");
      symlinkSync("f", join(path, "l"));
      const before = statSync(join(path, "f"), { bigint: true }).mtimeNs;
      does({ do: "setTime", in: "rootfs", path: "l", time }, { do: "setTime", in: "rootfs", path: "/", time });
      expect(lstatSync(join(path, "l"), { bigint: true }).mtimeNs).toBe(time);
      expect(statSync(path, { bigint: true }).mtimeNs).toBe(time);
      expect(statSync(join(path, "f"), { bigint: true }).mtimeNs).toBe(before);
    });

  test("remove and empty: all below, nothing through a symlink, a missing name is fine", () => {
    const { path, does } = tree();
    const outside = canary();
    mkdirSync(join(path, "d/e/f"), { recursive: true });
    writeFileSync(join(path, "d/e/f/g"), "");
    symlinkSync(outside.path, join(path, "d/e/out"));
    symlinkSync(outside.path, join(path, "link"));
    does(
      { do: "empty", in: "rootfs", path: "d" },
      { do: "remove", in: "rootfs", path: "link" },
      { do: "remove", in: "rootfs", path: "never/was/there" },
      { do: "remove", in: "rootfs", path: "gone" },
    );
    expect(readdirSync(path)).toEqual(["d"]);
    expect(readdirSync(join(path, "d"))).toEqual([]);
    outside.isUntouched();
  });

  test("remove: a directory 10 000 levels deep", () => {
    const { path, fd, does } = tree();
    // Names of one level at a time: the whole path is longer than PATH_MAX.
    let current = openSync(path, "r");
    for (let depth = 0; depth < 10_000; depth++) {
      mkdirSync(`/proc/self/fd/${current}/d`);
      const next = openIn({ root: current, path: "d", flags: 0o200000 });
      closeSync(current);
      current = next;
    }
    writeFileSync(`/proc/self/fd/${current}/file`, "at the bottom");
    closeSync(current);
    does({ do: "remove", in: "rootfs", path: "d" });
    expect(readdirSync(path)).toEqual([]);
    expect(fd).toBeGreaterThan(2);
  });

  test("remove: a tree with 20 000 files", () => {
    const { path, does } = tree();
    for (let directory = 0; directory < 20; directory++) {
      mkdirSync(join(path, `t/${directory}`), { recursive: true });
      for (let file = 0; file < 1000; file++)
        writeFileSync(join(path, `t/${directory}/file-with-a-long-name-${file}`), "");
    }
    does({ do: "remove", in: "rootfs", path: "t" });
    expect(readdirSync(path)).toEqual([]);
  });
});

// Where a symlink of a hostile image could lead a step; `up` leads from the rootfs to the canary.
const escapes = (outside: string): { name: string; target: string; why: string }[] => [
  { name: "absolute", target: outside, why: "an absolute target means the rootfs's /" },
  { name: "relative", target: "../canary", why: ".. ends at the root" },
  { name: "higher", target: "../../../../../../../../../../..".concat(outside), why: "however many" },
  { name: "chain", target: "absolute", why: "a link to a link" },
  { name: "proc", target: `/proc/self/root${outside}`, why: "a magic link of procfs is followed by nobody" },
  { name: "dangling", target: `${outside}/new`, why: "what is missing would be made" },
];

describe.skipIf(!isRoot)("symlinks never lead a step out of the rootfs", () => {
  const steps: readonly ((at: string) => StepBody)[] = [
    (path) => ({ do: "makeDirectory", in: "rootfs", path, mode: 0o777, uid: 9, gid: 9 }),
    (path) => ({ do: "makeFile", in: "rootfs", path, mode: 0o777, uid: 9, gid: 9, bytes: bytes("escaped") }),
    (path) => ({ do: "extendFile", in: "rootfs", path, offset: 0n, size: 0n, bytes: bytes("escaped") }),
    (path) => ({ do: "makeSymlink", in: "rootfs", path, text: "escaped", uid: 9, gid: 9 }),
    (path) => ({ do: "makeHardlink", in: "rootfs", path: "linked", existing: path }),
    (path) => ({ do: "makeHardlink", in: "rootfs", path, existing: "victim" }),
    (path) => ({ do: "makeNode", in: "rootfs", path, kind: "fifo", mode: 0o777, uid: 9, gid: 9, major: 0, minor: 0 }),
    (path) => ({ do: "setXattr", in: "rootfs", path, name: "trusted.escaped", value: bytes("y") }),
    (path) => ({ do: "setTime", in: "rootfs", path, time: 1n }),
    (path) => ({ do: "remove", in: "rootfs", path }),
    (path) => ({ do: "empty", in: "rootfs", path }),
  ];
  for (const make of steps)
    for (const last of ["", "/file", "/sub", "/sub/file", "/new", "/new/deeper", "/../canary/file"])
      test(`${make("x").do} through a symlink${last === "" ? "" : `, then ${last}`}`, () => {
        const outside = canary();
        const path = join(dirname(outside.path), "rootfs");
        mkdirSync(path);
        const fd = openSync(path, "r");
        onTestFinished(() => closeSync(fd));
        for (const { name, target } of escapes(outside.path)) {
          symlinkSync(target, join(path, name));
          writeFileSync(join(path, "victim"), "");
          try {
            perform([{ ...make(`${name}${last}`), because } as Step], { rootfs: fd });
          } catch (error) {
            if (!isKernelError(error)) throw error; // refused is as good as done inside
          }
          outside.isUntouched();
        }
        expect(readdirSync(dirname(outside.path)).sort()).toEqual(["canary", "rootfs"]);
      });

  for (const { name, why } of escapes("/x"))
    test(`openIn ${name}: ${why}`, () => {
      const outside = canary();
      const path = join(dirname(outside.path), "rootfs");
      mkdirSync(path);
      symlinkSync(escapes(outside.path).find((one) => one.name === name)!.target, join(path, name));
      const fd = openSync(path, "r");
      onTestFinished(() => closeSync(fd));
      for (const flags of [0, 0o100 | 0o2]) // O_RDONLY; O_CREAT | O_RDWR
        try {
          closeSync(openIn({ root: fd, path: `${name}/file`, flags }));
          throw new Error("it could be opened");
        } catch (error) {
          expect(isKernelError(error)).toBe(true);
        }
      outside.isUntouched();
    });
});

describe("what a failed step says", () => {
  test("index, syscall, errno, path, and the option behind it; steps before it stay done", () => {
    const directory = temporaryDirectory();
    const option = { option: "-v /a:/b", why: "a volume" };
    const steps: Step[] = [
      {
        do: "makeDirectory",
        in: "host",
        path: join(directory, "made"),
        mode: 0o755,
        uid: process.getuid!(),
        gid: process.getgid!(),
        because,
      },
      { do: "write", path: join(directory, "missing"), text: "x", because: option },
    ];
    const error = failureOf(() => perform(steps));
    expect(error).toMatchObject({
      name: "KernelError",
      code: "ERR_KERNEL_ENOENT",
      syscall: "open",
      symbol: "ENOENT",
      errno: 2,
      path: join(directory, "missing"),
    });
    expect(error.step).toBe(steps[1]);
    expect(error.message).toContain("-v /a:/b");
    expect(readdirSync(directory)).toEqual(["made"]);
  });

  const rootless = [
    {
      step: { do: "makeFile", in: "rootfs", path: "f", mode: 0, ...root, bytes: bytes("") },
      is: "EBADF",
      why: "no rootfs was entered",
    },
    { step: { do: "barrier", name: "x" }, is: "EBADF", why: "there is no parent to wait for" },
    { step: { do: "fork" }, is: "EINVAL", why: "this process does not fork" },
    {
      step: { do: "makeFile", in: "host", path: "/", mode: 0, ...root, bytes: bytes("") },
      is: "EINVAL",
      why: "/ has no name in a directory",
    },
    {
      step: { do: "makeFile", in: "host", path: "/tmp/..", mode: 0, ...root, bytes: bytes("") },
      is: "EINVAL",
      why: ".. is no name",
    },
    {
      step: { do: "makeFile", in: "host", path: `/tmp/${"n".repeat(256)}`, mode: 0, ...root, bytes: bytes("") },
      is: "ENAMETOOLONG",
      why: "256 bytes",
    },
    {
      step: { do: "makeFile", in: "host", path: `/${"n/".repeat(3000)}`, mode: 0, ...root, bytes: bytes("") },
      is: "ENAMETOOLONG",
      why: "longer than PATH_MAX",
    },
    { step: { do: "exec", argv: [], env: [] }, is: "EINVAL", why: "nothing to execute" },
  ] as const satisfies readonly { step: StepBody; is: string; why: string }[];
  for (const { step, is, why } of rootless)
    test(`${step.do}: ${is}, ${why}`, () => {
      expect(failureOf(() => perform([{ ...step, because }])).symbol).toBe(is);
    });

  test("a path in a message cannot speak to the terminal", () => {
    const error = failureOf(() => perform([{ do: "write", path: "/\u001b[2J\n", text: "", because }]));
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });
});
