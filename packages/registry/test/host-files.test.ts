// What people keep on disk about registries: certs.d directories and registries.json.
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { detectScheme, isRegistryError, openRegistry, readCertificates, readRegistriesFile } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "./images.ts";
import { makeCertificate, missing } from "./real-registry.ts";

const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

async function files(root: string, content: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(content)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

describe("certs.d", () => {
  const cases: readonly {
    readonly files: Readonly<Record<string, string>>;
    readonly is: object | undefined | RegExp;
    readonly host?: string;
    readonly why: string;
  }[] = [
    { files: {}, is: undefined, why: "nothing there" },
    { files: { "a/r.example/ca.crt": pem("x") }, is: { ca: pem("x") }, why: "an authority" },
    {
      files: { "a/r.example/ca.crt": pem("x"), "b/r.example/other.crt": pem("y") },
      is: { ca: `${pem("x")}\n${pem("y")}` },
      why: "authorities of two directories",
    },
    {
      files: { "b/r.example/client.cert": pem("c"), "b/r.example/client.key": pem("k") },
      is: { clientCertificate: { cert: pem("c"), key: pem("k") } },
      why: "a certificate to show",
    },
    {
      files: {
        "b/r.example/client.cert": pem("other"),
      },
      is: /client\.cert: its key client\.key is not beside it/,
      why: "half a pair",
    },
    { files: { "a/r.example/client.key": pem("k") }, is: undefined, why: "a key alone is nothing" },
    { files: { "a/r.example:5000/ca.crt": pem("x") }, is: undefined, why: "another port is another host" },
    { host: "[::1]:5000", files: { "a/[::1]:5000/ca.crt": pem("x") }, is: { ca: pem("x") }, why: "an address" },
    { host: "..", files: { "ca.crt": pem("x") }, is: undefined, why: "a host that is a path" },
    { files: { "a/r.example/ca.crt": "hello" }, is: /ca\.crt: it is no PEM file/, why: "no certificate" },
    { files: { "a/r.example/ca.crt/x": "" }, is: /ca\.crt: /, why: "a directory for a file" },
    { files: { "a/r.example": "" }, is: undefined, why: "a file for a directory" },
  ];
  for (const { files: content, is, host = "r.example", why } of cases)
    test(why, async () => {
      await using directory = await temporaryDirectory();
      await files(directory.path, content);
      const found = readCertificates(host, [join(directory.path, "a"), join(directory.path, "b")]);
      if (is instanceof RegExp) await expect(found).rejects.toMatchObject({ code: "ERR_REGISTRY_CONFIG", message: is });
      else expect(await found).toEqual(is);
    });
});

describe("registries.json", () => {
  const mirror = (host: string, rest = {}) => ({ host, scheme: undefined, prefix: undefined, ...rest });
  const cases: readonly { readonly text: string; readonly is: object | RegExp; readonly why: string }[] = [
    { text: "{}", is: {}, why: "nothing" },
    {
      text: '{"docker.io":{"mirrors":["http://127.0.0.1:5001","cache.example/hub/all/"]}}',
      is: {
        "docker.io": {
          insecure: false,
          mirrors: [mirror("127.0.0.1:5001", { scheme: "http" }), mirror("cache.example", { prefix: "hub/all" })],
        },
      },
      why: "two mirrors, one with a prefix",
    },
    { text: '{"r:5000":{"insecure":true}}', is: { "r:5000": { insecure: true, mirrors: [] } }, why: "insecure" },
    { text: "[]", is: /registries\.json: it is no JSON object/, why: "a list" },
    { text: "{", is: /registries\.json: /, why: "no JSON" },
    { text: '{"__proto__":{"insecure":true}}', is: /registries\.json: /, why: "a prototype" },
    { text: '{"a":{},"a":{}}', is: /registries\.json: /, why: "a host twice" },
    { text: '{"a/b":{}}', is: /"a\/b": "a\/b" is no registry host/, why: "a repository for a host" },
    { text: '{"a":1}', is: /"a" is no object/, why: "a number" },
    { text: '{"a":{"mirror":[]}}', is: /"a"\."mirror" is not known/, why: "a typo" },
    { text: '{"a":{"insecure":"yes"}}', is: /"a"\.insecure is neither true nor false/, why: "a word" },
    { text: '{"a":{"mirrors":"m"}}', is: /"a"\.mirrors is no array/, why: "one mirror without brackets" },
    { text: '{"a":{"mirrors":["x",7]}}', is: /"a"\.mirrors\[1\] is no text/, why: "a mirror that is a number" },
    { text: '{"a":{"mirrors":["ftp://x"]}}', is: /"a"\.mirrors\[0\] /, why: "another protocol" },
    { text: '{"a":{"mirrors":["x/A"]}}', is: /has the prefix "A"/, why: "a prefix that cannot be" },
    { text: '{"a":{"mirrors":["x/../y"]}}', is: /has the prefix/, why: "a prefix that climbs" },
    { text: '{"a":{"mirrors":["u:p@x"]}}', is: /is no registry host/, why: "a password in the file" },
  ];
  for (const { text, is, why } of cases)
    test(why, async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "registries.json");
      await writeFile(path, text);
      const found = readRegistriesFile(path);
      if (is instanceof RegExp) await expect(found).rejects.toMatchObject({ code: "ERR_REGISTRY_CONFIG", message: is });
      else expect(Object.fromEntries(await found)).toEqual(is);
    });

  test("no file is no entry", async () => {
    await using directory = await temporaryDirectory();
    expect((await readRegistriesFile(join(directory.path, "none"))).size).toBe(0);
  });

  test("whatever is in it, it is read or refused", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "registries.json");
    const entry = fc.record({ mirrors: fc.array(fc.oneof(fc.string(), fc.webUrl())), insecure: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.dictionary(fc.domain(), entry).map((it) => JSON.stringify(it)),
        ),
        async (text) => {
          await writeFile(path, text);
          const error = await readRegistriesFile(path).catch((it: unknown) => it);
          expect(error instanceof Map || isRegistryError(error), String(error)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("an insecure registry", () => {
  test("speaks plain HTTP", async () => {
    await using directory = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: directory.path });
    expect(await detectScheme({ host: server.host })).toBe("http");
  });

  test.skipIf(missing("openssl"))("or HTTPS with any certificate", async () => {
    await using directory = await temporaryDirectory();
    const tls = await makeCertificate(directory.path, "server");
    await using server = await openRegistryServer({ directory: join(directory.path, "store"), tls });
    const scheme = await detectScheme({ host: server.host });
    expect(scheme).toBe("https");
    await using registry = openRegistry({ host: server.host, scheme, insecure: true });
    await registry.ping();
  });

  test("that is not there fails like any other", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise((resolve) => server.close(resolve));
    const scheme = await detectScheme({ host });
    await using registry = openRegistry({ host, scheme });
    await expect(registry.ping()).rejects.toMatchObject({ code: "ERR_REGISTRY_CONNECTION" });
  });
});
