// A full disk ends in a message, and in a store that goes on once there is room.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CountedRegistry, countedRegistry } from "./crash/counted-registry.ts";
import { SmallDisk } from "./crash/small-disk.ts";
import { Ctr, notRoot } from "./ctr.ts";

describe.skipIf(notRoot)("a disk of 64 MB (needs root)", { timeout: 300_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-full-"));
  const path = (name: string): string => join(directory, name);
  const full = /^ctr: .*no space left on device/m;
  let registry: CountedRegistry;
  let disk: SmallDisk;

  beforeAll(async () => {
    registry = await countedRegistry(path("registry"));
    // What compresses is too large unpacked, what does not is too large as a blob.
    mkdirSync(path("noise"));
    writeFileSync(path("noise/noise"), randomBytes(70 << 20));
    mkdirSync(path("zeros"));
    writeFileSync(path("zeros/zeros"), Buffer.alloc(100 << 20, "0"));
    const elsewhere = new Ctr(path("elsewhere"));
    for (const name of ["noise", "zeros"]) {
      await execa("tar", ["-C", path(name), "-czf", path(`${name}.tgz`), "."], { env: { GZIP: "-1" } });
      await elsewhere.say("import", path(`${name}.tgz`), `${registry.host}/${name}:1`);
      await elsewhere.say("push", `${registry.host}/${name}:1`);
      await elsewhere.say("save", "-o", path(`${name}.tar`), `${registry.host}/${name}:1`);
    }
    writeFileSync(path("zeros/Dockerfile"), "FROM busybox\nCOPY zeros /\n");
    writeFileSync(path("noise/Dockerfile"), "FROM busybox\nRUN dd if=/dev/zero of=/zeros bs=1M count=100\n");
    disk = await SmallDisk.make(path("state"), "64m");
    expect(await disk.call("image", "from-host", "-t", "busybox", "busybox")).toMatchObject({ status: 0 });
    const dd = "dd if=/dev/urandom of=/noise bs=1M count=35";
    expect(await disk.call("run", "--name", "large", "--network", "none", "busybox", "sh", "-c", dd)).toMatchObject({
      status: 0,
    });
  });
  afterAll(async () => {
    await disk.call("system", "prune", "-af");
    await disk[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const cases: readonly { readonly why: string; readonly args: () => readonly string[]; readonly says?: RegExp }[] = [
    { why: "pull: the layer's archive is too large", args: () => ["pull", "-q", `${registry.host}/noise:1`] },
    { why: "pull: the unpacked layer is too large", args: () => ["pull", "-q", `${registry.host}/zeros:1`] },
    { why: "load: the layer's archive is too large", args: () => ["load", "-i", path("noise.tar")] },
    { why: "load: the unpacked layer is too large", args: () => ["load", "-i", path("zeros.tar")] },
    { why: "import: the archive is too large", args: () => ["import", path("noise.tgz"), "noise:1"] },
    { why: "import: the files are too large", args: () => ["import", path("zeros.tgz"), "zeros:1"] },
    { why: "commit: the changes are too large", args: () => ["commit", "large", "large:1"] },
    { why: "build: what is copied is too large", args: () => ["build", "-t", "large:1", path("zeros")] },
    {
      why: "build: what a step writes is too large",
      args: () => ["build", "-t", "large:1", "--network", "none", path("noise")],
      says: /dd: .*No space left on device/,
    },
  ];
  for (const { why, args, says } of cases)
    test(why, async () => {
      const [before, listed] = [disk.free(), await disk.call("images")];
      const { status, stderr } = await disk.call(...args());
      expect(status).toBe(1);
      expect(stderr).toMatch(
        says ?? /^ctr: .*no space left on device; remove what is not needed \(ctr system prune\)/m,
      );
      expect(await disk.call("images")).toEqual(listed);
      expect(await disk.call("run", "--rm", "--network", "none", "busybox", "echo", "goes on")).toEqual({
        status: 0,
        stdout: "goes on\n",
        stderr: "",
      });
      expect(await disk.call("system", "check")).toMatchObject({ status: 0 });
      expect(before - disk.free()).toBeLessThan(1 << 20); // but for what SQLite keeps of its log
    });

  test("with not a byte left, what can be removed can be removed", async () => {
    disk.fill();
    expect(disk.free()).toBe(0);
    expect(await disk.call("images")).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await disk.call("pull", "-q", `${registry.host}/noise:1`);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(full) });
    expect(await disk.call("rm", "large")).toMatchObject({ status: 0, stderr: "" });
    expect(disk.free()).toBeGreaterThan(30 << 20);
    expect(await disk.call("system", "check")).toMatchObject({ status: 0 });
  });

  test("where somebody takes even what was kept for that, every command says so, and goes on once there is room", async () => {
    disk.fill();
    await disk.call("images"); // gives up what is kept
    disk.fill();
    expect(disk.free()).toBe(0);
    for (const args of [["images"], ["pull", "-q", `${registry.host}/noise:1`], ["run", "--rm", "busybox", "true"]]) {
      const { status, stderr } = await disk.call(...args);
      expect({ status: status > 0, stderr }).toEqual({ status: true, stderr: expect.stringMatching(full) });
    }
    disk.empty();
    expect(await disk.call("run", "--rm", "--network", "none", "busybox", "echo", "goes on")).toEqual({
      status: 0,
      stdout: "goes on\n",
      stderr: "",
    });
    expect(await disk.call("system", "check")).toMatchObject({ status: 0 });
  });
});
