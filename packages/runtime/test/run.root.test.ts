import { chmodSync, closeSync, createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { exitCode, HeldProcess, makePipe, start, startTimeOf } from "@ctr/kernel";
import type { Mount, RuntimeConfig } from "@ctr/oci";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { execPlan, hostFacts, run } from "../src/index.ts";
import { bundle, configOf, endWithTest, machine, runIn, skipReason } from "./busybox.ts";

const withMounts =
  (...mounts: Mount[]) =>
  (it: RuntimeConfig): RuntimeConfig => ({ ...it, mounts: [...it.mounts!, ...mounts] });
const linux =
  (change: Partial<NonNullable<RuntimeConfig["linux"]>>) =>
  (it: RuntimeConfig): RuntimeConfig => ({ ...it, linux: { ...it.linux, ...change } });
const processWith =
  (change: Partial<NonNullable<RuntimeConfig["process"]>>) =>
  (it: RuntimeConfig): RuntimeConfig => ({ ...it, process: { ...it.process!, ...change } });

describe.skipIf(skipReason !== "")(`files of a container${skipReason}`, () => {
  test("volumes: a directory and a file, writable and read-only", async () => {
    const at = bundle();
    const source = join(at.directory, "source");
    mkdirSync(source);
    writeFileSync(join(source, "file"), "of the host\n");
    const bind = (destination: string, from: string, option: string): Mount => ({
      destination,
      type: "bind",
      source: from,
      options: ["rbind", option],
    });
    const config = configOf(
      "cat /rw/file /ro/file /one /two; echo new > /rw/made; echo changed > /one; touch /ro/x; echo x > /two; echo done",
      withMounts(
        bind("/rw", source, "rw"),
        bind("/ro", source, "rro"),
        bind("/one", join(source, "file"), "rw"),
        bind("/two", join(source, "file"), "rro"),
      ),
    );
    const { output } = await runIn(at, config);
    expect(output.startsWith("of the host\n".repeat(4))).toBe(true);
    expect(output.match(/Read-only file system/g)).toHaveLength(2);
    expect(readFileSync(join(source, "file"), "utf8")).toBe("changed\n");
    expect(readdirSync(source).sort()).toEqual(["file", "made"]);
  });

  test("a read-only root: nothing can be written but what is mounted", async () => {
    const script =
      "touch /x; touch /etc/marker; echo fine > /dev/shm/x && cat /dev/shm/x; echo fine > /t/x && cat /t/x";
    const config = configOf(script, (it) => ({
      ...withMounts({ destination: "/t", type: "tmpfs", options: ["size=64k"] })(it),
      root: { path: "rootfs", readonly: true },
    }));
    const at = bundle();
    const { output } = await runIn(at, config);
    expect(output.match(/Read-only file system/g)).toHaveLength(2);
    expect(output.match(/^fine$/gm)).toHaveLength(2);
  });

  test("a tmpfs ends at its size", async () => {
    const config = configOf(
      "head -c 1000000 /dev/zero > /t/x; wc -c < /t/x",
      withMounts({ destination: "/t", type: "tmpfs", options: ["size=64k"] }),
    );
    expect((await runIn(bundle(), config)).output).toMatch(/\n65536\n$/);
  });

  test("what the container writes stays in its rootfs; what it mounts is not seen outside", async () => {
    const at = bundle();
    const before = machine();
    const { output } = await runIn(at, configOf("echo kept > /tmp/file; echo hidden > /dev/shm/file; id -u"));
    expect(output).toBe("0\n");
    expect(readFileSync(join(at.rootfs, "tmp/file"), "utf8")).toBe("kept\n");
    expect(readdirSync(join(at.rootfs, "dev"))).toEqual([]);
    expect(machine()).toEqual(before);
  });
});

describe.skipIf(skipReason !== "")(`the program${skipReason}`, () => {
  const endings = [
    { script: "exit 0", code: 0 },
    { script: "exit 42", code: 42 },
    { script: "sh -c 'kill -KILL $$'; exit $?", code: 137 },
  ] as const;
  for (const { script, code } of endings)
    test(`${script}: ${code}`, async () => {
      expect(exitCode((await runIn(bundle(), configOf(script))).ending)).toBe(code);
    });

  const missing = [
    {
      args: ["no-such-program"],
      code: "ERR_RUNTIME_PROGRAM_MISSING",
      exit: 127,
      says: /executable file not found in \$PATH/,
    },
    { args: ["/no/such/program"], code: "ERR_RUNTIME_PROGRAM_MISSING", exit: 127, says: /no such file or directory/ },
    { args: ["/etc/marker"], code: "ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE", exit: 126, says: /permission denied/ },
    { args: ["/etc"], code: "ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE", exit: 126, says: /permission denied/ },
    { args: ["/tmp/words"], code: "ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE", exit: 126, says: /exec format error/ },
  ] as const;
  for (const { args, code, exit, says } of missing)
    test(`${args[0]}: ${exit}, as a shell says it`, async () => {
      const at = bundle();
      writeFileSync(join(at.rootfs, "tmp/words"), "words\n");
      chmodSync(join(at.rootfs, "tmp/words"), 0o755);
      const refusal = { name: "RuntimeError", code, exitCode: exit, message: expect.stringMatching(says) };
      await expect(runIn(at, configOf(args))).rejects.toMatchObject(refusal);
    });

  test("user, groups, umask, limits and no new privileges are what was asked for", async () => {
    const change = processWith({
      user: { uid: 1000, gid: 1001, additionalGids: [5, 7], umask: 0o27 },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
      noNewPrivileges: true,
      oomScoreAdj: 500,
      cwd: "/tmp",
    });
    const script =
      "id -u; id -g; id -G; umask; ulimit -Sn; ulimit -Hn; pwd; cat /proc/self/oom_score_adj; grep -E '^(NoNewPrivs|CapEff|CapPrm|CapInh)' /proc/self/status";
    const { output } = await runIn(bundle(), configOf(script, change));
    const none = "0".repeat(16);
    expect(output.trim().split("\n")).toEqual([
      ...["1000", "1001", "1001 5 7", "0027", "100", "200", "/tmp", "500"],
      ...[`CapInh:\t${none}`, `CapPrm:\t${none}`, `CapEff:\t${none}`, "NoNewPrivs:\t1"],
    ]);
  });

  test("a terminal: stdio, its size, and its own session", async () => {
    const at = bundle();
    const config = configOf(
      "tty; stty size; ps -o pid,tty | grep ' 1 ' | head -1; exit 3",
      processWith({ terminal: true, consoleSize: { height: 30, width: 100 } }),
    );
    const container = await run({ config, rootfs: at.rootfs });
    endWithTest(container);
    const said: Buffer[] = [];
    // Reading the master of a terminal whose other end is closed is EIO, not an end.
    const stream = createReadStream("", { fd: container.terminal! }).on("data", (chunk) => said.push(chunk as Buffer));
    const read = new Promise<unknown>((resolve) => stream.on("error", resolve).on("end", () => resolve(undefined)));
    expect((await container.ended()).code).toBe(3);
    await read;
    expect(Buffer.concat(said).toString()).toMatch(/^\/dev\/pts\/0\r\n30 100\r\n/);
  });

  test("two containers at once, without a cgroupsPath: each has a cgroup of its own, and none is left", async () => {
    const withoutPath = configOf("read word; cat /etc/marker", (it) => {
      const { cgroupsPath: _, ...rest } = it.linux!;
      return { ...it, linux: rest };
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() }); // all three start in one millisecond
    onTestFinished(() => void vi.useRealTimers());
    const { read, write } = makePipe();
    const at = [bundle(), bundle(), bundle()];
    const started = await Promise.all(
      at.map(({ rootfs }) => run({ config: withoutPath, rootfs, stdio: [read, 2, 2] })),
    );
    for (const container of started) endWithTest(container);
    const directories = started.flatMap(({ cgroup }) => cgroup.directories);
    expect(new Set(directories).size).toBe(directories.length);
    for (const fd of [read, write]) closeSync(fd);
    for (const container of started) expect((await container.ended()).code).toBe(0);
    for (const directory of directories)
      expect(() => readdirSync(directory)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("the end of an `await using` block ends the container, and one that has ended is left alone", async () => {
    const at = bundle();
    const before = machine();
    const { read, write } = makePipe();
    {
      await using container = await run({ config: configOf("read word"), rootfs: at.rootfs, stdio: [read, 1, 2] });
      expect(container.pid).toBeGreaterThan(1);
    }
    await using ended = await run({ config: configOf("exit 0"), rootfs: at.rootfs });
    await ended.ended();
    await ended[Symbol.asyncDispose]();
    for (const fd of [read, write]) closeSync(fd);
    expect(machine()).toEqual(before);
  });
});

describe.skipIf(skipReason !== "")(`init${skipReason}`, () => {
  test("PID 1 is ours, the program is its child, its exit code is the container's", async () => {
    const { output, ending } = await runIn(bundle(), configOf("cat /proc/1/comm; echo $$ $PPID; exit 5"), {
      init: true,
    });
    expect(output).toMatch(/^ctr-init\n[2-9]\d* 1\n$/);
    expect(ending.code).toBe(5);
  });

  test("PID 1 has no more rights than the program", async () => {
    const { output } = await runIn(
      bundle(),
      configOf("grep -E '^(CapEff|CapPrm|Seccomp:)' /proc/1/status /proc/self/status | cut -d: -f2-"),
      { init: true },
    );
    const lines = output.trim().split("\n");
    expect(lines.slice(0, 3)).toEqual(lines.slice(3));
  });

  test("orphans are reaped", async () => {
    // The orphan ends at once; were it not reaped, its directory in /proc would stay for ever.
    const script = `sh -c 'true & echo $! > /tmp/orphan'; o=$(cat /tmp/orphan); while test -d /proc/$o; do :; done; echo reaped`;
    expect((await runIn(bundle(), configOf(script), { init: true })).output).toBe("reaped\n");
  });

  for (const init of [true, false])
    test(`a signal reaches the program ${init ? "through" : "without"} init`, async () => {
      const at = bundle();
      const [input, output] = [makePipe(), makePipe()];
      const script = "trap 'echo got it; exit 3' TERM; echo ready; while true; do read word; done";
      const container = await run({
        config: configOf(script),
        rootfs: at.rootfs,
        init,
        stdio: [input.read, output.write, 2],
      });
      endWithTest(container);
      onTestFinished(() => {
        for (const fd of [input.read, input.write]) closeSync(fd);
      });
      closeSync(output.write);
      const lines = createInterface({ input: createReadStream("", { fd: output.read }) })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe("ready");
      container.kill("SIGTERM");
      expect((await lines.next()).value).toBe("got it");
      expect(await container.ended()).toEqual({ code: 3, signal: undefined });
    });

  test("a program that a signal ends: 128 and its number", async () => {
    const { ending } = await runIn(bundle(), configOf("kill -TERM $$"), { init: true });
    expect(ending.code).toBe(128 + constants.signals.SIGTERM);
  });
});

describe.skipIf(skipReason !== "")(`namespaces and exec${skipReason}`, () => {
  test("a user namespace: root inside, nobody of the host outside", async () => {
    const at = bundle();
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const { read, write } = makePipe();
    const config = configOf(
      "id -u; cat /proc/self/uid_map; echo x > /tmp/made; test -c /dev/null && echo device; hostname",
      (it) => ({
        ...it,
        linux: {
          ...it.linux,
          namespaces: [...it.linux!.namespaces!, { type: "user" }],
          uidMappings: map,
          gidMappings: map,
        },
      }),
    );
    const container = await run({ config, rootfs: at.rootfs, stdio: [read, write, 2] });
    endWithTest(container);
    closeSync(write);
    const said = await buffer(createReadStream("", { fd: read }));
    expect((await container.ended()).code).toBe(0);
    expect(said.toString().trim().split(/\s+/)).toEqual(["0", "0", "100000", "65536", "device", "ctr"]);
  });

  test("exec: one more process inside, with the container's view and walls", async () => {
    const at = bundle();
    const [input, output] = [makePipe(), makePipe()];
    const config = configOf("read word");
    const container = await run({ config, rootfs: at.rootfs, stdio: [input.read, 2, 2] });
    endWithTest(container);
    const held = HeldProcess.open(container.pid, startTimeOf(container.pid)!)!;
    const { machine: processor, available } = hostFacts();
    const types = ["mount", "pid", "network", "ipc", "uts", "cgroup"] as const;
    const script =
      "cat /etc/marker; hostname; cat /proc/1/comm; grep -E '^(CapEff|CapInh|Seccomp:)' /proc/self/status; ls /proc/self/fd; exit 6";
    const child = await start({
      steps: execPlan({
        process: { ...config.process!, args: ["sh", "-c", script] },
        ...{
          seccomp: config.linux!.seccomp,
          joinCgroup: container.cgroup.joinSteps,
          pidfd: 5,
          types,
          machine: processor,
          available,
        },
      }),
      stdio: [input.read, output.write, 2],
      fds: [held.pidfd],
    });
    held[Symbol.dispose]();
    closeSync(output.write);
    const said = (await buffer(createReadStream("", { fd: output.read }))).toString().split("\n");
    expect(await child.ended()).toEqual({ code: 6, signal: undefined });
    expect(said.slice(0, 3)).toEqual(["of the container", "ctr", "sh"]);
    expect(said.slice(3, 6)).toEqual([
      "CapInh:\t0000000000000000",
      expect.stringMatching(/^CapEff:\t00000000a/),
      "Seccomp:\t2",
    ]);
    expect(said.slice(6, -1)).toEqual(["0", "1", "2", "3"]);
    for (const fd of [input.read, input.write]) closeSync(fd);
    await container.ended();
  });
});

describe.skipIf(skipReason !== "")(`a start that fails leaves nothing behind${skipReason}`, () => {
  const failures: readonly { name: string; change: (config: RuntimeConfig) => RuntimeConfig }[] = [
    { name: "no program to run", change: processWith({ args: [] }) },
    { name: "a program that is missing", change: processWith({ args: ["/nowhere"] }) },
    { name: "a working directory that is missing", change: processWith({ cwd: "/nowhere" }) },
    {
      name: "a limit that there is not",
      change: processWith({ rlimits: [{ type: "RLIMIT_NONSENSE", soft: 1, hard: 1 }] }),
    },
    {
      name: "a soft limit over the hard one",
      change: processWith({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 5, hard: 4 }] }),
    },
    { name: "an oom score beyond the scale", change: processWith({ oomScoreAdj: 5000 }) },
    { name: "a hostname of 65 bytes", change: (it) => ({ ...it, hostname: "h".repeat(65) }) },
    { name: "a file system that there is not", change: withMounts({ destination: "/x", type: "nonsense" }) },
    {
      name: "a mount option that there is not",
      change: withMounts({ destination: "/x", type: "tmpfs", options: ["nonsense=1"] }),
    },
    {
      name: "a volume whose source is missing",
      change: withMounts({ destination: "/x", type: "bind", source: "/nowhere" }),
    },
    {
      name: "a volume onto a file that is a directory's place",
      change: withMounts({ destination: "/etc/marker/x", type: "tmpfs" }),
    },
    {
      name: "a directory over a file",
      change: withMounts({ destination: "/etc/marker", type: "bind", source: "/etc" }),
    },
    {
      name: "a namespace to join that is missing",
      change: linux({ namespaces: [{ type: "mount" }, { type: "network", path: "/nowhere" }] }),
    },
    {
      name: "a namespace file of another type",
      change: linux({ namespaces: [{ type: "mount" }, { type: "network", path: "/proc/self/ns/uts" }] }),
    },
    {
      name: "a kernel parameter with a value that is none",
      change: linux({ sysctl: { "net.ipv4.ip_forward": "many" } }),
    },
    { name: "a cgroup limit that the kernel refuses", change: linux({ resources: { pids: { limit: 2 ** 52 } } }) },
    { name: "a CPU that the machine does not have", change: linux({ resources: { cpu: { cpus: "4000" } } }) },
    {
      name: "a device under a file",
      change: linux({ devices: [{ type: "c", path: "/etc/marker/x", major: 1, minor: 3 }] }),
    },
    { name: "something that is not done yet", change: processWith({ apparmorProfile: "x" }) },
    { name: "a rootfs that is missing", change: (it) => it },
    { name: "a user namespace without maps", change: linux({ namespaces: [{ type: "mount" }, { type: "user" }] }) },
  ];
  for (const { name, change } of failures)
    test(name, async () => {
      const before = machine();
      const at = bundle();
      const config = configOf("true", (it) => {
        const changed = change(it);
        return { ...changed, linux: { ...changed.linux, cgroupsPath: it.linux!.cgroupsPath! } };
      });
      const rootfs = name.startsWith("a rootfs") ? join(at.directory, "nowhere") : at.rootfs;
      const error = await runIn(at, config, { rootfs }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect((error as { code?: string }).code).toMatch(/^ERR_(RUNTIME|KERNEL|CGROUPS|MOUNTS|NAMESPACES|SECCOMP)_/);
      expect(machine()).toEqual(before);
    });

  test("20 runs, good and bad ones: no fd is left open", async () => {
    const at = bundle();
    const round = async (): Promise<void> => {
      await runIn(at, configOf("true"));
      await runIn(at, configOf(["/nowhere"])).catch(() => undefined);
    };
    await round();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 10; i++) await round();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });
});
