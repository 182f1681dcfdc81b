import { spawn } from "node:child_process";
import { once } from "node:events";
import { execPath } from "node:process";
import { openEngine } from "@ctr/engine";
import { exitCode } from "@ctr/kernel";
import { describe, expect, test } from "vitest";
import { notRoot, program, temporaryCtr } from "./ctr.ts";
import { seeded } from "./seeded.ts";

describe.skipIf(notRoot)("many runs leave nothing (needs root)", { timeout: 300_000 }, () => {
  const ctr = temporaryCtr();

  test("1000 runs in a row of one process", async () => {
    using engine = openEngine({ root: ctr.root });
    for (let run = 0; run < 1000; run++) {
      const { id } = await engine.containers.create({
        image: "busybox",
        network: "none",
        command: ["sh", "-c", `exit ${run % 200}`],
      });
      const { attachment } = await engine.containers.start(id);
      expect(exitCode((await attachment.ended())!)).toBe(run % 200);
      attachment.close();
      await engine.containers.remove(id);
    }
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("200 runs in a row, a process each, with the default network", async () => {
    for (let run = 0; run < 200; run++)
      expect(await ctr.call(["run", "--rm", "busybox", "sh", "-c", `echo ${run}; exit ${run}`])).toEqual({
        status: run,
        stdout: `${run}\n`,
        stderr: "",
      });
    await ctr.removeContainers(); // and the bridge, which housekeeping keeps for the next container
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("200 runs whose command is killed at a random moment of its life", async () => {
    const random = seeded(20_251_125);
    const before = performance.now();
    await ctr.call(["run", "--rm", "busybox", "true"]);
    const life = Math.max(200, performance.now() - before); // a busy machine takes longer over each of its parts
    for (let run = 0; run < 200; run++) {
      // Every eighth reads its input, every second has a network and a port: what is held differs.
      const flags = [...(run % 2 === 0 ? ["--network", "none"] : ["-p", "80"]), ...(run % 8 === 0 ? ["-i"] : [])];
      const child = spawn(
        execPath,
        ["--", program, "--root", ctr.root, "run", "--rm", ...flags, "busybox", "sh", "-c", "echo x; sleep 0.05"],
        { stdio: "ignore" },
      );
      const ended = once(child, "exit");
      const timer = setTimeout(() => child.kill("SIGKILL"), random() * life);
      await ended;
      clearTimeout(timer);
    }
    // A container may outlive the command that started it; it ends by itself and nobody stops it.
    using engine = openEngine({ root: ctr.root });
    for (const { id, state } of await engine.containers.list())
      if (state === "running") await engine.containers.wait(id);
    expect((await ctr.call(["run", "--rm", "busybox", "echo", "still runs"])).stdout).toBe("still runs\n");
    await engine.housekeeping({ network: true });
    expect(await ctr.traces.left()).toEqual([]);
  });
});
