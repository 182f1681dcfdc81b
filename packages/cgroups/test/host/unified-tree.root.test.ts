import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { type Cgroup, createCgroup, detectLayout, type Layout } from "../../src/index.ts";
import { ended, joined, startIn } from "./child.ts";

const isRoot = process.getuid?.() === 0;
const found = isRoot ? detectLayout() : undefined;
const unified = found?.unified;

// A hybrid machine's v2 tree has few controllers or none, but freezing, ending and events are in every
// cgroup: what the v2 half does without controllers is seen here without a virtual machine.
describe.skipIf(unified === undefined)("the v2 tree of this machine", () => {
  const tree = unified!;
  const layout: Layout = {
    kind: "v2",
    controllers: { freezer: tree, cpuacct: tree },
    unified: tree,
    ioWeight: "generic",
    own: new Map(),
  };
  const open: Cgroup[] = [];

  async function make(): Promise<Cgroup> {
    const cgroup = await createCgroup({
      layout,
      path: `/ctr-test-${randomUUID()}`,
      resources: {},
      always: ["freezer"],
    });
    open.push(cgroup);
    return cgroup;
  }

  afterEach(async () => {
    for (const cgroup of open.splice(0)) {
      await cgroup.kill();
      await cgroup.remove();
      for (const directory of cgroup.directories) expect(existsSync(directory)).toBe(false);
    }
  });

  test("its directory is open for CLONE_INTO_CGROUP until it is closed", async () => {
    const cgroup = await make();
    expect(cgroup.directoryFd).toBeGreaterThan(2);
    cgroup.close();
    expect(cgroup.directoryFd).toBe(-1);
  });

  test("freeze, thaw, kill while frozen", async () => {
    const cgroup = await make();
    const child = startIn(cgroup, "while :; do :; done");
    await joined(child);
    await cgroup.freeze();
    const used = (await cgroup.stats()).cpu!.usage;
    await cgroup.thaw();
    await cgroup.freeze();
    expect((await cgroup.stats()).cpu!.usage).toBeGreaterThanOrEqual(used);
    const end = ended(child);
    await cgroup.kill();
    expect(await end).toMatchObject({ signal: "SIGKILL" });
    expect(await cgroup.processes()).toEqual([]);
  });

  test("remove is woken by the last process's end", async () => {
    const cgroup = await make();
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    const end = ended(child);
    const removing = cgroup.remove();
    child.kill("SIGTERM");
    await Promise.all([removing, end]);
  });

  test("remove gives up with the ids of those who are in it", async () => {
    const cgroup = await make();
    const child = startIn(cgroup, "exec sleep 1000");
    await joined(child);
    await expect(cgroup.remove({ timeout: 50 })).rejects.toThrow(`${child.pid}`);
  });
});

test.skipIf(unified !== undefined)("the v2 tree: there is none here, or this is not root", () => undefined);
