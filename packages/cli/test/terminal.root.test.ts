import { execPath } from "node:process";
import { describe, expect, test } from "vitest";
import { notRoot, program, temporaryCtr } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

const why = notRoot ? ": needs root" : noTmux ? `: ${noTmux}` : "";

describe.skipIf(notRoot || noTmux !== false)(`a terminal${why}`, () => {
  const ctr = temporaryCtr();
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

  /** `ctr …` in a terminal of 80×24, and what the terminal is like afterwards. */
  function open(...args: string[]): Promise<Terminal> {
    const command = [execPath, "--", program, "--root", ctr.root, ...args].map(quote).join(" ");
    const script = `trap : INT; before=$(stty -g); ${command}; echo "status $?"; [ "$(stty -g)" = "$before" ] && echo restored; echo over`;
    return Terminal.open(`sh -c ${quote(script)}`, { columns: 80, rows: 24 });
  }

  const shell = ["run", "-it", "--rm", "--network", "none", "-e", "PS1=> ", "busybox", "sh"];
  const untilSize = (size: string): string =>
    `while [ "$(stty size)" != "${size}" ]; do :; done; echo "now $((1)) ${size}"`;

  test("run -it: the size of the caller's terminal from the start, and each change of it", async () => {
    await using terminal = await open(
      "run",
      "-it",
      "--rm",
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      `stty size; ${untilSize("30 100")}; ${untilSize("20 60")}`,
    );
    await terminal.shows(/^24 80$/m);
    await terminal.resize({ columns: 100, rows: 30 });
    await terminal.shows(/^now 1 30 100$/m);
    await terminal.resize({ columns: 60, rows: 20 });
    await terminal.shows(/^now 1 20 60$[\s\S]*^status 0$\n^restored$/m);
  });

  test("run -it: keys go to the program, Ctrl-C too; its exit code and the terminal come back", async () => {
    await using terminal = await open(...shell);
    await terminal.shows(/^> /m);
    await terminal.type("sleep 1000 || echo interrupted $((1 + 1))", "Enter");
    await terminal.shows(/sleep 1000.*\n/);
    // The shell has read the line; the program that Ctrl-C is for may take a moment to be there.
    await untilRuns("sleep");
    await terminal.type("C-c");
    await terminal.shows(/\n> $|\^C\n+> /);
    await terminal.type("exit 7", "Enter");
    const screen = await terminal.shows(/^over$/m);
    expect(screen).toMatch(/^status 7\nrestored$/m);
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("run -it: Ctrl-D ends the input", async () => {
    await using terminal = await open("run", "-it", "--rm", "--network", "none", "busybox", "cat");
    await terminal.type("echoed", "Enter");
    await terminal.shows(/^echoed\nechoed$/m);
    await terminal.type("C-d");
    await terminal.shows(/^status 0\nrestored\nover$/m);
  });

  test("run -it: killed from outside, the terminal comes back all the same", async () => {
    await using terminal = await open(
      "run",
      "-it",
      "--rm",
      "--network",
      "none",
      "--name",
      "victim",
      "busybox",
      "sh",
      "-c",
      "echo ready; cat",
    );
    await terminal.shows(/^ready$/m);
    await ctr.say("kill", "victim");
    await terminal.shows(/^status 137\nrestored\nover$/m);
  });

  test("run without -t: Ctrl-C is the command's, which hands the signal over", async () => {
    await using terminal = await open(
      "run",
      "--rm",
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 9' INT; echo ready; while :; do sleep 0.1; done",
    );
    await terminal.shows(/^ready$/m);
    await terminal.type("C-c");
    await terminal.shows(/status 9\nrestored\nover$/m);
  });

  test("exec -it: size, change of it, Ctrl-C, exit code", async () => {
    await ctr.start("--name", "box");
    await using terminal = await open(
      "exec",
      "-it",
      "-e",
      "PS1=> ",
      "box",
      "sh",
      "-c",
      `stty size; ${untilSize("30 100")}; exec sh`,
    );
    await terminal.shows(/^24 80$/m);
    await terminal.resize({ columns: 100, rows: 30 });
    await terminal.shows(/^now 1 30 100$[\s\S]*^> /m);
    await terminal.type("exit 7", "Enter");
    await terminal.shows(/^status 7\nrestored\nover$/m);
    await ctr.say("rm", "-f", "box");
    expect(await ctr.traces.left()).toEqual([]);
  });

  /** Waits until the one container that runs has a process of that name. */
  async function untilRuns(name: string): Promise<void> {
    const id = await ctr.say("ps", "-q");
    while ((await ctr.call(["exec", id, "pidof", name])).status !== 0);
  }
});
