// From files of the state directory to how a registry is reached.
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer } from "@ctr/registry/server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { registryOptions } from "../src/index.ts";

let root = "";
const xdg = process.env.XDG_CONFIG_HOME;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ctr-registries-"));
  process.env.XDG_CONFIG_HOME = join(root, "config");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  if (xdg === undefined) delete process.env.XDG_CONFIG_HOME;
  else process.env.XDG_CONFIG_HOME = xdg;
});

const pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), text);
}

test("without files there is nothing but the host", async () => {
  expect(await registryOptions({ root, host: "r.example" })).toMatchObject({
    host: "r.example",
    scheme: undefined,
    insecure: false,
    mirrors: [],
  });
});

test("a mirror has its own scheme, prefix and certificates, and the registry keeps its own", async () => {
  await write("registries.json", '{"r.example":{"mirrors":["http://10.0.0.1:5000/hub","m.example"]}}');
  await write("certs.d/m.example/ca.crt", pem);
  const options = await registryOptions({ root, host: "r.example" });
  expect(options.mirrors).toEqual([
    { host: "10.0.0.1:5000", scheme: "http", prefix: "hub", insecure: false },
    { host: "m.example", scheme: "https", prefix: undefined, insecure: false, ca: pem },
  ]);
  expect(options.ca).toBeUndefined();
  expect((await registryOptions({ root, host: "other.example" })).mirrors).toEqual([]);
});

test("the user's own certificates count too, and mean HTTPS on loopback", async () => {
  await write("config/ctr/certs.d/127.0.0.1:5000/ca.crt", pem);
  expect(await registryOptions({ root, host: "127.0.0.1:5000" })).toMatchObject({ scheme: "https", ca: pem });
});

test("an insecure host is asked how it speaks", async () => {
  await using server = await openRegistryServer({ directory: join(root, "registry") });
  await write("registries.json", JSON.stringify({ [server.host]: { insecure: true } }));
  expect(await registryOptions({ root, host: server.host })).toMatchObject({ scheme: "http", insecure: true });
});

test("a wrong file is refused with its path", async () => {
  await write("registries.json", '{"r.example":{"mirrors":"m"}}');
  await expect(registryOptions({ root, host: "r.example" })).rejects.toMatchObject({
    code: "ERR_REGISTRY_CONFIG",
    message: /registries\.json: "r\.example"\.mirrors is no array$/,
  });
});
