// A mirror saves the registry work when it can, and costs nothing but a question when it cannot.
import { type Mirror, openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { faultyRegistry } from "@ctr/registry/testing";
import { expect, test } from "vitest";
import { collect, MemorySink, makeImage, memorySource, pullInto, sha256, temporaryDirectory } from "./images.ts";
import { countRequests } from "./request-log.ts";

const image = makeImage({ sizes: [200_000, 1000] });
const name = { repository: "library/app", reference: "1" };

async function stocked(path: string, repository = name.repository) {
  const server = await openRegistryServer({ directory: path });
  await using registry = openRegistry({ host: server.host });
  await collect(pushImage({ registry, ...name, repository, root: image.root, source: memorySource(image.bytes) }));
  return server;
}

/** A registry, and a mirror of it with faults. */
async function pullThrough(o: {
  readonly prefix?: string;
  readonly plan?: Parameters<typeof faultyRegistry>[1];
  readonly mirror?: (host: string) => string | Mirror;
}) {
  await using directory = await temporaryDirectory();
  await using origin = await stocked(`${directory.path}/origin`);
  const there = o.prefix === undefined ? name.repository : `${o.prefix}/${name.repository}`;
  await using copy = await stocked(`${directory.path}/copy`, there);
  await using log = await countRequests(origin);
  await using mirror = await faultyRegistry(copy, o.plan ?? []);
  const mirrors = [o.mirror?.(mirror.host) ?? { host: mirror.host, prefix: o.prefix }];
  await using registry = openRegistry({ host: log.host, mirrors, idleMillis: 500 });
  const sink = new MemorySink();
  const done = await pullInto(sink, { registry, ...name });
  for (const [digest, bytes] of sink.kept) expect(sha256(bytes)).toBe(digest);
  expect(sink.kept.size).toBe(image.bytes.size);
  return { done, origin: log.lines(), mirror: mirror.requests };
}

test("all comes from the mirror; the registry itself is not asked", async () => {
  const { origin, mirror } = await pullThrough({});
  expect(origin).toEqual([]);
  expect(mirror).toHaveLength(4);
});

test("with a prefix, repositories have another name there", async () => {
  const { origin, mirror } = await pullThrough({ prefix: "cache/hub" });
  expect(origin).toEqual([]);
  for (const line of mirror) expect(line).toMatch(/^GET \/v2\/cache\/hub\/library\/app\//);
});

const failures = [
  { why: "nobody listens", mirror: () => "127.0.0.1:9", asked: 0 },
  { why: "it is silent", plan: [{ fault: { kind: "silence" } }], asked: 2 },
  { why: "it is empty", plan: [{ fault: { kind: "status", status: 404 } }], asked: 4 },
  { why: "it wants to know who asks", plan: [{ fault: { kind: "status", status: 401 } }], asked: 4 },
  { why: "it is broken", plan: [{ fault: { kind: "status", status: 500 } }], asked: 8 },
  {
    why: "its manifest is another",
    plan: [{ on: /manifests/, fault: { kind: "wrongBytes" } }],
    asked: 1,
  },
] as const;
for (const { why, asked, ...o } of failures)
  test(`all comes from the registry when ${why}`, async () => {
    const { origin, mirror } = await pullThrough(o);
    expect(origin).toHaveLength(4);
    expect(mirror).toHaveLength(asked);
  });

test("what a mirror breaks off comes from the registry, from there on", async () => {
  const { origin } = await pullThrough({ plan: [{ on: /blobs/, fault: { kind: "cut", afterBytes: 1000 } }] });
  expect(origin.every((line) => line.includes("/blobs/"))).toBe(true);
});

test("wrong bytes of a mirror are fetched again, and it is not asked for more", async () => {
  const { origin, mirror, done } = await pullThrough({
    plan: [{ on: /blobs/, fault: { kind: "wrongBytes" } }],
  });
  expect(done.kind).toBe("done");
  expect(origin.filter((line) => line.includes("/blobs/")).length).toBeGreaterThan(0);
  expect(mirror.length).toBeLessThanOrEqual(4);
});

test("a mirror gets no password of the registry, and a push does not ask it", async () => {
  await using directory = await temporaryDirectory();
  const access = { kind: "basic", users: new Map([["ann", "secret"]]) } as const;
  await using origin = await openRegistryServer({ directory: `${directory.path}/origin`, access });
  await using mirror = await countRequests((_, response) =>
    response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end(),
  );
  const credentials = { username: "ann", password: "secret" };
  await using registry = openRegistry({ host: origin.host, mirrors: [mirror.host], credentials });
  await collect(pushImage({ registry, ...name, root: image.root, source: memorySource(image.bytes) }));
  expect(mirror.lines()).toEqual([]);
  await pullInto(new MemorySink(), { registry, ...name });
  expect(mirror.lines().length).toBeGreaterThan(0);
  expect(mirror.authorizations().every((it) => it === undefined)).toBe(true);
});
