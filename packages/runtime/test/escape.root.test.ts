import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isKernelError } from "@ctr/kernel";
import { describe, expect, test } from "vitest";
import { bundle, canary, configOf, machine, runIn, skipReason } from "./busybox.ts";

const ways = [
  { name: "absolute", target: (outside: string) => outside, why: "the canary by its path" },
  { name: "relative", target: () => "../canary", why: "by dots" },
  { name: "dangling", target: (outside: string) => `${outside}/new`, why: "what is missing would be made" },
  { name: "chain", target: () => "/hop", why: "over another symlink" },
  { name: "inside", target: () => "/tmp", why: "even one that stays inside" },
] as const;

describe.skipIf(skipReason !== "")(`a hostile rootfs${skipReason}`, () => {
  for (const place of ["proc", "sys", "dev"])
    for (const { name, target, why } of ways)
      test(`/${place} is a symlink, ${name}: refused with a reason, ${why} (CVE-2019-19921, CVE-2026-41579)`, async () => {
        const before = machine();
        const at = bundle();
        const outside = canary(at);
        rmdirSync(join(at.rootfs, place));
        symlinkSync(outside.path, join(at.rootfs, "hop"));
        symlinkSync(target(outside.path), join(at.rootfs, place));
        const error = await runIn(at, configOf("true")).catch((reason: unknown) => reason);
        if (!isKernelError(error)) throw new Error("it ran");
        expect(error.message).toContain("symlink");
        expect([error.symbol, error.step?.do]).toEqual(["ELOOP", "mount"]);
        outside.isUntouched();
        expect(readdirSync(join(at.rootfs, "tmp"))).toEqual([]);
        expect(machine()).toEqual(before);
      });

  for (const { name, target, why } of ways)
    test(`a volume onto a symlink, ${name}: the mount stays inside, ${why}`, async () => {
      const at = bundle();
      const outside = canary(at);
      symlinkSync(outside.path, join(at.rootfs, "hop"));
      symlinkSync(target(outside.path), join(at.rootfs, "data"));
      // What the names mean inside. A symlink to nothing is refused: nobody knows what should be made.
      for (const inside of ["canary", outside.path]) mkdirSync(join(at.rootfs, inside), { recursive: true });
      const source = join(at.directory, "source");
      mkdirSync(source);
      writeFileSync(join(source, "from-the-host"), "");
      const config = configOf("ls /data/", (it) => ({
        ...it,
        mounts: [...it.mounts!, { destination: "/data", type: "bind", source, options: ["rbind"] }],
      }));
      if (name === "dangling") await expect(runIn(at, config)).rejects.toMatchObject({ symbol: "ENOENT" });
      else expect((await runIn(at, config)).output).toBe("from-the-host\n");
      outside.isUntouched();
    });

  test("links that devices are made through: /dev is ours, what the image has there is covered", async () => {
    const at = bundle();
    const outside = canary(at);
    for (const name of ["null", "ptmx", "console", "shm", "pts", "fd"])
      symlinkSync(join(outside.path, name), join(at.rootfs, "dev", name));
    expect((await runIn(at, configOf("test -c /dev/null && test -d /dev/pts && echo fine"))).output).toBe("fine\n");
    outside.isUntouched();
  });

  test("without a /dev of its own, nodes replace the image's symlinks and follow none", async () => {
    const at = bundle();
    const outside = canary(at);
    for (const name of ["null", "zero", "fd"]) symlinkSync(join(outside.path, name), join(at.rootfs, "dev", name));
    const config = configOf("test -c /dev/null && echo fine", (it) => ({
      ...it,
      mounts: it.mounts!.filter(({ destination }) => !destination.startsWith("/dev")),
    }));
    expect((await runIn(at, config)).output).toBe("fine\n");
    outside.isUntouched();
    expect(lstatSync(join(at.rootfs, "dev/null")).isCharacterDevice()).toBe(true);
  });

  test("masked paths that are symlinks hide what they lead to inside, never the host's", async () => {
    const at = bundle();
    const outside = canary(at);
    symlinkSync(join(outside.path, "file"), join(at.rootfs, "secret"));
    const config = configOf("cat /secret || echo nothing", (it) => ({
      ...it,
      linux: { ...it.linux, maskedPaths: ["/secret", "/loop"] },
    }));
    expect((await runIn(at, config)).output).toContain("nothing");
    outside.isUntouched();
  });
});

describe.skipIf(skipReason !== "")(`a hostile configuration${skipReason}`, () => {
  test("cwd /proc/self/fd/N: refused, or inside (CVE-2024-21626)", async () => {
    for (let fd = 3; fd <= 24; fd++) {
      const at = bundle();
      const outside = canary(at);
      for (const createCwd of [false, true]) {
        const config = configOf("cd ../../../../../..; cat etc/marker; ls", (it) => ({
          ...it,
          process: { ...it.process!, cwd: `/proc/self/fd/${fd}` },
        }));
        const ran = await runIn(at, config, { createCwd }).catch((error: unknown) => error);
        if (isKernelError(ran)) expect(ran.step?.do).toBe("changeDirectory");
        else expect((ran as { output: string }).output).toMatch(/^of the container\nbin\ndev\n/);
        outside.isUntouched();
      }
    }
  });

  test("cwd that an image's symlink leads to a descriptor: the same", async () => {
    for (const fd of [3, 4, 5, 6, 7, 8]) {
      const at = bundle();
      symlinkSync(`/proc/self/fd/${fd}`, join(at.rootfs, "work"));
      const config = configOf("cat ../../../../../../etc/marker", (it) => ({
        ...it,
        process: { ...it.process!, cwd: "/work" },
      }));
      const ran = await runIn(at, config).catch((error: unknown) => error);
      if (isKernelError(ran)) expect(ran.step?.do).toBe("changeDirectory");
      else expect((ran as { output: string }).output).toBe("of the container\n");
    }
  });

  test("a working directory is made inside, whatever symlinks are on its way", async () => {
    const at = bundle();
    const outside = canary(at);
    symlinkSync(outside.path, join(at.rootfs, "out"));
    mkdirSync(join(at.rootfs, outside.path), { recursive: true });
    const config = configOf("pwd", (it) => ({ ...it, process: { ...it.process!, cwd: "/out/new/deep" } }));
    expect((await runIn(at, config, { createCwd: true })).output).toBe(`${outside.path}/new/deep\n`);
    outside.isUntouched();
  });

  const sysctls = [
    {
      sysctl: { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/x" },
      why: "one value smuggles another in (CVE-2022-0811)",
    },
    { sysctl: { "kernel.shm_rmid_forced": "1\nkernel.core_pattern=|/x" }, why: "by a line end" },
    { sysctl: { "kernel.core_pattern": "|/x" }, why: "a parameter of the whole machine" },
    { sysctl: { "kernel.msg../../core_pattern": "|/x" }, why: "dots" },
    { sysctl: { "net/../kernel/core_pattern": "|/x" }, why: "dots between slashes" },
    { sysctl: { "net.ipv4.../../../kernel/core_pattern": "|/x" }, why: "more of them" },
    { sysctl: { "/proc/sys/kernel/core_pattern": "|/x" }, why: "absolute" },
    { sysctl: { "vm.overcommit_memory": "1" }, why: "of the machine too" },
    { sysctl: { "net.core.bpf_jit_enable": "0" }, why: "in net, but not in a network namespace" },
    { sysctl: { "": "1" }, why: "no name" },
  ] as const;
  for (const { sysctl, why } of sysctls)
    test(`sysctl ${JSON.stringify(sysctl)}: refused, ${why}`, async () => {
      const before = machine();
      const config = configOf("true", (it) => ({
        ...it,
        linux: { ...it.linux, sysctl: sysctl as Record<string, string> },
      }));
      const error = await runIn(bundle(), config).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(["RuntimeError", "KernelError"]).toContain((error as Error).name);
      expect(machine()).toEqual(before);
    });

  test("a parameter of a namespace of its own is set there; shared namespaces are the host's", async () => {
    const file = "/proc/sys/kernel/shm_rmid_forced";
    const before = readFileSync(file, "utf8");
    const sysctl = { "kernel.shm_rmid_forced": "1", "net.ipv4.ip_forward": "1", "net/ipv4/ping_group_range": "5 6" };
    const config = configOf(`cat ${file} /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ping_group_range`, (it) => ({
      ...it,
      linux: { ...it.linux, sysctl },
    }));
    expect((await runIn(bundle(), config)).output).toBe("1\n1\n5\t6\n");
    expect(readFileSync(file, "utf8")).toBe(before);
    const shared = configOf("true", (it) => ({
      ...it,
      linux: { ...it.linux, sysctl, namespaces: it.linux!.namespaces!.filter(({ type }) => type !== "ipc") },
    }));
    await expect(runIn(bundle(), shared)).rejects.toMatchObject({ code: "ERR_RUNTIME_CONFIG" });
  });

  test("without a mount namespace of its own nothing starts: the host's root would be pivoted", async () => {
    const config = configOf("true", (it) => ({ ...it, linux: { ...it.linux, namespaces: [{ type: "pid" }] } }));
    await expect(runIn(bundle(), config)).rejects.toMatchObject({ code: "ERR_RUNTIME_UNSUPPORTED" });
    expect(existsSync("/etc/passwd")).toBe(true);
  });
});
