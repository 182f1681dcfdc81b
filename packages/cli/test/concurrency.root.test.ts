import { describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

const ten = Array.from({ length: 10 }, (_, at) => at);

describe.skipIf(notRoot)("many commands at once on one state directory (needs root)", () => {
  const ctr = temporaryCtr();

  test("10 runs: each has its own output, exit code and address", async () => {
    const script = (at: number) => `ip -4 -o addr show eth0 | awk '{ print $4 }'; exit ${at}`;
    const done = await Promise.all(ten.map((at) => ctr.call(["run", "--rm", "busybox", "sh", "-c", script(at)])));
    expect(done.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
      ten.map((status) => ({ status, stderr: "" })),
    );
    for (const { stdout } of done) expect(stdout).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+\n$/);
  });

  test("10 containers of the same name: one wins, nine hear Docker's words", async () => {
    const done = await Promise.all(ten.map(() => ctr.call(["create", "--name", "same", "busybox", "true"])));
    const [winner, ...others] = done.filter(({ status }) => status === 0);
    expect(others).toEqual([]);
    const id = winner!.stdout.trim();
    for (const { status, stderr } of done.filter((one) => one !== winner))
      expect({ status, stderr }).toEqual({
        status: 125,
        stderr: expect.stringContaining(`The container name "/same" is already in use by container "${id}"`),
      });
  });

  test("10 removals of one container: it is gone, and nobody sees a fault", async () => {
    const done = await Promise.all(ten.map(() => ctr.call(["rm", "-f", "same"])));
    expect(done.some(({ status }) => status === 0)).toBe(true);
    for (const { status, stderr } of done) if (status !== 0) expect(stderr).toBe("Error: No such container: same\n");
    expect(await ctr.say("ps", "-aq")).toBe("");
  });

  test("10 starts of one container: it runs once", async () => {
    await ctr.say(
      "create",
      "--name",
      "once",
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "echo started; exec sleep 1000",
    );
    const done = await Promise.all(ten.map(() => ctr.call(["start", "once"])));
    expect(done.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
    await ctr.wrote("once", "started");
    expect(await ctr.say("logs", "once")).toBe("started");
    await ctr.say("rm", "-f", "once");
  });

  test("10 execs in one container, and its stop meanwhile", async () => {
    const id = await ctr.start("--name", "box");
    await ctr.wrote(id, "ready");
    const done = await Promise.all([
      ...ten.map((at) => ctr.call(["exec", "box", "sh", "-c", `exit ${at}`])),
      ctr.call(["stop", "-t", "5", "box"]),
    ]);
    for (const [at, { status, stderr }] of done.slice(0, 10).entries()) expect([at, 1, 137], stderr).toContain(status);
    expect(done.at(-1)!.status).toBe(0);
    await ctr.say("rm", "box");
  });

  test("listing while containers come and go", async () => {
    const runs = Promise.all(ten.map((at) => ctr.run(["--name", `brief-${at}`], "true")));
    const lists = await Promise.all(ten.map(() => ctr.call(["ps", "-a"])));
    for (const { status, stderr } of lists) expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const { status, stderr } of await runs) expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("after all of it nothing is left", async () => {
    await ctr.removeContainers();
    expect(await ctr.traces.left()).toEqual([]);
  });
});
