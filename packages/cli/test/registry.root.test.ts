import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

describe.skipIf(notRoot)("ctr pull, push, login and logout (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-registry-"));
  const here = new Ctr(join(directory, "here"));
  const there = new Ctr(join(directory, "there"));
  const env = { DOCKER_CONFIG: join(directory, "docker") };
  let server: RegistryServer;
  let name: string;
  beforeAll(async () => {
    const access = { kind: "basic", users: new Map([["user", "secret-password"]]) } as const;
    server = await openRegistryServer({ directory: join(directory, "registry"), access });
    name = `${server.host}/team/busybox:1`;
    await here.say("image", "from-host", "--tag", "busybox", "busybox");
    await here.say("tag", "busybox", name);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await there.removeContainers();
    rmSync(directory, { recursive: true, force: true });
  });

  test("without credentials a push is refused in one line", async () => {
    const { status, stderr } = await here.call(["push", name], { env });
    expect(status).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a wrong password is refused and not kept; the right one is kept where only its owner reads it", async () => {
    const login = ["login", "-u", "user", "--password-stdin", server.host];
    expect((await here.call(login, { env, input: "wrong\n" })).status).toBe(1);
    expect(await here.call(login, { env, input: "secret-password\n" })).toEqual({
      status: 0,
      stdout: "Login Succeeded\n",
      stderr: "",
    });
    const file = join(env.DOCKER_CONFIG, "config.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain(server.host);
  });

  test("pushed from here, pulled and run there", async () => {
    expect((await here.call(["push", name], { env })).stdout).toMatch(/: Pushed\n[\s\S]*digest: sha256:/);
    expect((await here.call(["push", name], { env })).stdout).toMatch(/\n0B sent\n$/);
    const { status, stdout } = await there.call(["pull", name], { env });
    expect({ status, last: stdout.trim().split("\n").at(-1) }).toEqual({ status: 0, last: name });
    expect((await there.call(["run", "--rm", "--network", "none", name, "echo", "pulled"])).stdout).toBe("pulled\n");
  });

  test.skipIf(noTmux)("on a terminal, login asks; the password is not shown", async () => {
    const config = join(directory, "asked");
    const script = `DOCKER_CONFIG=${config} ${process.execPath} ${program} login ${server.host}; echo "status $?"`;
    await using terminal = await Terminal.open(script, { columns: 90, rows: 20 });
    await terminal.shows(/^Username: $/m);
    await terminal.type("user", "Enter");
    await terminal.shows(/^Password: $/m);
    await terminal.type("secret-password", "Enter");
    const screen = await terminal.shows(/status 0/);
    expect(screen).toMatch(/^Username: user\nPassword: *\nLogin Succeeded\nstatus 0\n/);
    expect(screen).not.toContain("secret");
    expect(statSync(join(config, "config.json")).mode & 0o777).toBe(0o600);
  });

  test("without a terminal, login says how to give the password", async () => {
    const done = await here.call(["login", "-u", "user", server.host], { env });
    expect(done).toMatchObject({ status: 1, stdout: "" });
    expect(done.stderr).toMatch(/--password-stdin/);
  });

  test("logout forgets", async () => {
    expect((await here.call(["logout", server.host], { env })).stdout).toBe(
      `Removing login credentials for ${server.host}\n`,
    );
    expect((await there.call(["pull", name], { env })).status).toBe(1);
  });
});
