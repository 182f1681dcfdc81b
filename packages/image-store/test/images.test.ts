import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestHex, parseImageLayout, parseIndex } from "@ctr/oci";
import { expect, test } from "vitest";
import { layoutIndex } from "./files-of.ts";
import { digestOf, makeImage, makeIndex } from "./make-image.ts";
import { temporaryStore } from "./temporary-store.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

test("an image is found by its names, its id and the beginning of it", async () => {
  const store = temporaryStore();
  const made = await makeImage(store, { layers: ["a", "b"] });
  const image = await store.addImage({ target: made.target, names: ["busybox", "ghcr.io/x/y:1"] });
  expect(image).toMatchObject({ target: made.target, names: ["docker.io/library/busybox:latest", "ghcr.io/x/y:1"] });
  expect(image.variants).toEqual([
    {
      manifest: made.target,
      config: made.config,
      platform: amd64,
      diffIds: [digestOf("a"), digestOf("b")],
      chainId: made.chain[1],
    },
  ]);
  const hex = digestHex(made.config);
  const ways = [
    "busybox",
    "busybox:latest",
    "docker.io/library/busybox",
    "ghcr.io/x/y:1",
    made.config,
    hex,
    hex.slice(0, 12),
    hex.slice(0, 2),
    `sha256:${hex.slice(0, 12)}`,
    made.target.digest,
    `busybox@${made.target.digest}`,
  ];
  for (const way of ways) expect(store.resolve(way).image).toEqual(image);
  const { manifest, config } = await store.read(store.resolve("busybox"));
  expect(manifest.layers).toEqual(made.layers);
  expect(config.rootfs.diff_ids).toEqual([digestOf("a"), digestOf("b")]);
});

for (const text of [
  "nope",
  "busybox:2",
  `busybox@sha256:${"0".repeat(64)}`,
  "0".repeat(64),
  `sha256:${"0".repeat(64)}`,
  "../../etc",
  "",
  "' OR 1=1 --",
])
  test(`${JSON.stringify(text)} is no image`, async () => {
    const store = temporaryStore();
    await store.addImage({ target: (await makeImage(store, { layers: ["a"] })).target, names: ["busybox"] });
    expect(() => store.resolve(text)).toThrow(
      expect.objectContaining({ code: "ERR_IMAGE_NOT_FOUND", message: `No such image: ${text}` }),
    );
  });

test("a prefix that two images share is ambiguous; a name that looks like one is a name", async () => {
  const store = temporaryStore();
  const first = new Map<string, string>();
  for (let n = 0; ; n++) {
    const made = await makeImage(store, { layers: [], label: String(n) });
    await store.addImage({ target: made.target });
    const digit = digestHex(made.config).slice(0, 1);
    if (first.has(digit)) {
      expect(() => store.resolve(digit)).toThrow(expect.objectContaining({ code: "ERR_IMAGE_AMBIGUOUS" }));
      await store.addImage({ target: made.target, names: [digit] });
      expect(store.resolve(digit).variant.config).toBe(made.config);
      return;
    }
    first.set(digit, made.config);
  }
});

test("a name moves; the image it leaves is dangling", async () => {
  const store = temporaryStore();
  const [old, young] = [await makeImage(store, { layers: ["a"] }), await makeImage(store, { layers: ["b"] })];
  await store.addImage({ target: old.target, names: ["app"] });
  await store.addImage({ target: young.target, names: ["app"] });
  expect(store.resolve("app").variant.config).toBe(young.config);
  expect(store.find(old.config).names).toEqual([]);
  store.tag({ image: old.config, name: "app:old" });
  expect(store.find("app:old").target).toEqual(old.target);
  expect(store.untag("app:old")).toBe(true);
  expect(store.untag("app:old")).toBe(false);
  expect(store.list()).toHaveLength(2);
});

test("an index keeps its platforms, and each is found", async () => {
  const store = temporaryStore();
  const [x, arm] = [
    await makeImage(store, { layers: ["x"], platform: amd64 }),
    await makeImage(store, { layers: ["arm"], platform: arm64 }),
  ];
  const target = await makeIndex(store, [
    { ...x, platform: amd64 },
    { ...arm, platform: arm64 },
  ]);
  const image = await store.addImage({ target, names: ["multi"] });
  expect(image.variants.map(({ platform }) => platform)).toEqual([amd64, arm64]);
  expect(store.resolve("multi", { platform: arm64 }).variant.config).toBe(arm.config);
  expect(store.resolve("multi", { platform: amd64 }).variant.config).toBe(x.config);
  expect(store.resolve(arm.config).variant.config).toBe(arm.config);
  expect(store.resolve(arm.config).image.target).toEqual(target);
  expect(() => store.resolve("multi", { platform: { os: "linux", architecture: "s390x" } })).toThrow(
    expect.objectContaining({
      code: "ERR_IMAGE_PLATFORM",
      message: expect.stringContaining("linux/amd64, linux/arm64"),
    }),
  );
});

test("an index of which one platform was pulled is an image", async () => {
  const store = temporaryStore();
  const x = await makeImage(store, { layers: ["x"], platform: amd64 });
  const absent = { ...x, target: { ...x.target, digest: digestOf("absent") }, platform: arm64 };
  const image = await store.addImage({
    target: await makeIndex(store, [absent, { ...x, platform: amd64 }]),
    names: ["half"],
  });
  expect(image.variants).toHaveLength(1);
  const none = await makeIndex(store, [absent]);
  await expect(store.addImage({ target: none })).rejects.toMatchObject({ code: "ERR_IMAGE_INCOMPLETE" });
});

test("an image whose documents do not fit together is refused", async () => {
  const store = temporaryStore();
  const made = await makeImage(store, { layers: ["a"] });
  const write = async (manifest: object) => ({
    mediaType: made.target.mediaType,
    ...(await store.writeBlob(new TextEncoder().encode(JSON.stringify(manifest)))),
  });
  const { manifest } = await store.read({
    image: await store.addImage({ target: made.target }),
    variant: store.list()[0]!.variants[0]!,
  });
  const rows = [
    { target: await write({ ...manifest, layers: [] }), code: "ERR_IMAGE_INVALID" },
    {
      target: await write({ ...manifest, layers: [{ ...manifest.layers[0], size: 9 }] }),
      code: "ERR_BLOB_SIZE_MISMATCH",
    },
    { target: await write({ ...manifest, manifests: [] }), code: "ERR_OCI_MEDIA_TYPE" },
    { target: { ...made.target, size: 1 }, code: "ERR_BLOB_SIZE_MISMATCH" },
    { target: { ...made.target, mediaType: "application/vnd.oci.image.index.v1+json" }, code: "ERR_OCI_MEDIA_TYPE" },
    { target: { ...made.target, mediaType: "text/html" }, code: "ERR_IMAGE_INVALID" },
    { target: { ...made.target, digest: digestOf("absent") }, code: "ERR_BLOB_NOT_FOUND" },
  ];
  for (const { target, code } of rows)
    await expect(store.addImage({ target, names: ["bad"] })).rejects.toMatchObject({ code });
  expect(() => store.resolve("bad")).toThrow(/No such image/);
});

test("a missing layer blob is named, unless the layer is unpacked", async () => {
  const store = temporaryStore();
  const made = await makeImage(store, { layers: ["a"], unpack: false });
  const image = {
    schemaVersion: 2,
    mediaType: made.target.mediaType,
    config: (await readJson(store, made.target.digest)).config,
    layers: [{ ...made.layers[0], digest: digestOf("gone") }],
  };
  const target = {
    mediaType: made.target.mediaType,
    ...(await store.writeBlob(new TextEncoder().encode(JSON.stringify(image)))),
  };
  await expect(store.addImage({ target })).rejects.toMatchObject({
    code: "ERR_IMAGE_INCOMPLETE",
    message: expect.stringContaining(digestOf("gone")),
  });
  await store.addLayer({ chainId: digestOf("a"), diffId: digestOf("a"), fill: async () => {} });
  expect((await store.addImage({ target })).variants).toHaveLength(1);
});

const readJson = async (store: ReturnType<typeof temporaryStore>, digest: Parameters<typeof store.readBlob>[0]) =>
  JSON.parse(Buffer.from(await store.readBlob(digest)).toString());

test("images/ is an OCI layout at all times", async () => {
  const store = temporaryStore();
  expect(parseImageLayout(readFileSync(join(store.root, "images", "oci-layout")))).toEqual({
    imageLayoutVersion: "1.0.0",
  });
  expect(layoutIndex(store.root).manifests).toEqual([]);
  const made = await makeImage(store, { layers: ["a"] });
  await store.addImage({ target: made.target, names: ["b", "a"] });
  const index = parseIndex(readFileSync(join(store.root, "images", "index.json")));
  expect(
    index.manifests.map(({ annotations, digest }) => [annotations?.["org.opencontainers.image.ref.name"], digest]),
  ).toEqual([
    ["docker.io/library/a:latest", made.target.digest],
    ["docker.io/library/b:latest", made.target.digest],
  ]);
  await store.remove({ image: "a" });
  expect(layoutIndex(store.root).manifests).toHaveLength(1);
  await store.remove({ image: "b" });
  expect(layoutIndex(store.root).manifests).toEqual([]);
  rmSync(join(store.root, "images", "index.json"));
  await store.housekeeping();
  expect(layoutIndex(store.root).manifests).toEqual([]);
});
