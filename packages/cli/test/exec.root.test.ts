import { beforeAll, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr exec (needs root)", () => {
  const ctr = temporaryCtr();
  beforeAll(async () => {
    await ctr.start("--name", "box", "-e", "FIRST=1", "-w", "/tmp", "--pids-limit", "50");
  });

  const endings = [
    { flags: [], command: ["true"], status: 0, why: "the program's own" },
    { flags: [], command: ["sh", "-c", "exit 42"], status: 42, why: "the program's own" },
    { flags: [], command: ["sh", "-c", "kill -9 $$"], status: 137, why: "128 + SIGKILL: it is not PID 1" },
    { flags: [], command: ["sh", "-c", "kill -TERM $$"], status: 143, why: "128 + SIGTERM" },
    {
      flags: [],
      command: ["no-such-program"],
      status: 127,
      stderr: /"no-such-program": executable file not found in \$PATH/,
      why: "Docker's code",
    },
    { flags: [], command: ["/etc/passwd"], status: 126, stderr: /permission denied/, why: "Docker's code" },
    {
      flags: ["--no-such-flag"],
      command: ["true"],
      status: 125,
      stderr: /unknown option '--no-such-flag'/,
      why: "a bad flag",
    },
    {
      flags: ["-u", "nobody-here"],
      command: ["true"],
      status: 1,
      stderr: /unable to find user nobody-here/,
      why: "a user that is not there",
    },
    {
      flags: ["-w", "/no/such/dir"],
      command: ["true"],
      status: 1,
      stderr: /\/no\/such\/dir/,
      why: "exec makes no directory",
    },
    { flags: ["-it"], command: ["true"], status: 1, stderr: /the input device is not a TTY/, why: "Docker's words" },
  ] as const;
  for (const { flags, command, status, why, ...rest } of endings)
    test(`exec ${[...flags, "box", ...command].join(" ")}: exit code ${status}, ${why}`, async () => {
      const done = await ctr.call(["exec", ...flags, "box", ...command]);
      expect(done.status).toBe(status);
      if ("stderr" in rest) expect(done.stderr).toMatch(rest.stderr);
      else expect(done.stderr).toBe("");
      expect(done.stderr).not.toMatch(/^\s+at /m);
    });

  const rows = [
    { flags: [], script: "pwd; echo $FIRST", is: "/tmp\n1\n", why: "as the first program" },
    { flags: ["-w", "/etc"], script: "pwd", is: "/etc\n", why: "elsewhere" },
    {
      flags: ["-e", "SECOND=2", "-e", "FIRST=0"],
      script: "echo $FIRST $SECOND",
      is: "0 2\n",
      why: "on top of the container's own",
    },
    {
      flags: ["-u", "nobody"],
      script: "id -u; echo $HOME",
      is: "65534\n/nonexistent\n",
      why: "by the container's passwd",
    },
    {
      flags: ["-u", "7:8"],
      script: "id -u; id -g; grep CapEff /proc/self/status | cut -f2",
      is: "7\n8\n0000000000000000\n",
      why: "by ids; without capabilities",
    },
    {
      flags: [],
      script: "grep -E '^(CapBnd|Seccomp):' /proc/self/status | cut -f2 | xargs",
      is: "00000000a80425fb 2\n",
      why: "behind the same walls",
    },
    {
      flags: ["--privileged"],
      script: "grep -E '^Seccomp:' /proc/self/status | cut -f2",
      is: "0\n",
      why: "without them",
    },
    {
      flags: [],
      script: "cat /proc/1/comm; hostname | wc -c; ls /sys/class/net",
      is: "sh\n13\nlo\n",
      why: "in all of its namespaces",
    },
    {
      flags: [],
      script:
        "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max; cut -d: -f3 /proc/self/cgroup | sort -u",
      is: "50\n/\n",
      why: "in its cgroup",
    },
    { flags: [], script: "echo out; echo err >&2", is: "out\nerr\n", why: "both streams" },
  ] as const;
  for (const { flags, script, is, why } of rows)
    test(`exec ${flags.join(" ")} ${JSON.stringify(script.slice(0, 40))}: ${why}`, async () => {
      const { stdout, stderr } = await ctr.call(["exec", ...flags, "box", "sh", "-c", script]);
      expect(stdout + stderr).toBe(is);
    });

  test("-i: what is typed, and its end; without it nothing", async () => {
    expect((await ctr.call(["exec", "-i", "box", "cat"], { input: "typed" })).stdout).toBe("typed");
    expect((await ctr.call(["exec", "box", "cat"], { input: "typed" })).stdout).toBe("");
  });

  test("-i with a program that ends before its input does", async () => {
    const input = new Uint8Array(8 << 20).fill(0x0a);
    expect((await ctr.call(["exec", "-i", "box", "sh", "-c", "head -c 1 >/dev/null; exit 5"], { input })).status).toBe(
      5,
    );
  });

  test("-t: a terminal", async () => {
    expect((await ctr.call(["exec", "-t", "box", "sh", "-c", "[ -t 0 ] && [ -t 1 ] && tty"])).stdout).toMatch(
      /^\/dev\/pts\/\d+\r\n$/,
    );
  });

  test("-d: it goes on when the command has returned", async () => {
    expect(
      await ctr.say(
        "exec",
        "-d",
        "box",
        "sh",
        "-c",
        "mkfifo /tmp/pipe; read word < /tmp/pipe; echo $word > /tmp/word; cat > /tmp/pipe < /tmp/word",
      ),
    ).toBe("");
    const script =
      "while ! [ -p /tmp/pipe ]; do :; done; echo heard > /tmp/pipe; while ! [ -s /tmp/word ]; do :; done; cat /tmp/pipe";
    expect(await ctr.say("exec", "box", "sh", "-c", script)).toBe("heard");
  });

  test("in a container that has stopped, was only made, or is not there", async () => {
    const id = await ctr.say("create", "--name", "made", "busybox", "true");
    expect(await ctr.call(["exec", "made", "true"])).toEqual({
      status: 1,
      stdout: "",
      stderr: `ctr: Container ${id} is not running\n`,
    });
    await ctr.say("start", "made");
    await ctr.say("wait", "made");
    expect(await ctr.call(["exec", "made", "true"])).toMatchObject({
      status: 1,
      stderr: `ctr: Container ${id} is not running\n`,
    });
    await ctr.say("rm", "made");
    expect(await ctr.call(["exec", "made", "true"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "ctr: No such container: made\n",
    });
  });

  test("what it started is gone with the container", async () => {
    await ctr.say("exec", "-d", "box", "sleep", "1000");
    await ctr.say("rm", "-f", "box");
    expect(await ctr.traces.left()).toEqual([]);
  });
});
