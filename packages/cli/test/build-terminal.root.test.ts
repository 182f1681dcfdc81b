// A build as it looks on a terminal, and what one can do there.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

describe.skipIf(notRoot || noTmux)("ctr build on a terminal (needs root and tmux)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-build-tty-"));
  const ctr = new Ctr(join(directory, "state"));
  const context = join(directory, "context");
  beforeAll(async () => {
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    mkdirSync(context);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const command = (text: string, ...flags: string[]): string => {
    writeFileSync(join(context, "Dockerfile"), text);
    const args = ["--root", ctr.root, "build", "--network", "none", ...flags, context];
    return `trap : INT; ${process.execPath} ${program} ${args.join(" ")}; echo "status $?"`;
  };

  test("steps that run show their last lines; in the end all steps stay, whatever the width", async () => {
    // Long enough to be seen; what is expected does not depend on how long.
    const text = `FROM busybox
RUN for i in 1 2 3 4 5 6 7 8; do echo "line $i"; done; echo ${"x".repeat(100)}; sleep 2
RUN true
`;
    await using terminal = await Terminal.open(command(text), { columns: 70, rows: 20 });
    const during = await terminal.shows(/ => => # line 8\n => => # x+…/);
    expect(during).toMatch(/^\[\+\] Building \d+\.\ds \(1\/3\)$/m);
    expect(during).not.toContain("# line 3\n");
    const after = await terminal.shows(/status 0/);
    expect(after).toMatch(/^\[\+\] Building \d+\.\ds \(4\/4\) FINISHED$/m);
    expect(after).not.toContain("# line");
    expect(after).toMatch(/^ => \[3\/3\] RUN true +\d+\.\ds$/m);
    expect(after).toMatch(/^ => => writing image sha256:[0-9a-f]+…?$/m);
    for (const line of after.split("\n")) expect(line.length).toBeLessThan(70);
  });

  test("--on-failure=shell: a shell where the command failed, with what it left", async () => {
    const text = "FROM busybox\nWORKDIR /app\nRUN echo left > behind; exit 3\n";
    await using terminal = await Terminal.open(command(text, "--on-failure=shell"), { columns: 100, rows: 30 });
    await terminal.shows(/exit code 3: [\s\S]*\/app # /);
    await terminal.type("cat behind; tty", "Enter");
    await terminal.shows(/^left\n\/dev\/pts\/0$/m);
    await terminal.type("exit", "Enter");
    const after = await terminal.shows(/status 1/);
    expect(after).toMatch(/ctr: Dockerfile:3:1: process .* exit code: 3/);
    expect(readdirSync(join(ctr.root, "tmp"))).toEqual([]);
  });

  test("Ctrl-C stops everything, and leaves nothing", async () => {
    const text = "FROM busybox AS a\nRUN echo on; sleep 1000\nFROM busybox\nRUN sleep 1001\nCOPY --from=a /x /x\n";
    await using terminal = await Terminal.open(command(text), { columns: 80, rows: 20 });
    await terminal.shows(/ => => # on/);
    await terminal.type("C-c");
    const after = await terminal.shows(/status 1/);
    expect(after).toMatch(/CANCELED|ERROR/);
    expect(after).toMatch(/^ctr: canceled$/m);
    expect(readdirSync(join(ctr.root, "tmp"))).toEqual([]);
  });
});
