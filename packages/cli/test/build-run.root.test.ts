import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program } from "./ctr.ts";

const agentPrograms = ["/usr/bin/ssh-agent", "/usr/bin/ssh-add"];
const noAgent = agentPrograms.every((path) => existsSync(path)) ? false : "needs ssh-agent and ssh-add";

describe.skipIf(notRoot)("RUN --mount, --network, --security (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-build-run-"));
  const ctr = new Ctr(join(directory, "state"));
  beforeAll(async () => {
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    ctr.traces.begin();
  });
  afterAll(async () => {
    await ctr.removeContainers();
    ctr.traces.end();
    rmSync(directory, { recursive: true, force: true });
  });

  let contexts = 0;
  function context(lines: readonly string[], files: Readonly<Record<string, string>> = {}): string {
    const made = join(directory, `context-${++contexts}`);
    mkdirSync(made);
    for (const [name, text] of Object.entries({ Dockerfile: `${lines.join("\n")}\n`, ...files }))
      writeFileSync(join(made, name), text);
    return made;
  }
  const build = (lines: readonly string[], ...args: string[]) =>
    ctr.call(["build", "--network", "none", "--progress", "plain", ...args, context(lines)]);

  /** A build that goes on, and what it has written. */
  function begin(
    lines: readonly string[],
    ...args: string[]
  ): { child: ChildProcess; says: (text: string) => Promise<void> } {
    const all = ["--root", ctr.root, "build", "--network", "none", "--progress", "plain", ...args, context(lines)];
    const child = spawn(process.execPath, [program, ...all], { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr!.on("data", (chunk) => {
      text += chunk;
    });
    const says = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) {
        if (child.exitCode !== null) throw new Error(`the build ended: ${text}`);
        await setImmediate();
      }
    };
    return { child, says };
  }

  async function killed(child: ChildProcess): Promise<void> {
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    child.stderr!.destroy();
    await gone;
  }

  /** Files of the state directory that have a text in them. */
  function filesWith(text: string, at: string = ctr.root): string[] {
    return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      const path = join(at, entry.name);
      if (entry.isDirectory()) return filesWith(text, path);
      return entry.isFile() && readFileSync(path).includes(text) ? [path] : [];
    });
  }

  /** Processes that have a text among their arguments. */
  const processesWith = (text: string): string[] =>
    readdirSync("/proc").filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`).includes(text);
      } catch {
        return false; // it has ended
      }
    });

  test("mounts are what the reference says, and leave nothing in the image", async () => {
    const { status, stderr } = await build(
      [
        "FROM busybox AS made",
        "RUN mkdir -p /out/deep && echo of-the-stage > /out/deep/f && ln -s deep /out/link",
        "FROM busybox",
        "WORKDIR /w",
        "RUN --mount=target=/ctx --mount=type=bind,from=made,source=out/link,target=d \\",
        "    --mount=type=bind,from=made,source=out/deep/f,target=/file cat d/f /file /ctx/Dockerfile; ! touch d/x /ctx/x",
        "RUN --mount=type=tmpfs,target=/t,size=1m ! dd if=/dev/zero of=/t/x bs=1M count=3 2> /dev/null",
        "RUN --mount=type=cache,target=/cache,mode=0751,uid=3,gid=4 ls -ld /cache > /w/cache; echo > /cache/kept",
        "RUN --mount=type=cache,target=/cache,mode=0751,uid=3,gid=4,ro test -f /cache/kept && ! touch /cache/x",
      ],
      ...["-t", "mounts"],
    );
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr.match(/of-the-stage$/gm)?.length).toBe(2);
    const found = await ctr.say(
      "run",
      "--rm",
      "--network",
      "none",
      "mounts",
      "sh",
      "-c",
      "cat cache; find / -xdev | sort",
    );
    expect(found).toMatch(/^drwxr-x--x +2 3 +4 /);
    const left = found.split("\n").filter((path) => /^\/(?:w|ctx|file|t|cache|out|run)(?:\/|$)/.test(path));
    expect(left).toEqual(["/w", "/w/cache"]);
  });

  test("a directory of the image in which something was mounted is not part of the layer", async () => {
    await build(
      ["FROM busybox", "RUN mkdir /run /var", "RUN --mount=type=secret,id=s --mount=type=tmpfs,target=/var/x true"],
      ...["-t", "same"],
    );
    const history = await ctr.say("history", "--format", "{{.Size}}", "same");
    expect(history.split("\n")[0]).toBe("0B");
  });

  describe("secrets", () => {
    const secret = `secret-${randomBytes(12).toString("hex")}`;
    const file = join(directory, "secret");
    beforeAll(() => writeFileSync(file, secret));

    test("one is a file of mode 0400 in memory, or a variable; after success it is nowhere", async () => {
      const { status, stderr } = await build(
        [
          "FROM busybox",
          "RUN --mount=type=secret,id=s ls -l /run/secrets/s; grep /run/secrets/s /proc/mounts; wc -c < /run/secrets/s",
          'RUN --mount=type=secret,id=s,env=S,target=/s,mode=0444 test "$S" = "$(cat /s)"',
          "RUN --mount=type=secret,id=none test ! -e /run/secrets/none",
        ],
        ...["--secret", `id=s,src=${file}`, "-t", "secrets"],
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(stderr).toMatch(/-r-------- .*\/run\/secrets\/s$/m);
      expect(stderr).toMatch(/tmpfs \/run\/secrets\/s tmpfs ro,nosuid,nodev,noexec/);
      expect(stderr).toMatch(/ 31$/m);
      expect(filesWith(secret)).toEqual([]);
      expect(stderr).not.toContain(secret);
      expect(await ctr.say("history", "--no-trunc", "secrets")).not.toContain(secret);
      expect(await ctr.say("inspect", "secrets")).not.toContain(secret);
    });

    test("after a failure it is nowhere, and in no message", async () => {
      const { status, stderr } = await build(
        ["FROM busybox", "RUN --mount=type=secret,id=s,env=S,target=/s echo more; exit 3"],
        ...["--secret", "id=s,env=TOLD"],
      );
      expect(status).toBe(1);
      expect(stderr).toContain("exit code: 3");
      const failed = await ctr.call(
        [
          "build",
          "--network",
          "none",
          "--secret",
          "id=s,env=TOLD",
          context(["FROM busybox", "RUN --mount=type=secret,id=s,target=/etc/hosts/no true"]),
        ],
        { env: { TOLD: secret } },
      );
      expect(failed.status).toBe(1);
      expect(failed.stderr).not.toContain(secret);
      expect(filesWith(secret)).toEqual([]);
    });

    test("kill -9 leaves it nowhere either; the next build ends what went on", async () => {
      const marker = "86399.25";
      const { child, says } = begin(
        ["FROM busybox", `RUN --mount=type=secret,id=s,env=S echo has-it; sleep ${marker}`],
        ...["--secret", `id=s,src=${file}`],
      );
      await says("has-it\n");
      expect(processesWith(secret)).toEqual([]);
      await killed(child);
      expect(filesWith(secret)).toEqual([]);
      await build(["FROM busybox"]);
      expect(processesWith(`sleep\0${marker}`)).toEqual([]);
      const left = (await ctr.traces.left()).filter(
        (line) => !line.startsWith("overlay2/") && !/image_hold$/.test(line),
      );
      expect(left).toEqual([]);
    });

    const refused = [
      { flags: ["--secret", "id=s,src=/nowhere/at/all"], says: "failed to stat /nowhere/at/all", why: "no such file" },
      { flags: ["--secret", "src=/etc/passwd"], says: "secret missing ID", why: "nobody could ask for it" },
      { flags: ["--secret", "id=s,what=x"], says: 'unexpected key "what"', why: "a misspelt word" },
      { flags: ["--secret", "id=s,type=x"], says: 'unsupported secret type "x"', why: "there are two" },
      { flags: ["--ssh", "default=/etc/passwd"], says: "is no socket of an agent", why: "keys are the agent's" },
      { flags: ["--ssh", "x=/nowhere"], says: "failed to open /nowhere", why: "no such socket" },
      { flags: ["--allow", "everything"], says: "unknown entitlement everything", why: "there are two" },
    ];
    for (const { flags, says, why } of refused)
      test(`${flags.join(" ")}: ${why}`, async () => {
        const { status, stderr } = await build(["FROM busybox"], ...flags);
        expect(stderr).toContain(says);
        expect(status).toBe(1);
      });

    test("one that is missing is said with its line", async () => {
      const { status, stderr } = await build(["FROM busybox", "RUN --mount=type=secret,id=gone,required true"]);
      expect(stderr).toMatch(/Dockerfile:2:\d+: secret gone: not found/);
      expect(status).toBe(1);
    });
  });

  describe("caches under several builds", () => {
    const alone =
      "mkdir /c/alone || exit 9; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; rmdir /c/alone; echo $WHO >> /c/log";
    const lines = (mount: string, command: string, who: string): string[] => [
      "FROM busybox",
      `ARG WHO=${who}`,
      `RUN --mount=type=cache,target=/c,${mount} ${command}`,
    ];

    test("locked: one after another, also of several processes", async () => {
      const all = ["a", "b", "c", "d"].map((who) => build(lines("id=l,sharing=locked", alone, who)));
      for (const { status, stderr } of await Promise.all(all)) expect({ status, stderr }).toMatchObject({ status: 0 });
      const { stderr } = await build(lines("id=l,sharing=locked", "sort /c/log | tr '\\n' ' '", "z"));
      expect(stderr).toMatch(/ a b c d /);
    });

    test("private: each has one of its own", async () => {
      const all = ["a", "b", "c"].map((who) => build(lines("id=p,sharing=private", alone, who)));
      for (const { status, stderr } of await Promise.all(all)) expect({ status, stderr }).toMatchObject({ status: 0 });
    });

    test("a build that is killed gives back what it had locked, and not before its command has ended", async () => {
      const marker = "86399.5";
      const first = begin(lines("id=k,sharing=locked", `echo has-it; sleep ${marker}`, "a"));
      await first.says("has-it\n");
      const second = begin(lines("id=k,sharing=locked", "echo second; ps | grep -c sleep; true", "b"));
      await second.says("RUN --mount");
      expect(second.child.exitCode).toBeNull();
      const done = new Promise((resolve) => second.child.once("close", resolve));
      await killed(first.child);
      await second.says("second\n");
      expect(processesWith(`sleep\0${marker}`)).toEqual([]);
      expect(await done).toBe(0);
    });

    test("two mounts of one locked cache in one command do not wait for each other", async () => {
      const { status } = await build([
        "FROM busybox",
        "RUN --mount=type=cache,id=t,target=/a,sharing=locked --mount=type=cache,id=t,target=/b,sharing=locked echo > /a/x && test -f /b/x",
      ]);
      expect(status).toBe(0);
    });
  });

  describe.skipIf(noAgent)("the caller's ssh agent", () => {
    test("commands of any user can talk to it, through a socket of their own", async () => {
      await ctr.say("image", "from-host", "--tag", "ssh", "ssh-add");
      const socket = join(directory, "agent");
      const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
      try {
        while (!existsSync(socket)) await setImmediate();
        const lines = [
          "FROM busybox",
          "COPY --from=ssh /usr /usr",
          "RUN for d in lib lib64; do [ -e /$d ] || ln -s usr/$d /$d; done",
          "RUN --mount=type=ssh,required echo $SSH_AUTH_SOCK; ls -l $SSH_AUTH_SOCK; ssh-add -l 2>&1 || test $? = 1",
          'RUN mkdir -p /etc && echo "some:x:7:8::/:/bin/sh" >> /etc/passwd',
          "USER some",
          "RUN --mount=type=ssh,target=/agent,uid=7,mode=0600 ssh-add -l 2>&1 || test $? = 1",
        ];
        const { status, stderr } = await build(lines, "--ssh", `default=${socket}`, "-t", "agent");
        expect({ status, stderr }).toMatchObject({ status: 0 });
        expect(stderr).toMatch(/ \/run\/buildkit\/ssh_agent\.0$/m);
        expect(stderr).toMatch(/srw------- .* \/run\/buildkit\/ssh_agent\.0$/m);
        expect(stderr.match(/The agent has no identities/g)?.length).toBe(2);
        expect(
          await ctr.say(
            "run",
            "--rm",
            "--network",
            "none",
            "-u",
            "0",
            "agent",
            "sh",
            "-c",
            "ls -d /run /agent 2> /dev/null; true",
          ),
        ).toBe("");
      } finally {
        agent.kill();
      }
    });
  });

  describe("what has to be allowed", () => {
    const rows = [
      { flag: "--network=host", entitlement: "network.host", command: "test $(ls /sys/class/net | wc -l) -gt 0" },
      {
        flag: "--security=insecure",
        entitlement: "security.insecure",
        command: "grep -q CapEff:.0*1f.*ff /proc/self/status",
      },
    ];
    for (const { flag, entitlement, command } of rows)
      test(`${flag} needs --allow ${entitlement}`, async () => {
        const lines = ["FROM busybox", `RUN ${flag} ${command}`];
        const refused = await build(lines);
        expect(refused.stderr).toMatch(new RegExp(`Dockerfile:2:1: ${entitlement} is not allowed`));
        expect(refused.status).toBe(1);
        expect((await build(lines, "--allow", entitlement)).status).toBe(0);
      });
  });

  test("--network host is leave enough for --network=host", async () => {
    const made = context(["FROM busybox", "RUN --network=host test $(ls /sys/class/net | wc -l) -gt 0"]);
    expect((await ctr.call(["build", "--network", "host", made])).status).toBe(0);
  });

  test("Ctrl-C while waiting for a cache ends the build at once", async () => {
    const lines = (what: string): string[] => [
      "FROM busybox",
      `RUN --mount=type=cache,id=wait,target=/c,sharing=locked ${what}`,
    ];
    const first = begin(lines("echo has-it; sleep 86399.75"));
    await first.says("has-it\n");
    const second = begin(lines("true"));
    await second.says("RUN --mount");
    for (const { child } of [second, first]) {
      const gone = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGINT");
      expect(await gone).toBe(1);
    }
    expect(processesWith("sleep\u000086399.75")).toEqual([]);
  });

  describe("attacks, on a canary of our own", () => {
    const canary = join(directory, "canary");
    beforeAll(() => {
      mkdirSync(join(canary, "b"), { recursive: true });
      writeFileSync(join(canary, "note"), "canary-text");
    });
    const up = "../".repeat(20);

    const sources = [
      { source: "/esc", why: "a link to an absolute path (CVE-2024-1753)" },
      { source: "/up", why: "a link that goes up" },
      { source: `/${up}${canary}`, why: "a path that goes up (CVE-2024-11218)" },
      { source: "/dir/esc", why: "a link on the way" },
    ];
    for (const { source, why } of sources)
      test(`a source never leads out of its stage: ${why}`, async () => {
        const { stderr, status } = await build([
          "FROM busybox AS evil",
          `RUN mkdir /dir && ln -s ${canary} /esc && ln -s ${up}${canary} /up && ln -s ${canary} /dir/esc`,
          "FROM busybox",
          `RUN --mount=from=evil,source=${source},target=/x,rw cat /x/note; echo bad > /x/note; true`,
        ]);
        expect(stderr).not.toContain("canary-text");
        expect(stderr).toContain("not found");
        expect(status).toBe(1);
        expect(readFileSync(join(canary, "note"), "utf8")).toBe("canary-text");
      });

    test("a mount point that became a link deletes nothing (CVE-2024-23652)", async () => {
      const { status, stderr } = await build(
        ["FROM busybox", `RUN --mount=type=tmpfs,target=/a/b mv /a /z && ln -s ${canary} /a && ln -s ${canary} /dir`],
        ...["-t", "stub"],
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(readdirSync(canary).sort()).toEqual(["b", "note"]);
      expect(await ctr.say("run", "--rm", "--network", "none", "stub", "readlink", "/a")).toBe(canary);
    });

    test("ids and targets are never paths of the host (CVE-2024-9675)", async () => {
      const { stderr } = await build([
        "FROM busybox",
        `RUN --mount=type=cache,id=${up}${canary},target=${up}cache echo bad > /cache/note; ls /cache`,
        `RUN ln -s ${canary} /link`,
        "RUN --mount=type=cache,target=/link/c echo bad > /link/c/note; true",
      ]);
      expect(stderr).not.toContain("canary-text");
      expect(readFileSync(join(canary, "note"), "utf8")).toBe("canary-text");
      expect(readdirSync(canary).sort()).toEqual(["b", "note"]);
    });

    test("builds that change one cache at a time get nowhere with links in it (CVE-2024-23651)", async () => {
      const swap = `i=0; while [ $i -lt 300 ]; do rm -rf /c/x; ln -s ${canary} /c/x; rm -rf /c/x; mkdir /c/x; i=$((i+1)); done`;
      const use =
        "i=0; while [ $i -lt 300 ]; do echo bad > /c/x/note; cat /c/x/note; i=$((i+1)); done 2> /dev/null; true";
      const lines = (command: string, n: number): string[] => [
        "FROM busybox",
        ...Array.from(
          { length: 5 },
          (_, step) => `RUN --mount=type=cache,id=race,target=/c : ${n} ${step}; ${command}`,
        ),
      ];
      const all = await Promise.all([build(lines(swap, 1)), build(lines(use, 2))]);
      for (const { status, stderr } of all) {
        expect({ status, stderr: stderr.slice(-500) }).toMatchObject({ status: 0 });
        expect(stderr).not.toContain("canary-text");
      }
      expect(readFileSync(join(canary, "note"), "utf8")).toBe("canary-text");
    });
  });
});
