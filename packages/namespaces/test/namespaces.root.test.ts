import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCode, makePipe, start } from "@ctr/kernel";
import type { NamespaceType, Step, StepBody } from "@ctr/plan";
import { describe, expect, onTestFinished, test } from "vitest";
import { namespacePath, namespacePlan, readNamespaces, timeOffsetSteps, writeIdMaps } from "../src/index.ts";

const notRoot = process.getuid?.() !== 0;
const because = { option: "test", why: "it is read back" };
const step = (body: StepBody): Step => ({ ...body, because }) as Step;
const shell = (script: string): Step =>
  step({ do: "exec", argv: ["/bin/sh", "-c", script], env: ["PATH=/usr/bin:/bin"] });

async function outputOf(options: Omit<Parameters<typeof start>[0], "stdio">): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "ctr-namespaces-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = openSync(join(directory, "output"), "w+");
  const child = await start({ ...options, stdio: [0, file, file] });
  expect(exitCode(await child.ended())).toBe(0);
  closeSync(file);
  return readFileSync(join(directory, "output"), "utf8");
}

test("this process's namespaces, as numbers; equal for itself and by path", () => {
  const own = readNamespaces();
  expect(Object.keys(own).sort()).toEqual(["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]);
  for (const inode of Object.values(own)) expect(Number.isSafeInteger(inode)).toBe(true);
  expect(readNamespaces(process.pid)).toEqual(own);
  expect(namespacePath("self", "network")).toBe("/proc/self/ns/net");
  expect(namespacePath(7, "mount")).toBe("/proc/7/ns/mnt");
  // Number 0 is no process.
  expect(() => readNamespaces(0)).toThrow(expect.objectContaining({ code: "ENOENT" }));
});

describe.skipIf(notRoot)("namespaces of a child", () => {
  test("new ones differ, the others are the same", async () => {
    const asked: NamespaceType[] = ["mount", "pid", "network", "ipc", "uts", "cgroup", "time"];
    const plan = namespacePlan(asked.map((type) => ({ type })));
    const { read, write } = makePipe();
    const child = await start({
      namespaces: plan.clone,
      steps: [...plan.unshare, shell("read word")],
      stdio: [read, 1, 2],
    });
    const [own, its] = [readNamespaces(), readNamespaces(child.pid)];
    closeSync(write);
    await child.ended();
    closeSync(read);
    const changed = Object.keys(own).filter((type) => own[type as NamespaceType] !== its[type as NamespaceType]);
    expect(changed.sort()).toEqual([...asked].sort());
  });

  test("joined ones are the other's", async () => {
    const { read, write } = makePipe();
    const owner = await start({
      namespaces: ["network", "ipc", "uts"],
      steps: [shell("read word")],
      stdio: [read, 1, 2],
    });
    const shared = (["network", "ipc", "uts"] as const).map((type) => ({ type, path: namespacePath(owner.pid, type) }));
    const plan = namespacePlan([...shared, { type: "mount" }]);
    const guest = await start({
      namespaces: plan.clone,
      steps: [...plan.join, shell("read word")],
      stdio: [read, 1, 2],
    });
    const [one, other] = [readNamespaces(owner.pid), readNamespaces(guest.pid)];
    closeSync(write);
    await Promise.all([owner.ended(), guest.ended()]);
    closeSync(read);
    for (const { type } of shared) expect(other[type]).toBe(one[type]);
    expect(other.mount).not.toBe(one.mount);
  });

  test("a user namespace: root inside is somebody else outside", async () => {
    const outside: number[] = [];
    const output = await outputOf({
      namespaces: ["user"],
      steps: [
        step({ do: "barrier", name: "id maps" }),
        step({ do: "setUser", uid: 0, gid: 0, groups: [] }),
        shell("id -u; id -g; cat /proc/self/uid_map"),
      ],
      barriers: {
        "id maps": (pid) => {
          const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
          writeIdMaps(pid, { uid: map, gid: [{ containerID: 0, hostID: 200_000, size: 10 }] });
          outside.push(...readFileSync(`/proc/${pid}/gid_map`, "utf8").trim().split(/\s+/).map(Number));
        },
      },
    });
    expect(output.trim().split(/\s+/).map(Number)).toEqual([0, 0, 0, 100_000, 65_536]);
    expect(outside).toEqual([0, 200_000, 10]);
  });

  test("a time namespace: the boot was a day earlier, the monotonic clock keeps its own offset", async () => {
    const plan = namespacePlan([{ type: "time" }]);
    const offsets = timeOffsetSteps({ boottime: { secs: 86_400 }, monotonic: { secs: 1000, nanosecs: 5 } });
    const before = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const [uptime, ...rest] = (
      await outputOf({ steps: [...plan.unshare, ...offsets, shell("cat /proc/uptime; cat /proc/self/timens_offsets")] })
    ).split("\n");
    const after = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const inside = Number(uptime?.split(" ")[0]) - 86_400;
    expect(inside).toBeGreaterThanOrEqual(before - 0.02); // /proc/uptime has two digits
    expect(inside).toBeLessThanOrEqual(after + 0.02);
    expect(rest.join("\n").replace(/ +/g, " ")).toMatch(/monotonic 1000 5\nboottime 86400 0/);
  });
});
