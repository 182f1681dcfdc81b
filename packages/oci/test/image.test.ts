import fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodeJson,
  isOciError,
  layerCompression,
  mediaTypes,
  parseDescriptor,
  parseImageConfig,
  parseImageLayout,
  parseIndex,
  parseManifest,
  parseTagList,
} from "../src/index.ts";

const digest = `sha256:${"0".repeat(64)}`;
const config = { mediaType: mediaTypes.config, digest, size: 10 };
const layer = { mediaType: mediaTypes.layerGzip, digest, size: 20 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: [{ ...config, mediaType: mediaTypes.manifest }],
};

test("a manifest: text, bytes and value give the same, unknown fields are dropped", () => {
  const text = JSON.stringify({ ...manifest, "org.example": 1 });
  expect(parseManifest(text)).toEqual(manifest);
  expect(parseManifest(new TextEncoder().encode(text), mediaTypes.manifest)).toEqual(manifest);
  expect(parseManifest(manifest)).toEqual(manifest);
  expect(parseIndex(JSON.stringify(index), mediaTypes.index)).toEqual(index);
});

test("null layers, as Go writes an empty list, are none", () =>
  expect(parseManifest({ ...manifest, layers: null }).layers).toEqual([]));

const wrongManifests = [
  {
    input: { ...manifest, manifests: [] },
    code: "ERR_OCI_MEDIA_TYPE",
    path: "manifests",
    why: "CVE-2021-41190: manifest and index at once",
  },
  {
    input: { ...manifest, Manifests: [] },
    code: "ERR_OCI_MEDIA_TYPE",
    path: "Manifests",
    why: "the same for a reader that ignores case",
  },
  {
    input: { ...manifest, Layers: [] },
    code: "ERR_OCI_INVALID",
    path: "Layers",
    why: "Go would read these layers instead",
  },
  {
    input: { ...manifest, mediaType: mediaTypes.index },
    code: "ERR_OCI_MEDIA_TYPE",
    path: "mediaType",
    why: "says it is an index",
  },
  { input: { ...manifest, schemaVersion: 1 }, code: "ERR_OCI_MEDIA_TYPE", path: "schemaVersion", why: "schema 1" },
  { input: { ...manifest, schemaVersion: "2" }, code: "ERR_OCI_INVALID", path: "schemaVersion", why: "a text" },
  { input: { ...manifest, config: undefined }, code: "ERR_OCI_INVALID", path: "config", why: "no config" },
  { input: { ...manifest, layers: {} }, code: "ERR_OCI_INVALID", path: "layers", why: "not a list" },
  {
    input: { ...manifest, layers: [layer, { ...layer, size: 1.5 }] },
    code: "ERR_OCI_INVALID",
    path: "layers[1].size",
    why: "half a byte",
  },
  {
    input: { ...manifest, layers: [{ ...layer, size: -1 }] },
    code: "ERR_OCI_INVALID",
    path: "layers[0].size",
    why: "less than nothing",
  },
  {
    input: { ...manifest, layers: [{ ...layer, size: 2 ** 53 }] },
    code: "ERR_OCI_INVALID",
    path: "layers[0].size",
    why: "inexact",
  },
  {
    input: { ...manifest, layers: [{ ...layer, digest: "sha256:../x" }] },
    code: "ERR_OCI_DIGEST",
    path: "layers[0].digest",
    why: "a path",
  },
  {
    input: { ...manifest, layers: [{ ...layer, mediaType: "x" }] },
    code: "ERR_OCI_INVALID",
    path: "layers[0].mediaType",
    why: "no media type",
  },
  {
    input: { ...manifest, layers: Array(5000).fill(layer) },
    code: "ERR_OCI_LIMIT",
    path: "layers",
    why: "more layers than any file system stacks",
  },
  {
    input: { ...manifest, annotations: { "a.b": 1 } },
    code: "ERR_OCI_INVALID",
    path: 'annotations["a.b"]',
    why: "a number",
  },
  {
    input: { ...manifest, annotations: JSON.parse('{"__proto__":"x"}') },
    code: "ERR_OCI_JSON",
    path: "",
    why: "prototype pollution",
  },
  { input: " ".repeat(4 * 1024 * 1024 + 1), code: "ERR_OCI_LIMIT", path: "", why: "over 4 MiB" },
  { input: [], code: "ERR_OCI_INVALID", path: "", why: "a list" },
  { input: null, code: "ERR_OCI_INVALID", path: "", why: "nothing" },
];
for (const { input, code, path, why } of wrongManifests)
  test(`manifest, ${path || "document"}: ${why}`, () =>
    expect(() => parseManifest(input)).toThrow(expect.objectContaining({ code, path })));

const types = [
  { own: mediaTypes.manifest, promised: mediaTypes.manifest, ok: true, why: "agree" },
  { own: undefined, promised: mediaTypes.manifest, ok: true, why: "OCI lets the document be silent" },
  { own: undefined, promised: undefined, ok: true, why: "nobody says anything" },
  { own: mediaTypes.dockerManifest, promised: mediaTypes.dockerManifest, ok: true, why: "Docker's name" },
  { own: undefined, promised: mediaTypes.dockerManifest, ok: false, why: "Docker's documents always say it" },
  { own: mediaTypes.manifest, promised: mediaTypes.dockerManifest, ok: false, why: "differ" },
  { own: mediaTypes.manifest, promised: mediaTypes.index, ok: false, why: "promised an index" },
  { own: undefined, promised: mediaTypes.index, ok: false, why: "promised an index, silent" },
];
for (const { own, promised, ok, why } of types)
  test(`media type ${own} under ${promised}: ${why}`, () => {
    const { mediaType: _, ...rest } = manifest;
    const read = () => parseManifest(own === undefined ? rest : { ...rest, mediaType: own }, promised);
    if (ok) expect(read()).toBeDefined();
    else expect(read).toThrow(expect.objectContaining({ code: "ERR_OCI_MEDIA_TYPE" }));
  });

test("an index with layers is refused", () =>
  expect(() => parseIndex({ ...index, layers: [] })).toThrow(expect.objectContaining({ code: "ERR_OCI_MEDIA_TYPE" })));

test("an image config as Docker writes it", () => {
  const written = {
    architecture: "amd64",
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    container_config: { Hostname: "x" },
    config: {
      Hostname: "",
      Env: ["PATH=/bin"],
      Cmd: ["sh"],
      Entrypoint: null,
      Volumes: { "/data": {} },
      ExposedPorts: { "80/tcp": {} },
      Labels: null,
      OnBuild: null,
      Shell: ["/bin/bash", "-c"],
      Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 30_000_000_000, Retries: 3 },
    },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [{ created_by: "ADD", empty_layer: true }],
  };
  const {
    container_config: _,
    config: { Hostname: __, Entrypoint, Labels, OnBuild, ...kept },
    ...rest
  } = written;
  expect(parseImageConfig(JSON.stringify(written))).toEqual({ ...rest, config: kept });
  expect([Entrypoint, Labels, OnBuild]).toEqual([null, null, null]);
});

test("an image of no layers may have null diff ids", () =>
  expect(
    parseImageConfig({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: null } }).rootfs
      .diff_ids,
  ).toEqual([]));

test("labels have no prototype to be confused with", () => {
  const { config } = parseImageConfig({
    architecture: "amd64",
    os: "linux",
    config: { Labels: { a: "b" } },
    rootfs: { type: "layers", diff_ids: [] },
  });
  expect(config?.Labels?.constructor).toBeUndefined();
});

test("NUL in a config text is refused", () =>
  expect(() =>
    parseImageConfig({
      architecture: "amd64",
      os: "linux",
      config: { Env: ["A=\0"] },
      rootfs: { type: "layers", diff_ids: [] },
    }),
  ).toThrow(expect.objectContaining({ path: "config.Env[0]" })));

test("small documents", () => {
  expect(parseImageLayout('{"imageLayoutVersion":"1.0.0"}')).toEqual({ imageLayoutVersion: "1.0.0" });
  expect(parseDescriptor(encodeJson(layer))).toEqual(layer);
  expect(parseTagList('{"name":"a","tags":null}')).toEqual({ name: "a", tags: [] });
  expect(layerCompression(mediaTypes.dockerLayerGzip)).toBe("gzip");
  expect(layerCompression("application/json")).toBeUndefined();
});

const mutation = fc.record({
  key: fc.constantFrom("schemaVersion", "config", "layers", "mediaType", "annotations"),
  value: fc.anything(),
});
test("throws nothing but OciError, whatever it is given", () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        mutation.map(({ key, value }) => ({ ...manifest, [key]: value })),
      ),
      (input) => {
        for (const parse of [parseManifest, parseIndex, parseImageConfig, parseDescriptor])
          try {
            parse(input);
          } catch (error) {
            expect(isOciError(error)).toBe(true);
          }
      },
    ),
  ));
