import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { NamespaceType } from "@ctr/plan";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  Child,
  exitCode,
  firstExtraFd,
  isKernelError,
  type KernelError,
  makePipe,
  type StartOptions,
  start,
} from "../src/index.ts";
import { notRoot, outputOf, ownMounts, plan, shell } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

const fds = (): string[] =>
  readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`;
      } catch {
        return ""; // the one that reads the directory
      }
    })
    .filter((text) => text !== "" && !text.includes("/proc/"));

/** Children of this process, zombies too. */
function children(): number[] {
  return readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8")
      .trim()
      .split(" ")
      .filter((pid) => pid !== "")
      .map(Number),
  );
}

async function failureOf(promise: Promise<unknown>): Promise<KernelError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!isKernelError(error)) throw error;
  return error;
}

describe.skipIf(notRoot)("start", () => {
  test("PID 1 inside, another number outside", async () => {
    const { output, child } = await outputOf({ steps: plan(shell("echo $$")), namespaces: ["pid"] });
    expect(output).toBe("1\n");
    expect(child.pid).toBeGreaterThan(1);
  });

  const endings = [
    { script: "exit 0", is: { code: 0, signal: undefined }, shell: 0 },
    { script: "exit 255", is: { code: 255, signal: undefined }, shell: 255 },
    { script: "kill -KILL $$", is: { code: undefined, signal: "SIGKILL" }, shell: 137 },
    { script: "kill -TERM $$", is: { code: undefined, signal: "SIGTERM" }, shell: 143 },
    { script: "ulimit -c 0; kill -ABRT $$", is: { code: undefined, signal: "SIGABRT" }, shell: 134 },
    { script: "kill -IO $$", is: { code: undefined, signal: "SIGIO" }, shell: 157 },
  ] as const;
  for (const { script, is, shell: code } of endings)
    test(`${script}: ${JSON.stringify(is)}, ${code} for a shell`, async () => {
      const { ending } = await outputOf({ steps: plan(shell(script)) });
      expect(ending).toEqual(is);
      expect(exitCode(ending)).toBe(code);
    });

  const missing = [
    { argv: ["/nowhere/program"], env: [], is: "ENOENT", why: "no such file" },
    { argv: ["no-such-program"], env: ["PATH=/bin:/usr/bin"], is: "ENOENT", why: "in no directory of PATH" },
    { argv: ["sh"], env: ["PATH=/nowhere"], is: "ENOENT", why: "PATH is the one of `env`" },
    { argv: [""], env: [], is: "ENOENT", why: "an empty name is no program" },
    { argv: ["/etc/hostname/x"], env: [], is: "ENOTDIR", why: "a file is no directory" },
    { argv: ["/etc"], env: [], is: "EACCES", why: "a directory cannot be executed" },
    { argv: ["passwd"], env: ["PATH=/etc"], is: "EACCES", why: "found, but not executable" },
  ] as const;
  for (const { argv, env, is, why } of missing)
    test(`exec ${JSON.stringify(argv)}: ${is}, ${why}`, async () => {
      const error = await failureOf(start({ steps: plan({ do: "exec", argv, env }) }));
      expect([error.symbol, error.syscall, error.step?.do]).toEqual([is, "execve", "exec"]);
    });

  test("exec of a file that is neither a program nor has #!: ENOEXEC", async () => {
    const path = join(temporaryDirectory(), "text");
    writeFileSync(path, "just words\n", { mode: 0o755 });
    const error = await failureOf(start({ steps: plan({ do: "exec", argv: [path], env: [] }) }));
    expect(error.symbol).toBe("ENOEXEC");
  });

  test("a program without a slash is found in the PATH of its own environment", async () => {
    const { ending } = await outputOf({
      steps: plan({ do: "exec", argv: ["true"], env: ["PATH=/nowhere:/usr/bin:/bin"] }),
    });
    expect(ending.code).toBe(0);
  });

  test("a failed step ends the child and says which option asked for it", async () => {
    const before = children();
    const error = await failureOf(
      start({
        steps: plan(
          { do: "newSession" },
          { do: "write", path: "/proc/self/oom_score_adj", text: "5000" },
          shell("exit 0"),
        ),
      }),
    );
    expect(error).toMatchObject({ code: "ERR_KERNEL_EINVAL", syscall: "write", path: "/proc/self/oom_score_adj" });
    expect(error.step?.because.option).toBe("test");
    expect(children()).toEqual(before);
  });

  test("a barrier with an entry: the parent acts meanwhile, with the child's pid", async () => {
    const marker = join(temporaryDirectory(), "marker");
    const seen: number[] = [];
    const { output, child } = await outputOf({
      steps: plan({ do: "barrier", name: "wait" }, shell('cat "$1"', marker)),
      barriers: {
        wait: async (pid) => {
          seen.push(pid);
          expect(readlinkSync(`/proc/${pid}/exe`)).toContain("ctr-init");
          await new Promise(setImmediate);
          writeFileSync(marker, "made by the parent");
        },
      },
    });
    expect(output).toBe("made by the parent");
    expect(seen).toEqual([child.pid]);
  });

  test("a barrier without an entry: the start stops there until resume", async () => {
    const marker = join(temporaryDirectory(), "marker");
    const child = await start({ steps: plan({ do: "barrier", name: "created" }, shell('echo ran > "$1"', marker)) });
    let running = false;
    void child.running.then(() => (running = true));
    await new Promise(setImmediate);
    expect([running, existsSync(marker)]).toEqual([false, false]);
    child.resume();
    await child.running;
    expect(await child.ended()).toEqual({ code: 0, signal: undefined });
    expect(readFileSync(marker, "utf8")).toBe("ran\n");
  });

  test("a child that stops at a barrier can be killed there; `running` ends too", async () => {
    const child = await start({ steps: plan({ do: "barrier", name: "created" }, shell("exit 0")) });
    child.kill("SIGKILL");
    expect(await child.ended()).toEqual({ code: undefined, signal: "SIGKILL" });
    await child.running;
  });

  test("a step that fails after resume rejects `running`, and the child's end is 127", async () => {
    const child = await start({
      steps: plan({ do: "barrier", name: "created" }, { do: "exec", argv: ["/nowhere"], env: [] }),
    });
    child.resume();
    expect((await failureOf(child.running)).symbol).toBe("ENOENT");
    expect(await child.ended()).toEqual({ code: 127, signal: undefined });
  });

  test("a barrier's handler that throws ends the child and is what start rejects with", async () => {
    const before = children();
    const problem = new Error("no id map for you");
    const starting = start({
      steps: plan({ do: "barrier", name: "maps" }, shell("exit 0")),
      barriers: {
        maps: () => {
          throw problem;
        },
      },
    });
    await expect(starting).rejects.toBe(problem);
    expect(children()).toEqual(before);
  });

  test("timing: every step but the last has a time; without asking there is none", async () => {
    const steps = plan({ do: "newSession" }, { do: "setUmask", mask: 0o77 }, shell("exit 0"));
    const timed = await outputOf({ steps, timing: true });
    expect(timed.child.timing().map(({ step }) => step)).toEqual(steps.slice(0, 2));
    for (const { milliseconds } of timed.child.timing()) expect(milliseconds).toBeGreaterThan(0);
    expect((await outputOf({ steps })).child.timing()).toEqual([]);
  });

  test("stdio: the three fds that were given, each in its place", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "in"), "from outside");
    const given = [
      openSync(join(directory, "in"), "r"),
      openSync(join(directory, "out"), "w"),
      openSync(join(directory, "err"), "w"),
    ] as const;
    onTestFinished(() => {
      for (const fd of given) closeSync(fd);
    });
    const child = await start({ steps: plan(shell("cat; echo problem >&2")), stdio: [given[0], given[1], given[2]] });
    await child.ended();
    expect(readFileSync(join(directory, "out"), "utf8")).toBe("from outside");
    expect(readFileSync(join(directory, "err"), "utf8")).toBe("problem\n");
  });

  test("extra fds begin at 5; closeOthers closes them at the exec", async () => {
    const { read, write } = makePipe();
    onTestFinished(() => closeSync(read));
    const child = await start({ steps: plan(shell(`echo through >&${firstExtraFd}`)), fds: [write] });
    await child.ended();
    const closed = await outputOf({
      steps: plan({ do: "closeOthers", from: 3 }, shell("ls /proc/self/fd | wc -l")),
      fds: [write],
    });
    closeSync(write);
    const bytes = Buffer.alloc(64);
    expect(bytes.toString("utf8", 0, readSync(read, bytes))).toBe("through\n");
    expect(closed.output.trim()).toBe("4"); // 0, 1, 2 and the directory that ls reads
  });

  test("nothing of this process leaks into the program: 0, 1, 2 and no more, no environment", async () => {
    const leak = openSync("/etc/passwd", "r");
    onTestFinished(() => closeSync(leak));
    const { output } = await outputOf({ steps: plan({ do: "exec", argv: ["/usr/bin/env"], env: [] }) });
    expect(output).toBe("");
    const { output: list } = await outputOf({ steps: plan(shell("ls -l /proc/self/fd")) });
    expect(
      list
        .trim()
        .split("\n")
        .filter((line) => line.includes("->"))
        .map((line) => / (\d+) ->/.exec(line)?.[1]),
    ).toEqual(["0", "1", "2", "3"]);
    expect(list).not.toMatch(/ctr-plan|socket|pidfd|\/etc\/passwd/);
  });

  test("signals are as a program expects them: none ignored, none blocked", async () => {
    const { output } = await outputOf({
      steps: plan({ do: "exec", argv: ["/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], env: [] }),
    });
    expect(output.match(/[0-9a-f]{16}/g)).toEqual(["0".repeat(16), "0".repeat(16)]);
  });

  test("the event loop stays free while a child runs", async () => {
    const order: string[] = [];
    const { read, write } = makePipe();
    const stdio = [read, 1, 2] as const;
    const child = await start({ steps: plan(shell("read word")), stdio });
    const ended = child.ended().then(() => order.push("the child ended"));
    // The child ends because this timer fired: were the loop blocked, neither would happen.
    setTimeout(() => {
      order.push("the timer fired");
      closeSync(write);
    }, 1);
    await ended;
    closeSync(read);
    expect(order).toEqual(["the timer fired", "the child ended"]);
  });

  const kinds: readonly NamespaceType[] = ["mount", "pid", "network", "ipc", "uts", "cgroup"];
  test("a program is born in new namespaces of each kind that was asked for, and in no other", async () => {
    const file: Partial<Record<NamespaceType, string>> = { mount: "mnt", network: "net" };
    for (const kind of kinds) {
      const { output } = await outputOf({ steps: plan(shell("readlink /proc/self/ns/*")), namespaces: [kind] });
      const own = readdirSync("/proc/self/ns")
        .sort()
        .map((name) => readlinkSync(`/proc/self/ns/${name}`));
      const changed = output
        .trim()
        .split("\n")
        .filter((line) => !own.includes(line));
      expect(new Set(changed.map((line) => line.split(":")[0]))).toEqual(new Set([file[kind] ?? kind]));
    }
  });

  test("joinProcess and fork: one more process in a running container", async () => {
    const { read, write } = makePipe();
    const first = await start({
      steps: plan({ do: "setHostname", name: "inside" }, shell("read word")),
      namespaces: ["pid", "uts", "mount"],
      stdio: [read, 1, 2],
    });
    const before = children();
    const { output, ending, child } = await outputOf({
      steps: plan(
        { do: "joinProcess", pidfd: firstExtraFd, types: ["pid", "uts", "mount"] },
        { do: "fork" },
        ownMounts,
        {
          do: "mount",
          type: "proc",
          source: "proc",
          options: [],
          attributes: [],
          in: "host",
          target: "/proc",
          missing: "refuse",
        },
        shell("hostname; ls /proc | grep -c '^[0-9]'; exit 3"),
      ),
      fds: [first.pidfd],
    });
    const [hostname, processes] = output.trim().split("\n");
    expect(hostname).toBe("inside");
    expect(Number(processes)).toBeLessThanOrEqual(5); // the first, this shell, and what it runs
    expect(ending).toEqual({ code: 3, signal: undefined });
    expect(child.pid).not.toBe(first.pid);
    expect(children()).toEqual(before); // the process in between is gone
    closeSync(write);
    await first.ended();
    closeSync(read);
  });

  test("joinNamespace: by the path of another process's namespace", async () => {
    const { read, write } = makePipe();
    const first = await start({
      steps: plan({ do: "setHostname", name: "shared" }, shell("read word")),
      namespaces: ["uts"],
      stdio: [read, 1, 2],
    });
    const { output } = await outputOf({
      steps: plan({ do: "joinNamespace", type: "uts", path: `/proc/${first.pid}/ns/uts` }, shell("hostname")),
    });
    expect(output).toBe("shared\n");
    closeSync(write);
    await first.ended();
    closeSync(read);
  });

  test("unmount takes down what nobody uses, and what it was mounted on is seen again", async () => {
    const target = temporaryDirectory();
    writeFileSync(join(target, "below"), "");
    const mount = {
      do: "mount",
      type: "tmpfs",
      source: "tmpfs",
      options: [],
      attributes: [],
      in: "host",
      target,
      missing: "refuse",
    } as const;
    const { output } = await outputOf({
      steps: plan(
        ownMounts,
        mount,
        { do: "unmount", in: "host", target, detach: false },
        mount,
        { do: "unmount", in: "host", target, detach: true },
        shell('ls "$1"', target),
      ),
      namespaces: ["mount"],
    });
    expect(output).toBe("below\n");
  });

  test("unmount inside a rootfs, by a path that a symlink cannot turn", async () => {
    const rootfs = temporaryDirectory();
    const { output } = await outputOf({
      steps: plan(
        ownMounts,
        { do: "enterRootfs", path: rootfs },
        {
          do: "mount",
          type: "tmpfs",
          source: "tmpfs",
          options: [],
          attributes: [],
          in: "rootfs",
          target: "/a/b",
          missing: "directory",
        },
        { do: "unmount", in: "rootfs", target: "/a/b", detach: false },
        shell('grep -c "$1" /proc/self/mountinfo; true', rootfs),
      ),
      namespaces: ["mount"],
    });
    expect(output).toBe("0\n");
  });

  test("remove enters no mount: a host directory that is still bound is refused, and keeps all", async () => {
    const directory = temporaryDirectory();
    const canary = temporaryDirectory();
    writeFileSync(join(canary, "file"), "alive");
    const error = await failureOf(
      start({
        steps: plan(
          ownMounts,
          { do: "makeDirectory", in: "host", path: join(directory, "tree/mnt"), mode: 0o755, uid: 0, gid: 0 },
          {
            ...{
              do: "bind",
              from: "host",
              source: canary,
              recursive: true,
              set: [],
              clear: [],
              propagation: "keep",
              idmap: -1,
            },
            ...{ in: "host", target: join(directory, "tree/mnt"), missing: "refuse" },
          } as const,
          { do: "remove", in: "host", path: join(directory, "tree") },
          shell("exit 0"),
        ),
        namespaces: ["mount"],
      }),
    );
    expect([error.symbol, error.step?.do]).toEqual(["EBUSY", "remove"]);
    expect(readFileSync(join(canary, "file"), "utf8")).toBe("alive");
    rmdirSync(join(directory, "tree/mnt"));
  });
});

describe.skipIf(notRoot)("what is left of a start", () => {
  const terminal = plan(
    { do: "newSession" },
    ownMounts,
    { do: "enterRootfs", path: "/" },
    {
      do: "mount",
      type: "devpts",
      source: "devpts",
      options: ["newinstance", "ptmxmode=0666"],
      attributes: [],
      in: "rootfs",
      target: "/dev/pts",
      missing: "refuse",
    },
    { do: "openTerminal", send: -1, rows: 24, columns: 80, uid: 0 },
  );
  const cases: readonly { what: string; options: StartOptions }[] = [
    { what: "programs that end", options: { steps: plan(shell("exit 0")), namespaces: ["pid", "mount"] } },
    { what: "timed starts", options: { steps: plan(shell("exit 0")), timing: true } },
    { what: "steps that fail", options: { steps: plan({ do: "write", path: "/nowhere", text: "" }, shell("exit 0")) } },
    { what: "programs that are missing", options: { steps: plan({ do: "exec", argv: ["/nowhere"], env: [] }) } },
    { what: "clones that are refused", options: { steps: plan(shell("exit 0")), cgroup: 0 } },
    {
      what: "starts that fail with a terminal",
      options: { steps: [...terminal, ...plan({ do: "exec", argv: ["/nowhere"], env: [] })], namespaces: ["mount"] },
    },
  ];
  for (const { what, options } of cases)
    test(`40 ${what}: no fd and no zombie`, async () => {
      await start(options).then(
        (child) => child.ended(),
        () => undefined,
      ); // what is opened once, is open now
      const [before, zombies] = [fds(), children()];
      for (let round = 0; round < 40; round++)
        await start(options).then(
          (child) => child.ended(),
          (error: unknown) => expect(isKernelError(error)).toBe(true),
        );
      expect(fds()).toEqual(before);
      expect(children()).toEqual(zombies);
    });

  test("200 starts in a row, 8 at a time: no fd and no zombie", async () => {
    const once = async (): Promise<void> =>
      void (await (await start({ steps: plan(shell("exit 0")), namespaces: ["pid"] })).ended());
    await once();
    const [before, zombies] = [fds(), children()];
    for (let round = 0; round < 25; round++) await Promise.all(Array.from({ length: 8 }, once));
    expect(fds()).toEqual(before);
    expect(children()).toEqual(zombies);
  });

  test("kill after the end is ESRCH, and reaches nobody who has got the number of the old pidfd since", async () => {
    const old = await start({ steps: plan(shell("exit 0")) });
    await old.ended();
    const { read, write } = makePipe();
    const others = await Promise.all(
      Array.from({ length: 4 }, () => start({ steps: plan(shell("read word")), stdio: [read, 1, 2] })),
    );
    expect(() => old.kill("SIGKILL")).toThrow(expect.objectContaining({ code: "ERR_KERNEL_ESRCH" }));
    closeSync(write);
    for (const other of others) expect((await other.ended()).signal).toBeUndefined();
    closeSync(read);
  });

  test("the timing can still be read after the end", async () => {
    const child = await start({ steps: plan({ do: "newSession" }, shell("exit 0")), timing: true });
    await child.ended();
    expect(child).toBeInstanceOf(Child);
    expect(child.timing()).toHaveLength(1);
  });
});

test("signals have one name each, the usual one", () => {
  expect(exitCode({ code: undefined, signal: "SIGABRT" })).toBe(128 + constants.signals.SIGABRT);
});
