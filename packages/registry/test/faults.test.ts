// Every fault ends in success or in a RegistryError; the pull after it fetches only what is missing.
import { mediaTypes } from "@ctr/oci";
import { isRegistryError, openRegistry, pushImage, type RetryPolicy } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { type FaultRule, faultyRegistry, hostileDocuments } from "@ctr/registry/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  add,
  collect,
  MemorySink,
  makeImage,
  makeIndex,
  memorySource,
  noise,
  pullInto,
  sha256,
  temporaryDirectory,
} from "./images.ts";

const retry: RetryPolicy = { attempts: 3, firstDelayMillis: 1, maxDelayMillis: 2000 };
const image = makeImage({ sizes: [300_000, 150_000, 1000] });
const name = { repository: "app", reference: "1" };
const totalBytes = [...image.bytes.values()].reduce((sum, it) => sum + it.length, 0);

async function stocked(path: string) {
  const server = await openRegistryServer({ directory: path });
  await using registry = openRegistry({ host: server.host });
  await collect(pushImage({ ...name, registry, root: image.root, source: memorySource(image.bytes) }));
  return server;
}

const cut64K: FaultRule = { on: /blobs/, fault: { kind: "cut", afterBytes: 65_536 } };
const pulls: readonly { plan: readonly FaultRule[]; is: "ok" | RegExp; why: string }[] = [
  { plan: [], is: "ok", why: "no fault" },
  { plan: [cut64K], is: "ok", why: "every connection is cut after 64 KiB" },
  { plan: [{ on: /blobs/, fault: { kind: "noRange" }, times: 0 }, cut64K], is: "ok", why: "cuts with ranges" },
  { plan: [{ fault: { kind: "cut", afterBytes: 0 }, times: 2 }], is: "ok", why: "two resets before the head" },
  { plan: [{ fault: { kind: "cut", afterBytes: 0 } }], is: /ERR_REGISTRY_CONNECTION/, why: "resets for ever" },
  {
    plan: [{ on: /manifests/, fault: { kind: "cut", afterBytes: 10 }, times: 2 }],
    is: "ok",
    why: "a manifest cut twice",
  },
  {
    plan: [{ on: /manifests/, fault: { kind: "cut", afterBytes: 10 } }],
    is: /ERR_REGISTRY_CONNECTION/,
    why: "a manifest always cut",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "cut", afterBytes: 10 } }],
    is: /ERR_REGISTRY_CONNECTION/,
    why: "ten bytes per connection: not worth going on",
  },
  { plan: [{ fault: { kind: "status", status: 429, retryAfter: "0" }, times: 2 }], is: "ok", why: "busy, then not" },
  { plan: [{ fault: { kind: "status", status: 429 } }], is: /ERR_REGISTRY_BUSY/, why: "busy for ever" },
  {
    plan: [{ fault: { kind: "status", status: 429, retryAfter: "86400" } }],
    is: /ERR_REGISTRY_BUSY.*86400 s/,
    why: "busy for a day",
  },
  { plan: [{ fault: { kind: "status", status: 503 }, times: 2 }], is: "ok", why: "overloaded, then not" },
  {
    plan: [{ on: /blobs/, fault: { kind: "status", status: 500 } }],
    is: /ERR_REGISTRY_STATUS.*500/,
    why: "broken for ever",
  },
  { plan: [{ on: /blobs/, fault: { kind: "status", status: 403 } }], is: /ERR_REGISTRY_DENIED/, why: "denied" },
  {
    plan: [{ on: /blobs/, fault: { kind: "status", status: 206 } }],
    is: /ERR_REGISTRY_STATUS/,
    why: "a part that nobody asked for",
  },
  { plan: [{ on: /blobs/, fault: { kind: "wrongBytes" } }], is: /ERR_REGISTRY_DIGEST/, why: "a wrong byte in a blob" },
  {
    plan: [{ on: /manifests/, fault: { kind: "wrongBytes" } }],
    is: /ERR_REGISTRY_DIGEST/,
    why: "a wrong byte in a manifest",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongLength", by: 5, isAnnounced: true } }],
    is: /ERR_REGISTRY_SIZE/,
    why: "an announced length too long",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongLength", by: -1, isAnnounced: true } }],
    is: /ERR_REGISTRY_SIZE/,
    why: "an announced length too short",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongLength", by: 5, isAnnounced: false } }],
    is: /ERR_REGISTRY_SIZE/,
    why: "more than promised",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "redirect", to: "itself" } }],
    is: /ERR_REGISTRY_REDIRECT.*loop/,
    why: "a redirect to itself",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "redirect", to: "file:///etc/passwd" } }],
    is: /ERR_REGISTRY_REDIRECT/,
    why: "a redirect to a file",
  },
  { plan: [{ fault: { kind: "silence" } }], is: /ERR_REGISTRY_CONNECTION/, why: "no answer" },
  {
    plan: [{ on: /blobs/, fault: { kind: "slow", bytes: 1, everyMillis: 20 } }],
    is: /ERR_REGISTRY_CONNECTION/,
    why: "byte by byte",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "slow", bytes: 100_000, everyMillis: 20 } }],
    is: "ok",
    why: "slow, but alive",
  },
];

for (const { plan, is, why } of pulls)
  test(`pull: ${why}`, async () => {
    await using directory = await temporaryDirectory();
    await using server = await stocked(directory.path);
    await using faulty = await faultyRegistry(server, plan);
    const sink = new MemorySink();
    {
      // Short only where a dead connection is what the row is about.
      const isDead = /CONNECTION/.test(String(is));
      await using registry = openRegistry({ host: faulty.host, retry, idleMillis: isDead ? 300 : 20_000 });
      const outcome = await pullInto(sink, { registry, ...name }).catch((error: unknown) => error);
      if (is === "ok") expect(outcome).toMatchObject({ kind: "done", fetchedBytes: totalBytes });
      else {
        expect(isRegistryError(outcome)).toBe(true);
        expect(`${(outcome as { code: string }).code} ${outcome}`).toMatch(is);
      }
    }
    for (const [digest, bytes] of sink.kept) expect(sha256(bytes)).toBe(digest);
    const keptBytes = [...sink.kept.values()].reduce((sum, it) => sum + it.length, 0);
    await using registry = openRegistry({ host: server.host });
    const done = await pullInto(sink, { registry, ...name });
    // The tag is resolved again, so the manifest comes a second time.
    expect(done.fetchedBytes).toBe(
      totalBytes - keptBytes + (sink.have(image.root.digest) && is === "ok" ? image.root.size : 0),
    );
    expect(sink.kept.size).toBe(image.bytes.size);
  });

test("after a cut only the rest is sent", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  await using faulty = await faultyRegistry(server, [cut64K]);
  await using registry = openRegistry({ host: faulty.host, retry });
  await pullInto(new MemorySink(), { registry, ...name });
  expect(faulty.sentBytes()).toBeLessThan(totalBytes * 1.9);
});

test("wherever the line is cut, the bytes are the same", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  const descriptor = image.layers[0]!;
  const cut = fc.integer({ min: 0, max: 300_001 });
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { maxLength: 5 }), async (cuts) => {
      const plan = cuts.map((afterBytes): FaultRule => ({ fault: { kind: "cut", afterBytes }, times: 1 }));
      await using faulty = await faultyRegistry(server, plan);
      await using registry = openRegistry({ host: faulty.host, retry: { ...retry, attempts: 7 } });
      const chunks = await collect(registry.fetchBlob({ repository: "app", descriptor }));
      expect(Buffer.concat(chunks).equals(image.bytes.get(descriptor.digest)!)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a sink's failure is its own, and ends the other layers", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  await using registry = openRegistry({ host: server.host });
  const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
  const sink = new MemorySink();
  const write = sink.write.bind(sink);
  sink.write = async (descriptor, chunks) => {
    if (descriptor.size === 150_000) for await (const _ of chunks) throw full;
    return write(descriptor, chunks);
  };
  await expect(pullInto(sink, { registry, ...name })).rejects.toBe(full);
  expect(sink.have(image.root.digest)).toBe(false);
});

test("a registry without ranges sends all again, and the beginning is skipped", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  const descriptor = image.layers[0]!;
  await using faulty = await faultyRegistry(server, [
    { on: /blobs/, fault: { kind: "cut", afterBytes: 65_536 }, times: 1 },
    { on: /blobs/, fault: { kind: "noRange" } },
  ]);
  await using registry = openRegistry({ host: faulty.host, retry });
  const chunks = await collect(registry.fetchBlob({ repository: "app", descriptor }));
  expect(Buffer.concat(chunks).equals(image.bytes.get(descriptor.digest)!)).toBe(true);
  expect(faulty.requests).toHaveLength(2);
});

const pushes: readonly { plan: readonly FaultRule[]; is: "ok" | RegExp; why: string }[] = [
  {
    plan: [{ on: /^PUT .*uploads/, fault: { kind: "cutRequest", afterBytes: 100_000 }, times: 1 }],
    is: "ok",
    why: "an upload cut once goes on where it was",
  },
  {
    plan: [{ on: /^(PUT|PATCH) .*uploads/, fault: { kind: "cutRequest", afterBytes: 65_536 } }],
    is: "ok",
    why: "cut after every 64 KiB",
  },
  {
    plan: [{ on: /^PUT .*uploads/, fault: { kind: "status", status: 503 }, times: 2 }],
    is: "ok",
    why: "overloaded, then not",
  },
  {
    plan: [{ on: /^(PUT|PATCH) .*uploads/, fault: { kind: "status", status: 500 } }],
    is: /ERR_REGISTRY_STATUS/,
    why: "broken for ever",
  },
  { plan: [{ on: /^POST/, fault: { kind: "status", status: 403 } }], is: /ERR_REGISTRY_DENIED/, why: "denied" },
  {
    plan: [{ on: /^PUT .*uploads/, fault: { kind: "redirect", to: "itself" } }],
    is: /ERR_REGISTRY_REDIRECT/,
    why: "an upload is not redirected",
  },
  {
    plan: [{ on: /^POST/, fault: { kind: "status", status: 202 } }],
    is: /ERR_REGISTRY_REDIRECT.*no Location/,
    why: "no Location",
  },
  {
    plan: [{ on: /^PUT .*manifests/, fault: { kind: "status", status: 400 } }],
    is: /ERR_REGISTRY_STATUS/,
    why: "a manifest refused",
  },
  {
    plan: [{ on: /^PUT .*manifests/, fault: { kind: "cut", afterBytes: 0 }, times: 1 }],
    is: "ok",
    why: "a manifest sent twice",
  },
];
for (const { plan, is, why } of pushes)
  test(`push: ${why}`, async () => {
    await using directory = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: directory.path });
    await using faulty = await faultyRegistry(server, plan);
    await using registry = openRegistry({ host: faulty.host, retry });
    const push = { ...name, root: image.root, source: memorySource(image.bytes) };
    const outcome = await collect(pushImage({ ...push, registry })).catch((error: unknown) => error);
    if (is !== "ok") {
      expect(isRegistryError(outcome)).toBe(true);
      expect(`${(outcome as { code: string }).code} ${outcome}`).toMatch(is);
    } else expect(outcome).toContainEqual(expect.objectContaining({ kind: "done" }));
    await using sound = openRegistry({ host: server.host });
    await collect(pushImage({ ...push, registry: sound }));
    const sink = new MemorySink();
    await pullInto(sink, { registry: sound, ...name });
    expect(sink.kept.size).toBe(image.bytes.size);
  });

test("a cut upload goes on where it was cut", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using faulty = await faultyRegistry(server, [
    { on: /^PUT/, fault: { kind: "cutRequest", afterBytes: 150_000 }, times: 1 },
  ]);
  await using registry = openRegistry({ host: faulty.host, retry });
  const descriptor = image.layers[0]!;
  const starts: number[] = [];
  const memory = memorySource(image.bytes);
  const source = {
    open: (it: typeof descriptor, start: number) => {
      starts.push(start);
      return memory.open(it, start);
    },
  };
  await registry.pushBlob({ repository: "app", descriptor, source });
  expect(starts).toEqual([0, expect.any(Number)]);
  // What was still in a buffer when the line broke is lost with it.
  expect(starts[1]).toBeGreaterThan(65_536);
  expect(starts[1]).toBeLessThanOrEqual(150_000);
  expect(faulty.requests.map((it) => it.split(" ")[0])).toEqual(["HEAD", "POST", "PUT", "HEAD", "GET", "PATCH", "PUT"]);
});

describe("hostile documents", () => {
  for (const { name: what, why, contentType, body } of hostileDocuments)
    test(`${what}: ${why}`, async () => {
      await using directory = await temporaryDirectory();
      await using server = await openRegistryServer({ directory: directory.path });
      await using faulty = await faultyRegistry(server, [
        { fault: { kind: "answer", headers: { "content-type": contentType }, body } },
      ]);
      await using registry = openRegistry({ host: faulty.host, retry });
      const sink = new MemorySink();
      const outcome = await pullInto(sink, { registry, ...name }).catch((error: unknown) => error);
      expect(isRegistryError(outcome), String(outcome)).toBe(true);
      expect(String(outcome).length).toBeLessThan(700);
      expect(sink.kept.size).toBe(0);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

  test("indexes in indexes in indexes", async () => {
    await using directory = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: directory.path });
    await using registry = openRegistry({ host: server.host });
    const three = [1, 2, 3].reduce(
      (inner) => makeIndex([inner]),
      makeImage({ sizes: [1] }) as ReturnType<typeof makeIndex>,
    );
    for (const [digest, bytes] of three.bytes) {
      const isManifest = bytes[0] === 0x7b && Buffer.from(bytes).includes("mediaType");
      if (!isManifest)
        await registry.pushBlob({
          repository: "app",
          descriptor: { digest, size: bytes.length, mediaType: mediaTypes.layer },
          source: memorySource(three.bytes),
        });
    }
    await expect(
      collect(pushImage({ ...name, registry, root: three.root, source: memorySource(three.bytes) })),
    ).rejects.toMatchObject({ code: "ERR_REGISTRY_LIMIT" });
    // In the order they were made, each after what it names.
    for (const [digest, bytes] of three.bytes) {
      const text = Buffer.from(bytes).toString();
      if (!text.includes('"schemaVersion"')) continue;
      await registry.pushManifest({ ...name, reference: digest, mediaType: JSON.parse(text).mediaType, bytes });
    }
    await registry.pushManifest({ ...name, mediaType: mediaTypes.index, bytes: three.bytes.get(three.root.digest)! });
    await expect(pullInto(new MemorySink(), { registry, ...name })).rejects.toMatchObject({
      code: "ERR_REGISTRY_LIMIT",
    });
  });

  test("an index that lies about the size and type of its manifests", async () => {
    for (const lie of [{ size: 1 }, { mediaType: mediaTypes.index }, { mediaType: mediaTypes.dockerManifest }]) {
      await using directory = await temporaryDirectory();
      await using server = await stocked(directory.path);
      await using registry = openRegistry({ host: server.host });
      const bytes = new Map();
      const manifests = [{ ...image.root, ...lie, platform: { os: "linux", architecture: "amd64" } }];
      const root = add(bytes, mediaTypes.index, { schemaVersion: 2, mediaType: mediaTypes.index, manifests });
      await registry.pushManifest({
        ...name,
        reference: "lie",
        mediaType: root.mediaType,
        bytes: bytes.get(root.digest),
      });
      await expect(pullInto(new MemorySink(), { registry, ...name, reference: "lie" })).rejects.toMatchObject({
        code: /ERR_REGISTRY_(SIZE|MEDIA_TYPE)/,
      });
    }
  });
});

test("leaving a pull early ends it, and an abort says its reason", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  await using faulty = await faultyRegistry(server, [{ on: /blobs/, fault: { kind: "silence" } }]);
  await using registry = openRegistry({ host: faulty.host });
  const { pullImage } = await import("@ctr/registry");
  const sink = new MemorySink();
  const pull = { ...name, registry, platform: { os: "linux", architecture: "amd64" }, have: sink.have, sink };
  for await (const event of pullImage(pull)) if (event.kind === "selected") break;
  const reason = new Error("enough");
  const abort = new AbortController();
  const run = async (): Promise<void> => {
    for await (const event of pullImage({ ...pull, signal: abort.signal }))
      if (event.kind === "selected") abort.abort(reason);
  };
  await expect(run()).rejects.toBe(reason);
});

test("what is to be sent must be what its descriptor says", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host, retry });
  const digest = sha256(noise(9, 1000));
  for (const { size, content, code } of [
    { size: 1001, content: noise(9, 1000), code: "ERR_REGISTRY_SIZE" },
    { size: 999, content: noise(9, 1000), code: "ERR_REGISTRY_SIZE" },
    { size: 1000, content: noise(8, 1000), code: "ERR_REGISTRY_STATUS" },
  ])
    await expect(
      registry.pushBlob({
        repository: "app",
        descriptor: { digest, size, mediaType: mediaTypes.layer },
        source: memorySource(new Map([[digest, content]])),
      }),
    ).rejects.toMatchObject({ code });
});
