// B10 and CVE-2020-15157: a password or a token goes where it belongs, and nowhere else.
import { openRegistry, pushImage, type RegistryOptions } from "@ctr/registry";
import { type AccessOptions, openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import { collect, MemorySink, makeImage, memorySource, pullInto, temporaryDirectory } from "./images.ts";
import { countRequests } from "./request-log.ts";

const credentials = { username: "ann", password: "se:cret" };
const users = new Map([["ann", "se:cret"]]);

for (const kind of ["basic", "bearer"] as const)
  test(`${kind}: with the password all works, without it nothing, and the wrong one says so`, async () => {
    await using directory = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: directory.path, access: { kind, users } });
    const image = makeImage({ sizes: [1000, 2000] });
    {
      await using registry = openRegistry({ host: server.host, credentials });
      await registry.ping();
      for (const repository of ["app", "other"])
        await collect(
          pushImage({
            registry,
            repository,
            reference: "1",
            root: image.root,
            source: memorySource(image.bytes),
            origins: () => ["app"],
          }),
        );
      await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" });
    }
    for (const wrong of [undefined, { username: "ann", password: "no" }, { identityToken: "x" }]) {
      await using registry = openRegistry({ host: server.host, credentials: wrong });
      await expect(registry.ping()).rejects.toMatchObject({ name: "RegistryError", code: /DENIED|STATUS/ });
      await expect(registry.resolve({ repository: "app", reference: "1" })).rejects.toMatchObject({
        name: "RegistryError",
      });
    }
  });

for (const kind of ["basic", "bearer"] as const)
  test(`${kind}: anonymous pull works and anonymous push is denied`, async () => {
    await using directory = await temporaryDirectory();
    const access: AccessOptions = { kind, users, anonymousPull: true };
    await using server = await openRegistryServer({ directory: directory.path, access });
    const image = makeImage({ sizes: [10] });
    await using ann = openRegistry({ host: server.host, credentials });
    const push = { repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) };
    await collect(pushImage({ ...push, registry: ann }));
    await using registry = openRegistry({ host: server.host });
    await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" });
    await expect(collect(pushImage({ ...push, registry, reference: "2" }))).rejects.toMatchObject({
      code: "ERR_REGISTRY_DENIED",
    });
  });

test("a token is kept for its scope: one request for each", async () => {
  await using directory = await temporaryDirectory();
  let realm = "";
  await using server = await openRegistryServer({ directory: directory.path, access: { kind: "bearer", users } });
  await using log = await countRequests((request, response) => server.handle(request, response));
  realm = server.origin;
  expect(realm).toMatch(/^http:/);
  await using registry = openRegistry({ host: log.host, credentials });
  const image = makeImage({ sizes: [1000, 2000] });
  await collect(
    pushImage({ registry, repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) }),
  );
  const refused = log.authorizations().filter((it) => it === undefined);
  expect(refused).toHaveLength(1);
  expect(log.authorizations().filter((it) => it?.startsWith("Basic"))).toEqual([]);
});

/** A: a registry that asks for a password and then sends everybody to B. */
async function withTwo(
  answer: (bHost: string) => Parameters<typeof countRequests>[0],
  act: (o: { registry: ReturnType<typeof openRegistry> }) => Promise<unknown>,
  options: Partial<RegistryOptions> = {},
): Promise<{ a: (string | undefined)[]; b: (string | undefined)[]; bLines: string[]; outcome: unknown }> {
  const image = makeImage({ sizes: [100] });
  await using b = await countRequests((request, response) => {
    const digest = request.url?.split("/").at(-1) ?? "";
    const bytes = [...image.bytes].find(([it]) => it === digest)?.[1];
    if (request.method === "PUT") response.writeHead(201).end();
    else if (bytes !== undefined) response.end(bytes);
    else response.writeHead(401, { "www-authenticate": 'Basic realm="b"' }).end();
  });
  await using a = await countRequests(answer(b.host));
  await using registry = openRegistry({ host: a.host, credentials, ...options });
  const outcome = await act({ registry }).catch((error: unknown) => error);
  return { a: a.authorizations(), b: b.authorizations(), bLines: b.lines(), outcome };
}

const image = makeImage({ sizes: [100] });
const layer = image.layers[0]!;

test("a redirect to another host arrives without Authorization", async () => {
  const seen = await withTwo(
    (b) => (request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": "Basic realm=a" }).end();
      else response.writeHead(307, { location: `http://${b}/${layer.digest}` }).end();
    },
    ({ registry }) => collect(registry.fetchBlob({ repository: "app", descriptor: layer })),
  );
  expect(seen.a.at(-1)).toMatch(/^Basic /);
  expect(seen.b).toEqual([undefined]);
  expect(seen.outcome).toEqual([image.bytes.get(layer.digest)]);
});

test("a challenge of the host that a redirect leads to is not answered", async () => {
  const seen = await withTwo(
    (b) => (request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": "Basic realm=a" }).end();
      else response.writeHead(307, { location: `http://${b}/unknown` }).end();
    },
    ({ registry }) => collect(registry.fetchBlob({ repository: "app", descriptor: layer })),
  );
  expect(seen.b).toEqual([undefined]);
  expect(seen.outcome).toMatchObject({ code: "ERR_REGISTRY_DENIED" });
});

test("back from another host the Authorization stays off", async () => {
  let aHost = "";
  await using b = await countRequests((_, response) =>
    response.writeHead(302, { location: `http://${aHost}/back` }).end(),
  );
  await using a = await countRequests((request, response) => {
    if (request.url === "/back") response.end(image.bytes.get(layer.digest));
    else if (request.headers.authorization === undefined)
      response.writeHead(401, { "www-authenticate": "Basic realm=a" }).end();
    else response.writeHead(302, { location: `http://${b.host}/x` }).end();
  });
  aHost = a.host;
  await using registry = openRegistry({ host: a.host, credentials });
  await collect(registry.fetchBlob({ repository: "app", descriptor: layer }));
  expect(a.lines().at(-1)).toBe("GET /back");
  expect(a.authorizations().at(-1)).toBeUndefined();
  expect(b.authorizations()).toEqual([undefined]);
});

test("an upload Location on another host gets the bytes but no Authorization", async () => {
  const seen = await withTwo(
    (b) => (request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": "Basic realm=a" }).end();
      else if (request.method === "HEAD") response.writeHead(404).end();
      else response.writeHead(202, { location: `http://${b}/upload?state=1` }).end();
    },
    ({ registry }) => registry.pushBlob({ repository: "app", descriptor: layer, source: memorySource(image.bytes) }),
  );
  expect(seen.bLines).toEqual([`PUT /upload?state=1&digest=${encodeURIComponent(layer.digest)}`]);
  expect(seen.b).toEqual([undefined]);
  expect(seen.outcome).toEqual({ how: "sent" });
});

test("foreign layer addresses are not fetched (B11)", async () => {
  const seen = await withTwo(
    () => (_, response) => response.writeHead(404).end(),
    ({ registry }) =>
      collect(
        registry.fetchBlob({
          repository: "app",
          descriptor: { ...layer, urls: ["http://127.0.0.1/x", "file:///etc/passwd"] },
        }),
      ),
  );
  expect(seen.b).toEqual([]);
  expect(seen.outcome).toMatchObject({ code: "ERR_REGISTRY_NOT_FOUND" });
});

const challenges = [
  { header: 'Bearer realm="http://tokens.example/t",service="s"', why: "a realm elsewhere over plain HTTP" },
  { header: 'Bearer realm="ftp://127.0.0.1/t"', why: "a realm that is no web address" },
  { header: 'Bearer service="s"', why: "no realm" },
  { header: 'Bearer realm="http://u:p@127.0.0.1/t"', why: "a password in the realm" },
  { header: 'Bearer realm="http://127.0.0.1/t",realm="http://127.0.0.1/u"', why: "two realms" },
  { header: 'Bearer realm="http://127.0.0.1/t', why: "no end" },
] as const;
for (const { header, why } of challenges)
  test(`challenge refused: ${why}`, async () => {
    const seen = await withTwo(
      () => (_, response) => response.writeHead(401, { "www-authenticate": header }).end(),
      ({ registry }) => registry.ping(),
    );
    expect(seen.outcome).toMatchObject({ name: "RegistryError", code: /CHALLENGE|REDIRECT/ });
    expect(seen.a).toEqual([undefined]);
  });

test("a mirror never gets the credentials of the registry", async () => {
  await using mirror = await countRequests((_, response) =>
    response.writeHead(401, { "www-authenticate": "Basic realm=m" }).end(),
  );
  const seen = await withTwo(
    () => (_, response) => response.end(image.bytes.get(layer.digest)),
    ({ registry }) => collect(registry.fetchBlob({ repository: "app", descriptor: layer })),
    { mirrors: [mirror.host] },
  );
  expect(mirror.authorizations()).toEqual([undefined]);
  expect(seen.outcome).toHaveLength(1);
});

test("a page of tags does not lead to another host", async () => {
  const seen = await withTwo(
    (b) => (_, response) =>
      response
        .writeHead(200, { link: `<http://${b}/v2/app/tags/list>; rel="next"` })
        .end('{"name":"app","tags":["1"]}'),
    ({ registry }) => collect(registry.tags({ repository: "app" })),
  );
  expect(seen.outcome).toEqual(["1"]);
  expect(seen.b).toEqual([]);
});
