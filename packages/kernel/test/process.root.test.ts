import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  readdirSync,
  readSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  diskUsage,
  HeldProcess,
  isKernelError,
  KernelError,
  listXattrs,
  makePipe,
  mountDetached,
  openIn,
  start,
  startTimeOf,
  symbolOf,
  syncFileSystem,
} from "../src/index.ts";
import { notRoot, plan, shell } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

describe.skipIf(notRoot)("a process that is held", () => {
  test("can be signalled and waited for, by several at once; another start time is another process", async () => {
    const { read, write } = makePipe();
    const child = await start({ steps: plan(shell("read word")), stdio: [read, 1, 2] });
    const began = startTimeOf(child.pid)!;
    expect(began).toBeGreaterThan(0);
    expect(HeldProcess.open(child.pid, began + 1)).toBeUndefined();
    const held = HeldProcess.open(child.pid, began)!;
    const waits = [held.ended(), held.ended(), held.ended()];
    expect(held.kill(0)).toBe(true);
    expect(held.kill("SIGTERM")).toBe(true);
    await Promise.all(waits);
    expect(startTimeOf(child.pid)).toBeUndefined(); // a zombie has ended
    expect(await child.ended()).toEqual({ code: undefined, signal: "SIGTERM" });
    expect(held.kill("SIGTERM")).toBe(false);
    expect(HeldProcess.open(child.pid, began)).toBeUndefined();
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    for (const fd of [read, write]) closeSync(fd);
  });

  test("given up while somebody waits: the wait ends, and nothing keeps this process from ending", () => {
    const script = fileURLToPath(new URL("end-while-waiting.ts", import.meta.url));
    const told = execFileSync(process.execPath, ["--conditions=ctr-source", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(told).toBe("waited no longer\n");
  });
});

describe.skipIf(notRoot)("a detached mount", () => {
  test("lives in its fd alone, and is gone with it", () => {
    const fd = mountDetached({ type: "tmpfs", options: ["size=64k", "mode=700"], attributes: ["noExec"] });
    const file = openIn({ root: fd, path: "/file", flags: constants.O_CREAT | constants.O_RDWR });
    writeFileSync(file, "only here");
    closeSync(file);
    const again = openIn({ root: fd, path: "../../file", flags: constants.O_RDONLY });
    const bytes = Buffer.alloc(64);
    expect(bytes.toString("utf8", 0, readSync(again, bytes))).toBe("only here");
    for (const open of [again, fd]) closeSync(open);
  });

  const refused = [
    { type: "no-such-fs", options: [], is: { syscall: "fsopen", symbol: "ENODEV" }, why: "no such file system" },
    {
      type: "tmpfs",
      options: ["size=many"],
      is: { syscall: "fsconfig", symbol: "EINVAL" },
      why: "a value that is none",
    },
    { type: "tmpfs", options: ["nonsense=1"], is: { syscall: "fsconfig", symbol: "EINVAL" }, why: "no such option" },
    {
      type: "tmpfs",
      options: [`${"k".repeat(64)}=1`],
      is: { syscall: "fsconfig", symbol: "EINVAL" },
      why: "a key that is too long",
    },
  ] as const;
  for (const { type, options, is, why } of refused)
    test(`${type} ${options.join(",")}: ${why}; the kernel's own words are the hint`, () => {
      try {
        closeSync(mountDetached({ type, options }));
        throw new Error("it was mounted");
      } catch (error) {
        if (!isKernelError(error)) throw error;
        expect(error).toMatchObject(is);
        if (options[0]?.startsWith("nonsense")) expect(error.hint).toContain("nonsense");
      }
    });
});

describe("small things", () => {
  const symbols = [
    { errno: 2, is: "ENOENT", why: "the usual" },
    { errno: 11, is: "EAGAIN", why: "has two names" },
    { errno: 40, is: "ELOOP", why: "symlinks" },
    { errno: 95, is: "EOPNOTSUPP", why: "has two names" },
    { errno: 4095, is: "E4095", why: "no name at all" },
  ] as const;
  for (const { errno, is, why } of symbols)
    test(`errno ${errno} is ${is}: ${why}`, () => expect(symbolOf(errno)).toBe(is));

  test("a kernel error of another copy of this package is one too; other errors are not", () => {
    class Copy extends Error {
      override readonly name = "KernelError";
      readonly syscall = "open";
    }
    expect(isKernelError(new Copy())).toBe(true);
    expect(isKernelError(new KernelError({ syscall: "open", errno: 2 }))).toBe(true);
    for (const other of [new Error("open"), { name: "KernelError", syscall: "open" }, null])
      expect(isKernelError(other)).toBe(false);
  });

  test("extended attributes of a missing file: ENOENT with its path", () => {
    const path = join(temporaryDirectory(), "missing");
    expect(() => listXattrs({ path })).toThrow(expect.objectContaining({ code: "ERR_KERNEL_ENOENT", path }));
    expect(() => listXattrs({ path: "a\0b" })).toThrow(expect.objectContaining({ name: "KernelError" }));
  });

  test("syncFileSystem takes any path of it", async () => {
    const path = temporaryDirectory();
    await syncFileSystem({ path });
    expect(readdirSync(path)).toEqual([]);
    await expect(syncFileSystem({ path: join(path, "missing") })).rejects.toMatchObject({ code: "ERR_KERNEL_ENOENT" });
  });

  test("diskUsage counts what du counts: hard links once, symlinks themselves, holes not at all", async () => {
    const path = temporaryDirectory();
    for (let i = 0; i < 300; i++) {
      mkdirSync(join(path, `d${i}/e`), { recursive: true });
      writeFileSync(join(path, `d${i}/f`), "x".repeat(i * 100));
      linkSync(join(path, `d${i}/f`), join(path, `d${(i * 7) % (i + 1)}/e/link${i}`));
    }
    symlinkSync("/etc", join(path, "l"));
    writeFileSync(join(path, "hole"), "");
    truncateSync(join(path, "hole"), 1 << 30);
    const du = Number(execFileSync("du", ["-s", "--block-size=1", path], { encoding: "utf8" }).split("\t")[0]);
    expect(await diskUsage({ path })).toBe(du);
    await expect(diskUsage({ path: join(path, "hole") })).rejects.toMatchObject({ code: "ERR_KERNEL_ENOTDIR" });
    await expect(diskUsage({ path: "a\0b" })).rejects.toMatchObject({ name: "KernelError" });
  });
});
