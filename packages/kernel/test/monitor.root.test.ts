import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  Attachment,
  isKernelError,
  makePipe,
  monitorConsoleFd,
  perform,
  start,
  startBarrier,
  startMonitored,
} from "../src/index.ts";
import { endWithTest, readAll, readLog, runMonitored } from "./monitored.ts";
import { notRoot, ownMounts, plan, shell } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

const fifo = (): string => {
  const path = join(temporaryDirectory(), "fifo");
  perform(plan({ do: "makeNode", in: "host", path, kind: "fifo", mode: 0o600, uid: 0, gid: 0, major: 0, minor: 0 }));
  return path;
};

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The exit file is the last that a monitor writes; its directory may go then. */
const hasEnded = (directory: string): Promise<void> =>
  expect.poll(() => existsSync(join(directory, "exit")), { timeout: 20_000, interval: 5 }).toBe(true);

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);

describe.skipIf(notRoot)("the log", () => {
  test("every line is JSON with stream and time; both streams are in it", async () => {
    const began = Date.now();
    const { directory } = await runMonitored(shell("echo one; echo two >&2; printf 'no end'"));
    const lines = readLog(directory);
    expect(lines.filter(({ stream }) => stream === "stdout").map(({ log }) => log)).toEqual(["one\n", "no end"]);
    expect(lines.filter(({ stream }) => stream === "stderr").map(({ log }) => log)).toEqual(["two\n"]);
    for (const { time } of lines) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      expect(Date.parse(time)).toBeGreaterThanOrEqual(began - 1);
      expect(Date.parse(time)).toBeLessThanOrEqual(Date.now() + 1);
    }
  });

  const hostile = [
    { bytes: '"},{"log":"forged\\n', why: "quotes and backslashes" },
    { bytes: "\u0000\u0001\u001b[2J\u007f\t\r", why: "control characters" },
    { bytes: "漢字 🜁 é", why: "one to four bytes" },
    { bytes: "\u2028\u2029", why: "line ends of JavaScript" },
  ];
  for (const { bytes, why } of hostile)
    test(`${why} come back as they were`, async () => {
      const { directory, output } = await runMonitored(shell("cat"), { stdin: `${bytes}\nnext\n` });
      expect(output.toString()).toBe(`${bytes}\nnext\n`);
      expect(readLog(directory).map(({ log }) => log)).toEqual([`${bytes}\n`, "next\n"]);
    });

  test("what is no UTF-8 becomes U+FFFD in the log, and stays itself for who is attached", async () => {
    const bytes = Buffer.from([0x61, 0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5, 0xe2, 0x82, 0x0a, 0x62, 0xe2, 0x82]);
    const { directory, output } = await runMonitored(shell("cat"), { stdin: bytes });
    expect(output).toEqual(bytes);
    const [first, second] = readLog(directory).map(({ log }) => log);
    expect(first).toMatch(/^a\ufffd+\n$/);
    expect(second).toMatch(/^b\ufffd+$/);
  });

  test("a line of 1 MB comes back whole when its parts are joined, and only the last has the newline", async () => {
    const line = `${"0123456789 äöü 🜁 ".repeat(50_000)}`;
    const { directory } = await runMonitored(shell("cat"), { stdin: `${line}\nshort\n`, logLimit: 8 << 20 });
    const lines = readLog(directory).map(({ log }) => log);
    expect(lines.pop()).toBe("short\n");
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.slice(0, -1).every((part) => !part.includes("\n"))).toBe(true);
    expect(lines.join("")).toBe(`${line}\n`);
  });

  test("the bound holds: two files, neither over the limit, the newest line in the first", async () => {
    const limit = 64 << 10;
    const { directory } = await runMonitored(shell("seq 1 20000"), { logLimit: limit });
    for (const file of ["log.json", "log.json.1"] as const)
      expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(limit);
    expect(
      readdirSync(directory)
        .filter((name) => name.startsWith("log"))
        .sort(),
    ).toEqual(["log.json", "log.json.1"]);
    const numbers = [...readLog(directory, "log.json.1"), ...readLog(directory)].map(({ log }) => Number(log));
    expect(numbers.at(-1)).toBe(20_000);
    expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index)); // none is missing in between
  });

  test("limit 0: no log is kept", async () => {
    const { directory, output } = await runMonitored(shell("echo hi"), { logLimit: 0 });
    expect(output.toString()).toBe("hi\n");
    expect(readdirSync(directory).filter((name) => name.startsWith("log"))).toEqual([]);
  });
});

describe.skipIf(notRoot)("how it ended", () => {
  const endings = [
    { script: "exit 7", status: 7 << 8, is: { code: 7, signal: undefined } },
    { script: "kill -KILL $$", status: 9, is: { code: undefined, signal: "SIGKILL" } },
  ] as const;
  for (const { script, status, is } of endings)
    test(`${script}: for who is attached, and in the file \`exit\``, async () => {
      const { directory, ending } = await runMonitored(shell(script));
      expect(ending).toEqual(is);
      const exit = JSON.parse(readFileSync(join(directory, "exit"), "utf8")) as { status: number; time: string };
      expect(exit.status).toBe(status);
      expect(Date.parse(exit.time)).not.toBeNaN();
    });

  test("`after` is run once the container has ended, with the exit file in place", async () => {
    const path = fifo();
    const directory = temporaryDirectory();
    const told = text(createReadStream(path));
    await runMonitored(shell("exit 5"), {
      directory,
      after: ["/bin/sh", "-c", 'cat "$1" > "$2"', "sh", join(directory, "exit"), path],
    });
    expect(JSON.parse(await told)).toMatchObject({ status: 5 << 8 });
  });

  test("a step that fails is what startMonitored rejects with; nothing runs", async () => {
    const directory = temporaryDirectory();
    const starting = startMonitored({
      ...{ namespaces: [], directory, terminal: false, input: false, logLimit: 0 },
      steps: plan({ do: "barrier", name: startBarrier }, { do: "exec", argv: ["/nowhere"], env: [] }),
    });
    await expect(starting).rejects.toMatchObject({ code: "ERR_KERNEL_ENOENT", syscall: "execve" });
    await hasEnded(directory);
  });

  test("nobody listens any more: ECONNREFUSED; nobody ever did: ENOENT", async () => {
    const { directory } = await runMonitored(shell("exit 0"));
    // The monitor's last word comes a moment before it closes the socket.
    const refused = expect.objectContaining({ code: "ERR_KERNEL_ECONNREFUSED" });
    await expect.poll(() => failureOf(() => new Attachment(directory).close()), { timeout: 20_000 }).toEqual(refused);
    const missing = expect.objectContaining({ code: "ERR_KERNEL_ENOENT" });
    expect(failureOf(() => new Attachment(temporaryDirectory()))).toEqual(missing);
  });
});

describe.skipIf(notRoot)("attached", () => {
  test("output and errors go their own ways", async () => {
    const { output, errors } = await runMonitored(shell("echo out; echo err >&2"));
    expect([output.toString(), errors.toString()]).toEqual(["out\n", "err\n"]);
  });

  test("input reaches the program, and its end is the program's", async () => {
    const { output } = await runMonitored(shell("wc -c"), { stdin: Buffer.alloc(3_000_000, "x") });
    expect(output.toString().trim()).toBe("3000000");
  });

  test("without input the program reads an end at once", async () => {
    const { output } = await runMonitored(shell("wc -c"));
    expect(output.toString().trim()).toBe("0");
  });

  test("output written right before the end is never lost: 200 short runs", async () => {
    for (let round = 0; round < 200; round++) {
      const { output, errors, directory } = await runMonitored(shell(`echo out ${round}; echo err ${round} >&2`));
      expect([output.toString(), errors.toString()]).toEqual([`out ${round}\n`, `err ${round}\n`]);
      expect(readLog(directory)).toHaveLength(2);
    }
  });

  test("5 MB of output arrive whole", async () => {
    const { output } = await runMonitored(shell("head -c 5000000 /dev/zero"), { logLimit: 0 });
    expect(output.length).toBe(5_000_000);
  });

  test("a second one sees what comes from then on, and how it ends", async () => {
    const out = makePipe();
    const input = makePipe();
    const directory = temporaryDirectory();
    let second: Attachment | undefined;
    const run = await runMonitored(shell("read word; echo got $word; exit 4"), {
      directory,
      input: true,
      meanwhile: (first) => {
        second = new Attachment(directory);
        second.showOutput(out.write);
        closeSync(out.write);
        first.readInput(input.read);
        writeFileSync(input.write, "hello\n");
        for (const fd of [input.read, input.write]) closeSync(fd);
      },
    });
    expect(await second!.ended()).toEqual({ code: 4, signal: undefined });
    second!.close();
    expect(run.output.toString()).toBe("got hello\n");
    expect((await readAll(out.read)).toString()).toBe("got hello\n");
  });

  test("one that goes away without a word does not disturb", async () => {
    const directory = temporaryDirectory();
    const { output } = await runMonitored(shell("read word; echo still; echo here"), {
      directory,
      input: true,
      meanwhile: (first) => {
        const { read, write } = makePipe();
        const gone = new Attachment(directory);
        gone.showOutput(write);
        for (const fd of [read, write]) closeSync(fd);
        gone.close();
        const input = makePipe();
        first.readInput(input.read);
        for (const fd of [input.read, input.write]) closeSync(fd);
      },
    });
    expect(output.toString()).toBe("still\nhere\n");
  });

  // A program that does not read must still be able to write: input waits, output does not.
  test("more input than a pipe holds, for a program that does not read, does not block its output", {
    timeout: 10_000,
  }, async () => {
    const { output } = await runMonitored(shell("head -c 1000000 /dev/zero"), {
      stdin: Buffer.alloc(1_000_000),
      logLimit: 0,
    });
    expect(output.length).toBe(1_000_000);
  });
});

describe.skipIf(notRoot)("a terminal", () => {
  const terminal = plan(
    { do: "newSession" },
    ownMounts,
    {
      do: "mount",
      type: "tmpfs",
      source: "tmpfs",
      options: [],
      attributes: [],
      in: "host",
      target: "/dev",
      missing: "refuse",
    },
    { do: "enterRootfs", path: "/" },
    {
      do: "mount",
      type: "devpts",
      source: "devpts",
      options: ["newinstance", "ptmxmode=0666"],
      attributes: [],
      in: "rootfs",
      target: "/dev/pts",
      missing: "directory",
    },
    { do: "openTerminal", send: monitorConsoleFd, rows: 24, columns: 80, uid: 0 },
  );
  const options = { namespaces: ["mount"], terminal: true, input: true, before: terminal } as const;

  test("it has the size that was asked for, and is /dev/console too", async () => {
    const { output } = await runMonitored(shell("stty size; tty; test -c /dev/console && echo console"), options);
    expect(output.toString()).toBe("24 80\r\n/dev/pts/0\r\nconsole\r\n");
  });

  test("resize, then input: the program sees the new size", async () => {
    const { read, write } = makePipe();
    const { output, ending } = await runMonitored(shell("stty -echo; echo ready; read word; stty size; exit 6"), {
      ...options,
      meanwhile: (attachment) => {
        attachment.resize({ rows: 50, columns: 132 });
        attachment.readInput(read);
        writeFileSync(write, "go\n");
        for (const fd of [read, write]) closeSync(fd);
      },
    });
    expect(output.toString()).toContain("50 132\r\n");
    expect(ending).toEqual({ code: 6, signal: undefined });
  });
});

describe.skipIf(notRoot)("on its own", () => {
  test("the starter ends; the container goes on, can be attached to, and leaves log and exit file", async () => {
    const directory = temporaryDirectory();
    const path = fifo();
    const starter = fileURLToPath(new URL("start-detached.ts", import.meta.url));
    const script = `echo begun; cat '${path}'; exit 9`;
    const pid = Number(
      execFileSync(process.execPath, ["--conditions=ctr-source", starter, directory, script], { encoding: "utf8" }),
    );
    endWithTest(pid);
    const monitor = parentOf(pid);
    expect(readFileSync(`/proc/${monitor}/cmdline`, "utf8")).toMatch(/^ctr-init\0monitor\0/);
    expect(monitor).not.toBe(process.pid);
    const out = makePipe();
    const attachment = new Attachment(directory);
    attachment.showOutput(out.write);
    closeSync(out.write);
    writeFileSync(path, "said later\n");
    expect(await attachment.ended()).toEqual({ code: 9, signal: undefined });
    attachment.close();
    expect((await readAll(out.read)).toString()).toContain("said later\n");
    expect(readLog(directory).map(({ log }) => log)).toEqual(["begun\n", "said later\n"]);
    expect(existsSync(join(directory, "exit"))).toBe(true);
  });

  test("a long path of the container's directory is no problem for its socket", async () => {
    const directory = join(temporaryDirectory(), ...Array.from({ length: 6 }, () => "d".repeat(60)));
    perform(plan({ do: "makeDirectory", in: "host", path: directory, mode: 0o700, uid: 0, gid: 0 }));
    expect((await runMonitored(shell("echo hi"), { directory })).output.toString()).toBe("hi\n");
  });

  test("a program that joins a PID namespace is followed to its own end, not to that of the process in between", async () => {
    const { read, write } = makePipe();
    const first = await start({ steps: plan(shell("read word")), namespaces: ["pid"], stdio: [read, 1, 2] });
    const before = plan({ do: "joinNamespace", type: "pid", path: `/proc/${first.pid}/ns/pid` }, { do: "fork" });
    const run = await runMonitored(shell("echo inside; exit 8"), { before });
    expect(run.output.toString()).toBe("inside\n");
    expect(run.ending).toEqual({ code: 8, signal: undefined });
    closeSync(write);
    await first.ended();
    closeSync(read);
  });

  test("20 containers: no fd and no zombie in the process that started them", async () => {
    const once = async (): Promise<void> => void (await runMonitored(shell("exit 0"), { timing: true }));
    const failing = async (): Promise<void> => {
      const directory = temporaryDirectory();
      const options = {
        namespaces: [],
        directory,
        terminal: false,
        input: false,
        logLimit: 0,
      } as const;
      await startMonitored({ ...options, steps: plan({ do: "exec", argv: ["/nowhere"], env: [] }) }).catch(
        (error: unknown) => expect(isKernelError(error)).toBe(true),
      );
      await hasEnded(directory);
    };
    await once();
    const open = (): number => readdirSync("/proc/self/fd").length;
    const isZombie = (pid: string): boolean => {
      try {
        return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
      } catch {
        return false; // it has been reaped since
      }
    };
    const zombies = (): number =>
      readdirSync("/proc/self/task")
        .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "))
        .filter((pid) => pid !== "" && isZombie(pid)).length;
    const before = open();
    for (let round = 0; round < 20; round++) {
      await once();
      await failing();
    }
    // A monitor ends a moment after it has told how its container ended.
    await expect.poll(zombies, { timeout: 20_000 }).toBe(0);
    // HeldProcess of the fixture: one fd a round, given back when the test ends.
    await expect.poll(() => open() - before, { timeout: 20_000 }).toBeLessThanOrEqual(20);
  });
});
