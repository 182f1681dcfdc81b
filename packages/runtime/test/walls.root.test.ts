import { existsSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { defaultCapabilities } from "@ctr/capabilities";
import { defaultMaskedPaths, defaultReadonlyPaths } from "@ctr/rootfs";
import { describe, expect, test } from "vitest";
import { hostFacts } from "../src/index.ts";
import { bundle, configOf, runIn, skipReason } from "./busybox.ts";

const output = async (script: string): Promise<string> => (await runIn(bundle(), configOf(script))).output.trim();

describe.skipIf(skipReason !== "")(`the default walls${skipReason}`, () => {
  test("capabilities: Docker's, and none is inheritable (CVE-2022-24769)", async () => {
    const status = await output("grep ^Cap /proc/self/status");
    const sets = Object.fromEntries(status.split("\n").map((line) => line.split(":\t") as [string, string]));
    const granted = (defaultCapabilities & hostFacts().available).toString(16).padStart(16, "0");
    const none = "0".repeat(16);
    expect(sets).toEqual({ CapInh: none, CapPrm: granted, CapEff: granted, CapBnd: granted, CapAmb: none });
  });

  test("seccomp is on, and says no to what needs it most", async () => {
    expect(await output("grep ^Seccomp: /proc/self/status")).toBe("Seccomp:\t2");
    const { ending } = await runIn(bundle(), configOf("unshare -U true || unshare -m true"));
    expect(ending.code).not.toBe(0);
  });

  test("PID 1, and nobody else is there", async () => {
    expect(await output("echo $$; ls /proc | grep -E '^[0-9]+$' | grep -cv '^1$'")).toMatch(/^1\n[123]$/); // ls and both greps
  });

  test("a hostname of its own; the host's stays", async () => {
    const before = hostname();
    expect(await output("hostname")).toBe("ctr");
    expect(hostname()).toBe(before);
  });

  test("a network of its own, with lo alone", async () => {
    expect(await output("ls /sys/class/net")).toBe("lo");
  });

  test("0, 1 and 2 are open, nothing else, and the environment is what was configured", async () => {
    expect(await output("ls /proc/self/fd")).toBe("0\n1\n2\n3"); // 3 is what ls reads
    expect((await runIn(bundle(), configOf(["/bin/env"]))).output).toBe(
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
    );
  });

  for (const path of defaultMaskedPaths.filter((path) => existsSync(path)))
    test(`${path} shows nothing`, async () => {
      if (statSync(path).isDirectory()) expect(await output(`ls -A ${path}`)).toBe("");
      else expect(await output(`wc -c < ${path}`)).toBe("0");
    });

  for (const path of defaultReadonlyPaths.filter((path) => existsSync(path)))
    test(`${path} cannot be written`, async () => {
      const options = await output(`grep " ${path} " /proc/self/mountinfo`);
      expect(options.split(" ")[5]).toMatch(/^ro/);
    });

  test("a kernel parameter of the host cannot be set", async () => {
    const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
    expect(await output("echo '|/x' > /proc/sys/kernel/core_pattern || echo refused")).toContain(
      "Read-only file system\nrefused",
    );
    expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(before);
  });

  test("/sys and /sys/fs/cgroup are read-only; release_agent cannot be set (CVE-2022-0492)", async () => {
    const script =
      "mkdir /sys/fs/cgroup/x; mkdir /sys/fs/cgroup/*/x; echo /x > /sys/fs/cgroup/memory/release_agent; mount -t cgroup -o memory x /tmp; echo done";
    const said = await output(script);
    expect(said.match(/Read-only file system/g)?.length).toBeGreaterThanOrEqual(2);
    expect(said).toMatch(/not permitted|permission denied/i);
    expect(said).toMatch(/done$/);
  });

  test("devices: the usual nodes, which work, and links beside them; no other can be made", async () => {
    const nodes = "for n in null zero full random urandom tty; do test -c /dev/$n || echo missing $n; done";
    const links = "readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx";
    const use = "head -c 3 /dev/zero | wc -c; echo x > /dev/null && echo written";
    expect(await output(`${nodes}; ${links}; ${use}`)).toBe("/proc/self/fd\n/proc/self/fd/0\npts/ptmx\n3\nwritten");
    // mknod(2) is granted, opening is not: the devices cgroup says no.
    expect(await output("mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk 2>&1")).toMatch(/Operation not permitted/);
  });

  test("limits of the cgroup can be read back inside", async () => {
    if (hostFacts().layout.kind === "v2") return; // run.v2.root.test.ts
    const resources = { memory: { limit: 64 << 20 }, pids: { limit: 33 }, cpu: { quota: 50_000, period: 100_000 } };
    const config = configOf(
      "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us; cat /proc/self/cgroup",
      (it) => ({ ...it, linux: { ...it.linux, resources } }),
    );
    const { output: said } = await runIn(bundle(), config);
    expect(said).toMatch(/^67108864\n33\n50000\n/);
    expect(
      said
        .trim()
        .split("\n")
        .slice(3)
        .filter((line) => /:(memory|pids|cpu):/.test(line))
        .every((line) => line.endsWith(":/")),
    ).toBe(true);
  });

  test("the old root is gone: nothing of the host is mounted, /proc/1/root and /.. are the container's", async () => {
    const at = bundle();
    const { output: said } = await runIn(
      at,
      configOf("cat /etc/marker /proc/1/root/etc/marker /../../etc/marker; cat /proc/self/mountinfo"),
    );
    expect(said.startsWith("of the container\n".repeat(3))).toBe(true);
    const targets = said
      .trim()
      .split("\n")
      .slice(3)
      .map((line) => line.split(" ")[4]);
    expect(targets.filter((target) => !/^\/($|proc|sys|dev)/.test(target!))).toEqual([]);
  });
});
