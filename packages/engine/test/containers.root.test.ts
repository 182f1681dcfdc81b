import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type CreateOptions, openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("containers (needs root)", () => {
  const { engine } = notRoot ? { engine: undefined as never } : temporaryEngine();
  const shell = (script: string, o: CreateOptions = {}): CreateOptions => ({
    image: "busybox",
    network: "none",
    command: ["sh", "-c", script],
    ...o,
  });

  async function start(o: CreateOptions): Promise<string> {
    const { id } = await engine.containers.create(o);
    (await engine.containers.start(id)).attachment.close();
    return id;
  }

  test("created → running → exited, with times in that order", async () => {
    const created = await engine.containers.create(shell("exit 3"));
    expect(created).toMatchObject({ state: "created", args: ["sh", "-c", "exit 3"], stopSignal: "SIGTERM" });
    const { record, attachment } = await engine.containers.start(created.id);
    attachment.close();
    expect(record.state).toBe("running");
    expect(await engine.containers.wait(created.id)).toBe(3);
    const ended = await engine.containers.get(created.id);
    expect(ended).toMatchObject({ state: "exited", exitCode: 3, oomKilled: false });
    const times = [ended.createdAt, ended.startedAt!, ended.finishedAt!].map((time) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    await engine.containers.remove(created.id);
    await expect(engine.containers.get(created.id)).rejects.toMatchObject({ code: "ERR_ENGINE_NO_CONTAINER" });
  });

  test("whoever looks just when a container ends waits for its monitor's word and sees the real exit code", async () => {
    for (let run = 0; run < 40; run++) {
      const id = await start(shell("exit 7"));
      let record = await engine.containers.get(id);
      while (record.state === "running") record = await engine.containers.get(id);
      expect(record).toMatchObject({ state: "exited", exitCode: 7 });
      await engine.containers.remove(id);
    }
  });

  test("a container whose program and monitor were both killed has ended with 137", async () => {
    const id = await start(shell("sleep 1000"));
    const { process: first } = await engine.containers.get(id);
    process.kill(first!.pid, "SIGKILL");
    expect(await engine.containers.wait(id)).toBe(137);
    await engine.containers.remove(id);
  });

  const refusals = [
    { options: { image: "nothing" }, is: { code: "ERR_IMAGE_NOT_FOUND" }, why: "no such image" },
    { options: shell("", { name: "a/b" }), is: { code: "ERR_ENGINE_NAME", exitCode: 125 }, why: "no name" },
    {
      options: shell("", { workdir: "relative" }),
      is: { code: "ERR_ENGINE_OPTION", exitCode: 125 },
      why: "not absolute",
    },
    {
      options: shell("", { stopSignal: "SIGNOTHING" }),
      is: { code: "ERR_ENGINE_OPTION", exitCode: 125 },
      why: "no signal",
    },
    { options: { rootfs: "/no/such/root", command: ["x"] }, is: { code: "ERR_ENGINE_OPTION" }, why: "no directory" },
    { options: { rootfs: "/usr" }, is: { code: "ERR_ENGINE_NO_COMMAND" }, why: "nothing to run" },
  ] as const;
  for (const { options, is, why } of refusals)
    test(`create is refused and leaves no record: ${why}`, async () => {
      await expect(engine.containers.create(options)).rejects.toMatchObject(is);
      expect(await engine.containers.list()).toEqual([]);
    });

  test("what a start refuses leaves the container as it was, with the reason in its record", async () => {
    const { id } = await engine.containers.create({ image: "busybox", network: "none", command: ["no-such-program"] });
    await expect(engine.containers.start(id)).rejects.toMatchObject({ exitCode: 127 });
    expect(await engine.containers.get(id)).toMatchObject({
      state: "created",
      error: expect.stringContaining("no-such-program"),
    });
    await engine.containers.remove(id);
  });

  test("stop says whether SIGKILL was needed, and whether the signal was dropped", async () => {
    const ready = async (id: string): Promise<void> => {
      for await (const { log } of engine.containers.logs(id, { follow: true })) if (log === "ready\n") return;
    };
    const rows = [
      {
        script: "echo ready; while :; do sleep 0.1; done",
        init: false,
        seconds: 0,
        is: { killed: true, ignoresSignal: true },
      },
      {
        script: "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done",
        init: false,
        seconds: 60,
        is: { killed: false, ignoresSignal: false },
      },
      { script: "echo ready; exec sleep 1000", init: true, seconds: 60, is: { killed: false, ignoresSignal: false } },
    ];
    for (const { script, init, seconds, is } of rows) {
      const id = await start(shell(script, { init }));
      await ready(id);
      expect(await engine.containers.stop(id, { seconds }), script).toEqual(is);
      await engine.containers.remove(id);
    }
  });

  test("housekeeping takes what a killed process was about to start, and keeps what was only made", async () => {
    const root = mkdtempSync(join(tmpdir(), "ctr-engine-killed-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const program = `
      import { openEngine } from "@ctr/engine";
      const engine = openEngine({ root: process.argv[1] });
      await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });
      const options = { image: "busybox", command: ["true"], network: "none" };
      await engine.containers.create({ ...options, name: "kept", autoRemove: true });
      await engine.containers.create({ ...options, name: "abandoned", autoRemove: true, startsAtOnce: true });
      process.kill(process.pid, "SIGKILL");`;
    const child = spawn(
      process.execPath,
      ["--conditions=ctr-source", "--no-warnings", "--input-type=module", "-e", program, root],
      { cwd: import.meta.dirname },
    );
    await once(child, "exit");
    using other = openEngine({ root });
    expect((await other.containers.list()).map(({ name }) => name).toSorted()).toEqual(["abandoned", "kept"]);
    await other.housekeeping();
    expect((await other.containers.list()).map(({ name }) => name)).toEqual(["kept"]);
    await other.containers.remove("kept");
  });

  test("--network none has a loopback interface that is up", async () => {
    const id = await start(shell("ip addr show lo | grep -c 127.0.0.1"));
    await engine.containers.wait(id);
    const entries = await Array.fromAsync(engine.containers.logs(id));
    expect(entries.map(({ log }) => log)).toEqual(["1\n"]);
    await engine.containers.remove(id);
  });

  test("of many removals at once one does it, and all of them wait until it is done", async () => {
    using other = openEngine({ root: engine.root });
    const { id } = await engine.containers.create(shell("true"));
    const removals = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? engine : other).containers.remove(id));
    for (const { status } of await Promise.allSettled(removals)) expect(status).toBe("fulfilled");
    await expect(engine.containers.get(id)).rejects.toMatchObject({ code: "ERR_ENGINE_NO_CONTAINER" });
  });

  test("explain makes nothing and names the option behind each step", async () => {
    const { id } = await engine.containers.create(shell("true", { hostname: "explained" }));
    const steps = await engine.containers.explain(id);
    expect(steps.at(-1)).toMatchObject({ do: "exec", argv: ["sh", "-c", "true"] });
    for (const { because } of steps) expect([because.option, because.why]).not.toContain("");
    expect((await engine.containers.get(id)).state).toBe("created");
    await engine.containers.remove(id);
  });

  test("the event loop stays free while a container runs", async () => {
    const id = await start(shell("read line < /dev/zero"));
    let turns = 0;
    const waiting = engine.containers.wait(id);
    while (turns < 100) await new Promise((resolve) => setImmediate(resolve, turns++));
    await engine.containers.kill(id);
    expect(await waiting).toBe(137);
    await engine.containers.remove(id);
  });
});
