import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { copyImage, inspectImage, isRegistryError, openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import {
  add,
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

test("what is pushed comes back, and the layout holds it under its name", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host });
  const image = makeImage();
  const events = await collect(
    pushImage({ registry, repository: "a/app", reference: "1", root: image.root, source: memorySource(image.bytes) }),
  );
  expect(events.at(-1)).toMatchObject({ kind: "done" });

  const sink = new MemorySink();
  const done = await pullInto(sink, { registry, repository: "a/app", reference: "1" });
  expect(done.root).toEqual(image.root);
  expect(new Map([...sink.kept].map(([k, v]) => [k, Buffer.from(v)]))).toEqual(
    new Map([...image.bytes].map(([k, v]) => [k, Buffer.from(v)])),
  );
  expect(done.fetchedBytes).toBe([...image.bytes.values()].reduce((sum, it) => sum + it.length, 0));

  const index = JSON.parse(await readFile(join(directory.path, "index.json"), "utf8"));
  expect(index.manifests).toEqual([{ ...image.root, annotations: { "org.opencontainers.image.ref.name": "a/app:1" } }]);
});

test("a server that starts again has what it had", async () => {
  await using directory = await temporaryDirectory();
  const image = makeImage();
  {
    await using server = await openRegistryServer({ directory: directory.path });
    await using registry = openRegistry({ host: server.host });
    await collect(
      pushImage({ registry, repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) }),
    );
  }
  await using server = await openRegistryServer({ directory: directory.path, readOnly: true });
  await using registry = openRegistry({ host: server.host });
  expect((await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" })).root).toEqual(image.root);
  await expect(
    collect(
      pushImage({ registry, repository: "app", reference: "2", root: image.root, source: memorySource(image.bytes) }),
    ),
  ).rejects.toMatchObject({ code: "ERR_REGISTRY_STATUS", status: 405 });
});

test("what is there is not sent or fetched again", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using log = await countRequests(server);
  await using registry = openRegistry({ host: log.host });
  const first = makeImage({ sizes: [5000, 6000] });
  const push = (image: typeof first, reference: string, repository = "app") =>
    collect(
      pushImage({
        registry,
        repository,
        reference,
        root: image.root,
        source: memorySource(image.bytes),
        origins: () => ["app"],
      }),
    );
  await push(first, "1");

  log.clear();
  await push(first, "1");
  expect(log.lines()).toEqual(["HEAD /v2/app/manifests/1"]);

  log.clear();
  const second = makeImage({ sizes: [5000, 7000] });
  await push(second, "2");
  expect(log.bodyBytes()).toBe(7000 + second.config.size + second.root.size);

  log.clear();
  const events = await push(first, "1", "other");
  expect(events.map((it) => it.kind)).toEqual(["mounted", "mounted", "mounted", "sent", "done"]);
  expect(log.bodyBytes()).toBe(first.root.size);

  const sink = new MemorySink();
  await pullInto(sink, { registry, repository: "app", reference: "1" });
  log.clear();
  const done = await pullInto(sink, { registry, repository: "app", reference: "2" });
  expect(
    log
      .lines()
      .filter((it) => it.includes("/blobs/"))
      .toSorted(),
  ).toEqual([`GET /v2/app/blobs/${second.layers[1]?.digest}`, `GET /v2/app/blobs/${second.config.digest}`].toSorted());
  expect(done.fetchedBytes).toBe(7000 + second.config.size + second.root.size);
  expect(done.reusedBytes).toBe(5000);

  log.clear();
  await pullInto(sink, { registry, repository: "app", reference: "2", known: second.root.digest });
  expect(log.lines()).toEqual(["HEAD /v2/app/manifests/2"]);
});

test("of an index only the platform's image is pulled, and all of it is pushed and copied", async () => {
  await using directory = await temporaryDirectory();
  await using other = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using target = await openRegistryServer({ directory: other.path });
  await using registry = openRegistry({ host: server.host });
  await using to = openRegistry({ host: target.host });
  const arm64 = { os: "linux", architecture: "arm64" };
  const images = [amd64, arm64].map((platform, seed) => ({
    ...makeImage({ seed, platform, sizes: [1000] }),
    platform,
  }));
  const inner = makeIndex(images);
  const root = makeIndex([inner]);
  await collect(
    pushImage({ registry, repository: "multi", reference: "1", root: root.root, source: memorySource(root.bytes) }),
  );
  const sink = new MemorySink();
  await pullInto(sink, { registry, repository: "multi", reference: "1", platform: arm64 });
  const wanted = images[1];
  expect([...sink.kept.keys()].toSorted()).toEqual(
    [...(wanted?.bytes.keys() ?? []), inner.root.digest, root.root.digest].toSorted(),
  );
  await expect(
    pullInto(sink, { registry, repository: "multi", reference: "1", platform: { os: "linux", architecture: "s390x" } }),
  ).rejects.toThrow(/nothing for linux\/s390x; there are linux\/amd64, linux\/arm64/);

  const inspected = await inspectImage({ registry, repository: "multi", reference: "1", platform: arm64 });
  expect(inspected).toMatchObject({ root: root.root, descriptor: wanted?.root, config: arm64 });

  await collect(
    copyImage({
      from: { registry, repository: "multi", reference: "1" },
      to: { registry: to, repository: "copy", reference: "new" },
    }),
  );
  const copied = new MemorySink();
  await pullInto(copied, { registry: to, repository: "copy", reference: "new" });
  expect(copied.have(root.root.digest)).toBe(true);

  await collect(
    copyImage({
      from: { registry, repository: "multi", reference: "1" },
      to: { registry, repository: "one", reference: "arm" },
      platform: arm64,
    }),
  );
  expect((await registry.resolve({ repository: "one", reference: "arm" })).descriptor).toEqual(wanted?.root);
});

test("chunks, cancelled loops and large blobs", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host });
  const image = makeImage({ sizes: [1_000_000] });
  const push = { registry, repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) };
  await collect(pushImage({ ...push, chunkBytes: 300_000 }));
  const layer = image.layers[0]!;
  for await (const _ of registry.fetchBlob({ repository: "app", descriptor: layer })) break;
  const whole = await collect(registry.fetchBlob({ repository: "app", descriptor: layer }));
  expect(Buffer.concat(whole)).toEqual(image.bytes.get(layer.digest));
});

test("tags come in pages and referrers by their type", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host });
  const image = makeImage({ sizes: [10] });
  for (const reference of ["c", "a", "d", "b", "e"])
    await collect(
      pushImage({ registry, repository: "app", reference, root: image.root, source: memorySource(image.bytes) }),
    );
  expect(await collect(registry.tags({ repository: "app", pageSize: 2 }))).toEqual(["a", "b", "c", "d", "e"]);

  const artifact = (artifactType: string) => {
    const bytes = new Map();
    const config = add(bytes, mediaTypes.empty, Buffer.from("{}"));
    const root = add(bytes, mediaTypes.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType,
      config,
      layers: [config],
      subject: image.root,
    });
    return { bytes, root };
  };
  for (const type of ["text/sbom", "text/signature"]) {
    const { bytes, root } = artifact(type);
    await collect(
      pushImage({ registry, repository: "app", reference: root.digest, root, source: memorySource(bytes) }),
    );
  }
  const referrers = (artifactType?: string) =>
    collect(registry.referrers({ repository: "app", digest: image.root.digest, artifactType }));
  expect((await referrers()).map((it) => it.artifactType).toSorted()).toEqual(["text/sbom", "text/signature"]);
  expect((await referrers("text/sbom")).map((it) => it.digest)).toEqual([artifact("text/sbom").root.digest]);

  await registry.deleteManifest({ repository: "app", reference: "a" });
  expect(await collect(registry.tags({ repository: "app" }))).toEqual(["b", "c", "d", "e"]);
  await registry.deleteManifest({ repository: "app", reference: image.root.digest });
  const gone = await registry.resolve({ repository: "app", reference: "b" }).catch((error: unknown) => error);
  expect(isRegistryError(gone) && gone.code).toBe("ERR_REGISTRY_NOT_FOUND");
});

test("a mirror is asked first, and the registry itself when it has nothing", async () => {
  await using directory = await temporaryDirectory();
  await using other = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using mirror = await openRegistryServer({ directory: other.path });
  await using log = await countRequests(mirror);
  await using plain = openRegistry({ host: server.host });
  const image = makeImage({ sizes: [100] });
  await collect(
    pushImage({
      registry: plain,
      repository: "app",
      reference: "1",
      root: image.root,
      source: memorySource(image.bytes),
    }),
  );
  await using registry = openRegistry({ host: server.host, mirrors: [log.host] });
  await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" });
  expect(log.lines()).toHaveLength(3);
});
