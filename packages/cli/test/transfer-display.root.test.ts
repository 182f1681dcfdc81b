// Pull and push as they look on a terminal.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { type FaultRule, faultyRegistry } from "@ctr/registry/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

/** Slow enough to be watched; the fault waits for a screen, not for a clock. */
const slow: FaultRule = { on: /GET .*blobs/, fault: { kind: "slow", bytes: 65_536, everyMillis: 150 } };

describe.skipIf(notRoot || noTmux)("progress on a terminal (needs root and tmux)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-display-"));
  const here = new Ctr(join(directory, "here"));
  let server: RegistryServer;
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    await here.say("image", "from-host", "--tag", "busybox", "busybox");
    await here.say("tag", "busybox", `${server.host}/team/app:1`);
    await here.say("push", `${server.host}/team/app:1`);
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const command = (root: string, ...args: string[]): string =>
    `trap : INT; ${process.execPath} ${program} --root ${join(directory, root)} ${args.join(" ")}; echo "status $?"`;

  test("a pull draws a bar for each layer in place, and leaves one line for each", async () => {
    await using faulty = await faultyRegistry(server, [slow]);
    const script = command("there", "pull", `${faulty.host}/team/app:1`);
    await using terminal = await Terminal.open(script, { columns: 90, rows: 20 });
    const during = await terminal.shows(/[0-9a-f]{12}: Downloading \[=+> *\] +[0-9.]+[kM]B\/[0-9.]+[kM]B/);
    for (const line of during.trimEnd().split("\n")) expect(line.length).toBeLessThan(90);
    const after = await terminal.shows(/status 0/);
    expect(after).not.toContain("Downloading");
    const layers = after.match(/^[0-9a-f]{12}: Pull complete$/gm);
    expect(layers?.length).toBeGreaterThan(0);
    expect(new Set(layers).size).toBe(layers?.length);
    expect(after).toMatch(/^1: Pulling from team\/app\n/);
    expect(after).toMatch(/\nStatus: Downloaded newer image for /);
  });

  test("in a narrow terminal there is no bar, and nothing wraps", async () => {
    await using faulty = await faultyRegistry(server, [slow]);
    const script = command("narrow", "pull", `${faulty.host}/team/app:1`);
    await using terminal = await Terminal.open(script, { columns: 42, rows: 20 });
    const during = await terminal.shows(/[0-9a-f]{12}: Downloading [0-9.]+[kM]B\//);
    for (const line of during.trimEnd().split("\n")) expect(line.length).toBeLessThan(42);
    await terminal.shows(/status 0/);
  });

  test("Ctrl-C ends a pull in one line, and the next one goes on", async () => {
    await using faulty = await faultyRegistry(server, [slow]);
    const script = command("stopped", "pull", `${faulty.host}/team/app:1`);
    await using terminal = await Terminal.open(script, { columns: 90, rows: 20 });
    await terminal.shows(/Downloading/);
    await terminal.type("C-c");
    expect(await terminal.shows(/status \d+/)).toMatch(/\nctr: canceled\n+status 1\n/);
    const there = new Ctr(join(directory, "stopped"));
    expect(await there.say("images", "-q")).toBe("");
    await there.say("pull", "-q", `${server.host}/team/app:1`);
  });

  test("a push says where a layer came from", async () => {
    await here.say("tag", "busybox", `${server.host}/team/other:1`);
    const script = command("here", "push", `${server.host}/team/other:1`);
    await using terminal = await Terminal.open(script, { columns: 90, rows: 20 });
    expect(await terminal.shows(/status 0/)).toMatch(/[0-9a-f]{12}: Mounted from team\/app\n/);
  });
});
