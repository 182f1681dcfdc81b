import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { notRoot, program, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("PID 1 (needs root)", () => {
  const ctr = temporaryCtr();
  afterEach(async () => {
    await ctr.removeContainers();
    expect(await ctr.traces.left()).toEqual([]);
  });

  // A process whose parent ends first, so it becomes PID 1's; it ends once PID 1 is `sleep`, and tells its number.
  const orphan = "(sh -c 'until [ -e /go ]; do :; done; echo $$ > /orphan' &)";
  const untilItEnds = "touch /go; until [ -s /orphan ]; do :; done";

  test("without --init a program that waits for nobody keeps its orphans as zombies", async () => {
    await ctr.background(["--name", "negligent"], `${orphan}; exec sleep 1000`);
    const untilZombie = `until [ "$(cat /proc/1/comm)" = sleep ]; do :; done; ${untilItEnds}; until grep -q '^State:.Z' /proc/$(cat /orphan)/status; do :; done; echo zombie`;
    expect(await ctr.say("exec", "negligent", "sh", "-c", untilZombie)).toBe("zombie");
  });

  test("--init reaps orphans", async () => {
    await ctr.background(["--init", "--name", "reaped"], `${orphan}; exec sleep 1000`);
    const untilGone = `${untilItEnds}; while [ -e /proc/$(cat /orphan) ]; do :; done; echo gone; grep -l '^State:.Z' /proc/[0-9]*/status; true`;
    expect(await ctr.say("exec", "reaped", "sh", "-c", untilGone)).toBe("gone");
  });

  test("--init forwards TERM: a program without a handler stops at once, with 128 + 15", async () => {
    await ctr.background(["--init", "--name", "forwarded"], "echo ready; exec sleep 1000");
    await ctr.wrote("forwarded", "ready");
    expect(await ctr.call(["stop", "-t", "60", "forwarded"])).toEqual({ status: 0, stdout: "forwarded\n", stderr: "" });
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "forwarded")).toBe("143");
  });

  test("--init passes an exit code and a missing program on", async () => {
    expect((await ctr.run(["--init"], "exit 6")).status).toBe(6);
    const missing = await ctr.call(["run", "--rm", "--init", "--network", "none", "busybox", "no-such-program"]);
    expect(missing.status).toBe(127);
    expect(missing.stderr).toMatch(/"no-such-program": executable file not found/);
  });

  test("a shell as PID 1 that has no handler for TERM: stop says so and suggests --init", async () => {
    await ctr.background(["--name", "deaf"], "echo ready; while :; do sleep 0.1; done");
    await ctr.wrote("deaf", "ready");
    const { status, stdout, stderr } = await ctr.call(["stop", "-t", "0", "deaf"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "deaf\n" });
    expect(stderr).toMatch(/^deaf: its PID 1 has no handler for the stop signal.*--init/);
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "deaf")).toBe("137");
  });

  test("a supervisor as PID 1 with two programs stops both, and itself, by TERM", async () => {
    const supervisor = `
      sh -c 'trap "echo web stopped; exit 0" TERM; echo web up; while :; do sleep 0.1; done' & web=$!
      sh -c 'trap "echo db stopped; exit 0" TERM; echo db up; while :; do sleep 0.1; done' & db=$!
      trap 'kill -TERM $web $db' TERM
      wait $web; wait $web; wait $db; wait $db; echo all stopped`;
    await ctr.background(["--name", "supervised"], supervisor);
    await ctr.wrote("supervised", "web up");
    await ctr.wrote("supervised", "db up");
    expect(await ctr.call(["stop", "-t", "60", "supervised"])).toEqual({
      status: 0,
      stdout: "supervised\n",
      stderr: "",
    });
    expect((await ctr.say("logs", "supervised")).split("\n").toSorted()).toEqual([
      "all stopped",
      "db stopped",
      "db up",
      "web stopped",
      "web up",
    ]);
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "supervised")).toBe("0");
  });

  test("a signal that reaches the command reaches the program", async () => {
    const script = "trap 'echo heard; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    const args = ["--root", ctr.root, "run", "--rm", "--network", "none", "busybox", "sh", "-c", script];
    const command = spawn(process.execPath, ["--", program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(command, "exit");
    let output = "";
    for await (const chunk of command.stdout.setEncoding("utf8")) {
      output += chunk;
      if (output === "ready\n") command.kill("SIGTERM");
    }
    expect([output, ...(await ended)]).toEqual(["ready\nheard\n", 5, null]);
  });
});
