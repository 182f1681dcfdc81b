// Registries with certificates of their own, and those that may have any.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";

const noOpenssl = spawnSync("openssl", ["version"]).error === undefined ? false : "openssl is not installed";

describe.skipIf(notRoot || noOpenssl)("ctr and certificates (needs root and openssl)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-trust-"));
  const ctr = new Ctr(join(directory, "state"));
  const certificates = join(ctr.root, "certs.d");
  const users = new Map([["ann", "secret-password"]]);
  let server: RegistryServer;
  let name: string;

  /** Makes `<name>.crt` and `<name>.key`, which sign themselves. */
  const make = (who: string): Promise<unknown> =>
    execa("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ...["-subj", `/CN=${who}`, "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", join(directory, `${who}.key`), "-out", join(directory, `${who}.crt`)],
    ]);
  const read = (file: string): string => readFileSync(join(directory, file), "utf8");
  const trust = (host: string): void => {
    mkdirSync(join(certificates, host), { recursive: true });
    cpSync(join(directory, "server.crt"), join(certificates, host, "ca.crt"));
  };

  beforeAll(async () => {
    await make("server");
    await make("client");
    const tls = { cert: read("server.crt"), key: read("server.key") };
    const access = { kind: "basic", users } as const;
    server = await openRegistryServer({ directory: join(directory, "registry"), tls, access });
    name = `${server.host}/team/app:1`;
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    await ctr.say("tag", "busybox", name);
  });
  beforeEach(() => {
    rmSync(certificates, { recursive: true, force: true });
    rmSync(join(ctr.root, "registries.json"), { force: true });
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const env = { DOCKER_CONFIG: join(directory, "docker"), XDG_CONFIG_HOME: join(directory, "config") };
  const login = ["login", "-u", "ann", "--password-stdin"];

  test("an authority of certs.d is trusted for its host, by login, push and pull", async () => {
    trust(server.host);
    expect(await ctr.call([...login, server.host], { env, input: "secret-password" })).toMatchObject({ status: 0 });
    expect(await ctr.call(["push", name], { env })).toMatchObject({ status: 0, stderr: "" });
    expect(await ctr.call(["pull", name], { env })).toMatchObject({ status: 0, stderr: "" });
    const args = ["image", "inspect", "--remote", "-f", "{{.Os}}", name];
    expect(await ctr.call(args, { env })).toMatchObject({ stdout: "linux\n" });
  });

  test("the authority of another host is not", async () => {
    trust(server.host);
    cpSync(join(directory, "client.crt"), join(certificates, server.host, "ca.crt"));
    const done = await ctr.call(["pull", name], { env });
    expect(done).toMatchObject({ status: 1 });
    expect(done.stderr).toMatch(/^ctr: 127\.0\.0\.1:\d+: manifest team\/app:1: no answer: .*certificate/);
  });

  test("an insecure host may have any certificate", async () => {
    writeFileSync(join(ctr.root, "registries.json"), JSON.stringify({ [server.host]: { insecure: true } }));
    expect(await ctr.call(["pull", name], { env })).toMatchObject({ status: 0, stderr: "" });
  });

  test("a client certificate is shown to who asks for one", async () => {
    const plain = await openRegistryServer({ directory: join(directory, "plain") });
    const tls = { cert: read("server.crt"), key: read("server.key"), ca: read("client.crt"), requestCert: true };
    const front = createServer(tls, plain.handle);
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    try {
      const host = `127.0.0.1:${(front.address() as AddressInfo).port}`;
      await ctr.say("tag", "busybox", `${host}/app:1`);
      trust(host);
      expect((await ctr.call(["push", `${host}/app:1`], { env })).status).toBe(1);
      cpSync(join(directory, "client.crt"), join(certificates, host, "client.cert"));
      const half = await ctr.call(["push", `${host}/app:1`], { env });
      expect(half.stderr).toMatch(/client\.cert: its key client\.key is not beside it\n$/);
      cpSync(join(directory, "client.key"), join(certificates, host, "client.key"));
      expect(await ctr.call(["push", `${host}/app:1`], { env })).toMatchObject({ status: 0, stderr: "" });
    } finally {
      front.close();
      front.closeAllConnections();
      await plain.close();
    }
  });

  test("a registries.json that is wrong is refused with the path and the place", async () => {
    const path = join(ctr.root, "registries.json");
    writeFileSync(path, '{"docker.io": {"mirrors": ["http://m.example", "ftp://x"]}}');
    const done = await ctr.call(["pull", "busybox"], { env });
    expect(done).toMatchObject({ status: 1 });
    expect(done.stderr).toMatch(/^ctr: cannot use \S+registries\.json: "docker\.io"\.mirrors\[1\] .*\n$/);
    expect(done.stderr).toContain(path);
  });
});
