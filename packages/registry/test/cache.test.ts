// The server as a pull-through cache.
import { openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { faultyRegistry } from "@ctr/registry/testing";
import { expect, test } from "vitest";
import {
  amd64,
  collect,
  MemorySink,
  makeImage,
  makeIndex,
  memorySource,
  pullInto,
  temporaryDirectory,
} from "./images.ts";
import { countRequests } from "./request-log.ts";

const image = makeImage({ seed: 11, sizes: [300_000, 20_000] });
const root = makeIndex([{ ...image, platform: amd64 }]);
const name = { repository: "app", reference: "1" };

test("each blob crosses the line once, however many pull; without the line what is cached is served", async () => {
  await using far = await temporaryDirectory();
  await using near = await temporaryDirectory();
  await using origin = await openRegistryServer({ directory: far.path });
  await using log = await countRequests(origin);
  await using direct = openRegistry({ host: origin.host });
  await collect(pushImage({ ...name, registry: direct, root: root.root, source: memorySource(root.bytes) }));

  const retry = { attempts: 1 };
  {
    await using upstream = openRegistry({ host: log.host, retry });
    await using cache = await openRegistryServer({ directory: near.path, upstream });
    await using registry = openRegistry({ host: cache.host });
    const sinks = Array.from({ length: 8 }, () => new MemorySink());
    await Promise.all(sinks.map((sink) => pullInto(sink, { registry, ...name })));
    for (const sink of sinks) expect(sink.kept.size).toBe(root.bytes.size);
    expect(log.lines().filter((it) => it.includes("/blobs/"))).toHaveLength(3);
    await expect(
      collect(pushImage({ ...name, reference: "2", registry, root: image.root, source: memorySource(image.bytes) })),
    ).rejects.toMatchObject({ status: 405 });
    await expect(registry.resolve({ ...name, reference: "nope" })).rejects.toMatchObject({
      code: "ERR_REGISTRY_NOT_FOUND",
    });

    log.clear();
    await pullInto(new MemorySink(), { registry, ...name });
    expect(log.lines()).toEqual(["HEAD /v2/app/manifests/1"]);

    const changed = makeImage({ seed: 12, sizes: [10] });
    await collect(pushImage({ ...name, registry: direct, root: changed.root, source: memorySource(changed.bytes) }));
    expect((await pullInto(new MemorySink(), { registry, ...name })).root).toEqual(changed.root);
  }
  await using upstream = openRegistry({ host: "127.0.0.1:1", retry });
  await using cache = await openRegistryServer({ directory: near.path, upstream });
  await using registry = openRegistry({ host: cache.host, retry });
  await pullInto(new MemorySink(), { registry, ...name });
  await expect(registry.resolve({ ...name, reference: "nope" })).rejects.toMatchObject({ status: 502 });
});

test("a wrong byte from behind is not kept", async () => {
  await using far = await temporaryDirectory();
  await using near = await temporaryDirectory();
  await using origin = await openRegistryServer({ directory: far.path });
  await using direct = openRegistry({ host: origin.host });
  await collect(pushImage({ ...name, registry: direct, root: root.root, source: memorySource(root.bytes) }));
  await using faulty = await faultyRegistry(origin, [{ on: /GET .*blobs/, fault: { kind: "wrongBytes" }, times: 6 }]);
  const retry = { attempts: 2, firstDelayMillis: 1 };
  await using upstream = openRegistry({ host: faulty.host, retry });
  await using cache = await openRegistryServer({ directory: near.path, upstream });
  await using registry = openRegistry({ host: cache.host, retry });
  await expect(pullInto(new MemorySink(), { registry, ...name })).rejects.toMatchObject({ name: "RegistryError" });
  await using sound = await openRegistryServer({ directory: near.path, upstream: direct });
  await using again = openRegistry({ host: sound.host });
  const sink = new MemorySink();
  await pullInto(sink, { registry: again, ...name });
  expect(sink.kept.size).toBe(root.bytes.size);
});
