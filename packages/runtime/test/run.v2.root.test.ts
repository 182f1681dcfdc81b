import { closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePipe } from "@ctr/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultConfig, hostFacts, type RunningContainer, run } from "../src/index.ts";

// The whole start on pure cgroup v2: only the virtual machine of `npm run test:vm` has it here.
const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
const reason =
  process.env.CTR_VM === undefined
    ? " (needs the VM: npm run test:vm)"
    : busybox === undefined
      ? " (needs busybox)"
      : "";

describe.skipIf(reason !== "")(`a container on pure cgroup v2${reason}`, () => {
  let rootfs: string;
  beforeAll(() => {
    rootfs = mkdtempSync(join(tmpdir(), "ctr-v2-"));
    mkdirSync(join(rootfs, "bin"));
    cpSync(busybox!, join(rootfs, "bin/sh"), { dereference: true });
  });
  afterAll(() => rmSync(rootfs, { recursive: true, force: true }));

  async function start(script: string, out: number): Promise<RunningContainer> {
    const config = defaultConfig({ args: ["/bin/sh", "-c", script] });
    const resources = { memory: { limit: 64 << 20 }, pids: { limit: 33 }, cpu: { quota: 50_000, period: 100_000 } };
    return run({ config: { ...config, linux: { ...config.linux, resources } }, rootfs, stdio: [0, out, 2] });
  }

  test("is born in its cgroup and reads its limits there", async () => {
    expect(hostFacts().layout.kind).toBe("v2");
    const pipe = makePipe();
    const container = await start(
      "read -r l < /proc/self/cgroup; echo $l; read -r m < /sys/fs/cgroup/memory.max; read -r c < /sys/fs/cgroup/cpu.max; read -r p < /sys/fs/cgroup/pids.max; echo $m $c $p",
      pipe.write,
    );
    expect(await container.ended()).toEqual({ code: 0, signal: undefined });
    closeSync(pipe.write);
    expect(readFileSync(pipe.read, "utf8")).toBe("0::/\n67108864 50000 100000 33\n");
    closeSync(pipe.read);
  });

  test("leaves no cgroup behind", async () => {
    const container = await start("exit 7", 1);
    const [directory] = container.cgroup.directories;
    expect((await container.ended()).code).toBe(7);
    expect(existsSync(directory!)).toBe(false);
  });

  test("a program that is missing is told of, and nothing stays", async () => {
    const config = defaultConfig({ args: ["/nonesuch"] });
    await expect(run({ config, rootfs })).rejects.toThrow(/no such file/);
  });
});
