import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr run (needs root)", () => {
  const ctr = temporaryCtr();
  const nothing = ["run", "--rm", "--network", "none"];

  const endings = [
    { command: ["true"], status: 0, why: "the program's own" },
    { command: ["false"], status: 1, why: "the program's own" },
    { command: ["sh", "-c", "exit 255"], status: 255, why: "the largest there is" },
    {
      command: ["sh", "-c", 'sh -c "kill -9 \\$\\$"; exit $?'],
      status: 137,
      stderr: /^Killed\n$/,
      why: "the shell inside says 128 + SIGKILL",
    },
    {
      command: ["sh", "-c", "ulimit -c 0; kill -TERM $$; exit 3"],
      status: 3,
      why: "PID 1 without a handler does not get the signal",
    },
    {
      command: ["no-such-program"],
      status: 127,
      stderr: /"no-such-program": executable file not found in \$PATH/,
      why: "Docker's code for a missing program",
    },
    {
      command: ["/no/such/program"],
      status: 127,
      stderr: /"\/no\/such\/program": .*(not found|no such file)/,
      why: "a path is looked up as it is",
    },
    {
      command: ["/etc/passwd"],
      status: 126,
      stderr: /"\/etc\/passwd": permission denied/,
      why: "Docker's code for what cannot be executed",
    },
    {
      command: ["/etc"],
      status: 126,
      stderr: /"\/etc": .*(permission denied|is a directory)/,
      why: "nor can a directory",
    },
  ] as const;
  for (const { command, status, why, ...rest } of endings)
    test(`${command.join(" ")}: exit code ${status}, ${why}`, async () => {
      const done = await ctr.call([...nothing, "busybox", ...command]);
      expect(done.status).toBe(status);
      if ("stderr" in rest) expect(done.stderr).toMatch(rest.stderr);
      else expect(done.stderr).toBe("");
    });

  test("a container that is killed from outside: 128 + the signal", async () => {
    const running = ctr.run(["--name", "victim"], "echo ready; while :; do sleep 1; done");
    await untilRunning("victim");
    await ctr.wrote("victim", "ready");
    await ctr.say("kill", "victim");
    expect(await running).toEqual({ status: 137, stdout: "ready\n", stderr: "" });
  });

  const refusals = [
    { args: ["--no-such-flag", "busybox"], stderr: /unknown option '--no-such-flag'/, why: "a bad flag" },
    { args: [], stderr: /missing required argument 'image'/, why: "no image" },
    {
      args: ["--pull", "never", "no-such-image", "true"],
      stderr: /^ctr: .*No such image: no-such-image/,
      why: "an image that is not there",
    },
    { args: ["UPPER CASE", "true"], stderr: /^ctr: .*UPPER CASE/, why: "what cannot be the name of an image" },
    {
      args: ["-m", "1k", "busybox", "true"],
      stderr: /Minimum memory limit allowed is 6MB/,
      why: "Docker's least memory",
    },
    { args: ["-m", "much", "busybox", "true"], stderr: /"much" for --memory: write a size/, why: "no size" },
    { args: ["--cpus", "-1", "busybox", "true"], stderr: /--cpus: write a number of CPUs/, why: "no number of CPUs" },
    {
      args: ["--cpuset-cpus", "7777", "busybox", "true"],
      stderr: /[Rr]equested CPUs are not available/,
      why: "CPUs that the machine has not",
    },
    {
      args: ["--pids-limit", "few", "busybox", "true"],
      stderr: /--pids-limit: write a whole number/,
      why: "no number",
    },
    {
      args: ["-u", "nobody-here", "busybox", "true"],
      stderr: /unable to find user nobody-here/,
      why: "Docker's words for a user that is not there",
    },
    { args: ["--cap-add", "EVERYTHING", "busybox", "true"], stderr: /EVERYTHING/, why: "no capability" },
    {
      args: ["--security-opt", "apparmor=x", "busybox", "true"],
      stderr: /invalid --security-opt/,
      why: "what this engine has not",
    },
    {
      args: ["--security-opt", "seccomp=/no/such", "busybox", "true"],
      stderr: /opening seccomp profile \(\/no\/such\) failed/,
      why: "a profile that is not there",
    },
    {
      args: ["--network", "nowhere", "busybox", "true"],
      stderr: /network nowhere not found/,
      why: "a network that is not there",
    },
    {
      args: ["--network", "container:nobody", "busybox", "true"],
      stderr: /nobody: it is not running/,
      why: "a container that is not there",
    },
    { args: ["-p", "99999:80", "busybox", "true"], stderr: /99999/, why: "no port" },
    {
      args: ["-v", "/no/such/dir:/x", "busybox", "true"],
      stderr: /no \/no\/such\/dir on this machine/,
      why: "a source that is not there",
    },
    {
      args: ["-v", "name:/x", "busybox", "true"],
      stderr: /named and anonymous volumes are not there yet/,
      why: "said, not ignored",
    },
    { args: ["--tmpfs", "relative", "busybox", "true"], stderr: /relative/, why: "a mount point is absolute" },
    {
      args: ["--sysctl", "kernel.panic=1", "busybox", "true"],
      stderr: /it belongs to the whole machine/,
      why: "no namespace has it",
    },
    { args: ["--ulimit", "nofile", "busybox", "true"], stderr: /invalid --ulimit/, why: "no limit" },
    { args: ["--ulimit", "nosuch=1", "busybox", "true"], stderr: /nosuch/i, why: "no resource" },
    { args: ["--time-offset", "sometime", "busybox", "true"], stderr: /sometime/, why: "no offset" },
    {
      args: ["--device-read-bps", "/dev/null:1mb", "busybox", "true"],
      stderr: /write the path of a block device/,
      why: "not a block device",
    },
    {
      args: ["--env-file", "/no/such/file", "busybox", "true"],
      stderr: /open \/no\/such\/file: ENOENT/,
      why: "a file that is not there",
    },
    {
      args: ["--name", "a b", "busybox", "true"],
      stderr: /Invalid container name \(a b\), only \[a-zA-Z0-9\]/,
      why: "Docker's words",
    },
    { args: ["-h", "two words", "busybox", "true"], stderr: /two words/, why: "a hostname that would forge a line" },
    {
      args: ["-w", "/etc/passwd", "busybox", "true"],
      stderr: /\/etc\/passwd/,
      why: "a working directory that is a file",
    },
    { args: ["-w", "relative", "busybox", "true"], stderr: /relative/, why: "Docker wants it absolute" },
    { args: ["--stop-signal", "SIGNOTHING", "busybox", "true"], stderr: /SIGNOTHING/, why: "no signal" },
    {
      args: ["--userns-range", "200000:65536", "busybox", "true"],
      stderr: /a user namespace on an image is not there yet/,
      why: "said before anything is made",
    },
    {
      args: ["--rootfs", "/no/such/root", "true"],
      stderr: /\/no\/such\/root is no directory/,
      why: "a root that is not there",
    },
    { args: ["-it", "busybox", "true"], stderr: /the input device is not a TTY/, status: 1, why: "Docker's words" },
  ] as const;
  for (const { args, stderr, why, ...rest } of refusals)
    test(`run ${args.join(" ")}: ${why}`, async () => {
      const network = args.includes("--network" as never) ? [] : ["--network", "none"];
      const done = await ctr.call(["run", "--rm", ...network, ...args]);
      expect(done.stderr).toMatch(stderr);
      expect(done.stderr).not.toMatch(/^\s+at /m);
      expect(done.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect([done.status, done.stdout]).toEqual(["status" in rest ? rest.status : 125, ""]);
      expect(await ctr.traces.left()).toEqual([]);
    });

  test("--debug shows where an error comes from", async () => {
    const { status, stderr } = await ctr.call(["--debug", "run", "--pull", "never", "no-such-image"]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^\s+at /m);
  });

  test("standard output and error stay apart", async () => {
    expect(await ctr.run([], "echo out; echo err >&2")).toEqual({ status: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("output is passed on as the bytes that it is, to the last one", async () => {
    const { stdout } = await ctr.run([], "seq 200000; printf end");
    expect(stdout).toBe(`${Array.from({ length: 200_000 }, (_, at) => `${at + 1}\n`).join("")}end`);
  });

  test("-i: what is typed, and its end", async () => {
    expect(await ctr.run(["-i"], "cat; echo over", { input: "one\ntwo" })).toEqual({
      status: 0,
      stdout: "one\ntwoover\n",
      stderr: "",
    });
  });

  test("without -i there is nothing to read", async () => {
    expect(await ctr.run([], "cat; echo over", { input: "unread" })).toMatchObject({ stdout: "over\n" });
  });

  test("-i with 32 MiB of input", async () => {
    const input = new Uint8Array(32 << 20).map((_, at) => at * 7);
    const { stdout } = await ctr.run(["-i"], "sha256sum", { input });
    expect(stdout.slice(0, 64)).toBe(createHash("sha256").update(input).digest("hex"));
  });

  test("-i with a program that ends before its input does", async () => {
    const input = new Uint8Array(8 << 20).fill(0x0a);
    expect(await ctr.run(["-i"], "head -c 1 >/dev/null; echo over; exit 5", { input })).toEqual({
      status: 5,
      stdout: "over\n",
      stderr: "",
    });
  });

  test("-d prints the id and returns; --rm takes the container away at its end", async () => {
    const id = await ctr.background(["--rm", "--name", "short"], "read line < /dev/zero & echo ready; exec sleep 100");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await ctr.say("inspect", "--format", "{{.State.Status}} {{.HostConfig.AutoRemove}}", "short")).toBe(
      "running true",
    );
    await ctr.say("kill", "short");
    expect((await ctr.call(["inspect", "short"])).stderr).toBe("Error: No such object: short\n");
  });

  test("without --rm a container stays, with its exit code", async () => {
    await ctr.call(["run", "--network", "none", "--name", "kept", "busybox", "sh", "-c", "exit 9"]);
    expect(await ctr.say("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "kept")).toBe("exited 9");
    await ctr.say("rm", "kept");
  });

  test("--rm takes a container away whose program is missing; without, it stays created", async () => {
    const missing = await ctr.call(["run", "--network", "none", "--name", "unstarted", "busybox", "no-such-program"]);
    expect(missing.status).toBe(127);
    expect(await ctr.say("inspect", "--format", "{{.State.Status}}", "unstarted")).toBe("created");
    await ctr.say("rm", "unstarted");
    await ctr.call([...nothing, "--name", "unstarted", "busybox", "no-such-program"]);
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("--name that is taken: Docker's message", async () => {
    const id = await ctr.say("create", "--name", "taken", "busybox", "true");
    expect(await ctr.run(["--name", "taken"], "true")).toEqual({
      status: 125,
      stdout: "",
      stderr: `ctr: Conflict. The container name "/taken" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.\n`,
    });
    expect(await ctr.say("rm", "taken")).toBe("taken");
  });

  test("--rootfs DIR: a directory as it is, with writes in it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ctr-cli-rootfs-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    writeFileSync(join(directory, "static"), "");
    expect((await ctr.call([...nothing, "--rootfs", directory, "/static"])).status).toBe(126);
    expect((await ctr.call([...nothing, "--rootfs", directory, "/absent"])).status).toBe(127);
  });

  test("after all of it nothing is left", async () => {
    expect(await ctr.traces.left()).toEqual([]);
  });

  /** `ctr run` is a process of its own: wait until it has made the container. */
  async function untilRunning(name: string): Promise<void> {
    while ((await ctr.call(["inspect", "-f", "{{.State.Running}}", name])).stdout !== "true\n");
  }
});
