import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("a commit stops the container meanwhile (needs root)", () => {
  const { engine } = temporaryEngine();

  /** A container that does `script` and then goes on for ever. */
  async function started(script: string): Promise<{ id: string; isFrozen: () => boolean }> {
    const command = ["sh", "-c", `${script}; echo > /ready; while :; do sleep 1; done`];
    const { id } = await engine.containers.create({ image: "busybox", network: "none", command });
    (await engine.containers.start(id)).attachment.close();
    onTestFinished(() => engine.containers.remove(id, { force: true }));
    const pid = (await engine.containers.get(id)).process!.pid;
    while (!existsSync(`/proc/${pid}/root/ready`)) await setImmediate();
    const cgroups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
    const v1 = /^\d+:(?:[^:]*,)?freezer(?:,[^:]*)?:(.*)$/m.exec(cgroups)?.[1];
    const v2 = /^0::(.*)$/m.exec(cgroups)?.[1];
    const isFrozen =
      v1 === undefined
        ? () => /^frozen 1$/m.test(readFileSync(`/sys/fs/cgroup${v2}/cgroup.events`, "utf8"))
        : () => readFileSync(`/sys/fs/cgroup/freezer${v1}/freezer.state`, "utf8") === "FROZEN\n";
    return { id, isFrozen };
  }

  /** Whether a container was ever frozen while `action` went on. */
  async function wasFrozen(isFrozen: () => boolean, action: Promise<unknown>): Promise<boolean> {
    let goesOn = true;
    const settled = action
      .catch(() => undefined)
      .finally(() => {
        goesOn = false;
      });
    let frozen = false;
    while (goesOn) {
      frozen ||= isFrozen();
      await setImmediate();
    }
    await settled;
    return frozen;
  }

  const large = "head -c 30000000 /dev/urandom > /large";

  test("frozen while its files are read, and thawed then; not with pause false", async () => {
    const { id, isFrozen } = await started(large);
    expect(await wasFrozen(isFrozen, engine.containers.commit(id))).toBe(true);
    expect(isFrozen()).toBe(false);
    expect(await wasFrozen(isFrozen, engine.containers.commit(id, { pause: false }))).toBe(false);
    expect(await engine.containers.get(id)).toMatchObject({ state: "running" });
    expect(await engine.containers.get(id)).not.toHaveProperty("frozenBy");
  });

  test("thawed after a failure: a name that no layer can hold", async () => {
    const { id, isFrozen } = await started("touch /.wh.name");
    await expect(engine.containers.commit(id)).rejects.toMatchObject({ code: "ERR_LAYERS_SOURCE" });
    expect(isFrozen()).toBe(false);
  });

  test("thawed after an abort, and no image is there", async () => {
    const { id, isFrozen } = await started("truncate -s 4G /sparse");
    const cancel = new AbortController();
    const committing = engine.containers.commit(id, { name: "aborted", signal: cancel.signal });
    const failed = expect(committing).rejects.toThrow("enough");
    while (!isFrozen()) await setImmediate();
    cancel.abort(new Error("enough"));
    await failed;
    expect(isFrozen()).toBe(false);
    expect(() => engine.images.resolve("aborted")).toThrow("aborted");
  });

  test("two commits at once: the container is frozen until each has read it", async () => {
    const { id, isFrozen } = await started(large);
    const o = { sourceDateEpoch: 1 };
    const [one, two] = await Promise.all([engine.containers.commit(id, o), engine.containers.commit(id, o)]);
    expect(one.id).toBe(two.id);
    expect(isFrozen()).toBe(false);
  });

  test("a commit that was killed leaves it frozen until the next look at it", async () => {
    const { id, isFrozen } = await started("truncate -s 4G /sparse");
    const script = `import { openEngine } from ${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))};
      await openEngine({ root: ${JSON.stringify(engine.root)} }).containers.commit(${JSON.stringify(id)});`;
    const child = spawn(process.execPath, ["--conditions=ctr-source", "--input-type=module", "--eval", script], {
      stdio: "ignore",
    });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    while (!isFrozen()) await setImmediate();
    child.kill("SIGKILL");
    await gone;
    expect(isFrozen()).toBe(true);
    expect(await engine.containers.get(id)).toMatchObject({ state: "running" });
    expect(isFrozen()).toBe(false);
  });
});
