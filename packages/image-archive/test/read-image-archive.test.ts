import { gzipSync, zstdCompressSync } from "node:zlib";
import type { ArchiveMember } from "@ctr/layers";
import { mediaTypes } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { type ArchivedImage, MemoryBlobs, readImageArchive } from "../src/index.ts";
import {
  blobFile,
  configOf,
  descriptor,
  digestOf,
  file,
  hexOf,
  layerTar,
  layoutArchive,
  layoutImage,
  layoutIndex,
  layoutMarker,
  oldDockerArchive,
  pieces,
  symlink,
  tar,
  text,
} from "./archives.ts";

async function read(members: readonly ArchiveMember[], sink = new MemoryBlobs()): Promise<readonly ArchivedImage[]> {
  return readImageArchive({ archive: pieces(await tar(members)), sink });
}

describe("Docker's first format", () => {
  test("the id is the config's digest, and the layers are kept as they are", async () => {
    const sink = new MemoryBlobs();
    const [image] = await read(await oldDockerArchive(), sink);
    const layers = [await layerTar("one"), await layerTar("two")];
    expect(image).toMatchObject({
      names: ["docker.io/library/app:1"],
      variants: [{ config: digestOf(configOf(layers)), platform: { os: "linux", architecture: "amd64" } }],
    });
    const manifest = JSON.parse(Buffer.from((await sink.read(image!.root.digest))!).toString());
    expect(manifest.layers).toEqual(layers.map((layer) => descriptor(mediaTypes.layer, layer)));
  });

  test("old notes are not kept", async () => {
    const sink = new MemoryBlobs();
    await read(await oldDockerArchive(), sink);
    expect(sink.digests()).toHaveLength(4); // two layers, the config, the manifest that was made
  });

  test("without tags it has no name", async () => {
    expect((await read(await oldDockerArchive(null)))[0]!.names).toEqual([]);
  });

  test("a layer that an image has twice is a symlink to the first", async () => {
    const layer = await layerTar("one");
    const config = configOf([layer, layer]);
    const [image] = await read([
      symlink("b/layer.tar", "../a/layer.tar"), // it may come before what it leads to
      file("a/layer.tar", layer),
      file("c.json", config),
      file("manifest.json", [{ Config: "c.json", RepoTags: null, Layers: ["a/layer.tar", "b/layer.tar"] }]),
    ]);
    expect(image!.variants[0]!.config).toBe(digestOf(config));
  });

  const compressed = [
    { how: "gzip", pack: gzipSync, type: mediaTypes.layerGzip },
    { how: "zstd", pack: zstdCompressSync, type: mediaTypes.layerZstd },
  ];
  for (const { how, pack, type } of compressed)
    test(`a layer packed with ${how} keeps its bytes, as go-containerregistry's do`, async () => {
      const layer = await layerTar("one");
      const config = configOf([layer]);
      const sink = new MemoryBlobs();
      const [image] = await read(
        [
          file(digestOf(config), config),
          file("l.tar.gz", pack(layer)),
          file("manifest.json", [{ Config: digestOf(config), RepoTags: ["app"], Layers: ["l.tar.gz"] }]),
        ],
        sink,
      );
      const manifest = JSON.parse(Buffer.from((await sink.read(image!.root.digest))!).toString());
      expect(manifest.layers).toEqual([descriptor(type, pack(layer))]);
    });

  test("several images share layers and have several tags", async () => {
    const [one, two] = [await layerTar("one"), await layerTar("two")];
    const [a, b] = [configOf([one]), configOf([one, two])];
    const images = await read([
      file("one.tar", one),
      file("two.tar", two),
      file("a.json", a),
      file("b.json", b),
      file("manifest.json", [
        { Config: "a.json", RepoTags: ["a:1", "a:2"], Layers: ["one.tar"] },
        { Config: "b.json", RepoTags: ["localhost:5000/b:1"], Layers: ["one.tar", "two.tar"] },
      ]),
    ]);
    expect(images.map(({ names }) => names)).toEqual([
      ["docker.io/library/a:1", "docker.io/library/a:2"],
      ["localhost:5000/b:1"],
    ]);
  });
});

describe("OCI layouts", () => {
  const named = [
    { annotations: {}, names: [], why: "no name" },
    {
      annotations: { "org.opencontainers.image.ref.name": "latest" },
      names: [],
      why: "a tag alone says nothing about whose",
    },
    {
      annotations: { "org.opencontainers.image.ref.name": "app:1" },
      names: ["docker.io/library/app:1"],
      why: "skopeo writes the name that it is given",
    },
    {
      annotations: { "org.opencontainers.image.ref.name": "1", "io.containerd.image.name": "ghcr.io/a/b:1" },
      names: ["ghcr.io/a/b:1"],
      why: "containerd's own annotation says it all",
    },
  ];
  for (const { annotations, names, why } of named)
    test(`${JSON.stringify(annotations)}: ${why}`, async () => {
      expect((await read(await layoutArchive(annotations))).map((image) => image.names)).toEqual([names]);
    });

  test("documents may come first or last", async () => {
    const members = await layoutArchive();
    expect(await read(members.toReversed())).toEqual(await read(members));
  });

  test("./ in front of names says nothing: tar -c . writes it", async () => {
    const members = await layoutArchive();
    const dotted = members.map((it) => ({ ...it, entry: { ...it.entry, name: `./${it.entry.name}` } }));
    expect(await read(dotted)).toEqual(await read(members));
  });

  for (const { how, pack } of [
    { how: "gzip", pack: gzipSync },
    { how: "zstd", pack: zstdCompressSync },
  ])
    test(`an archive packed with ${how}`, async () => {
      const members = await layoutArchive();
      const archive = pieces(pack(await tar(members)), 1000);
      expect(await readImageArchive({ archive, sink: new MemoryBlobs() })).toEqual(await read(members));
    });

  test("an index stays whole, with the platforms that are there", async () => {
    const [amd, arm, absent] = [
      await layoutImage("amd"),
      await layoutImage("arm", { architecture: "arm64" }),
      await layoutImage("absent"),
    ];
    const index = text({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [amd, arm, absent].map(({ manifest }) => descriptor(mediaTypes.manifest, manifest)),
    });
    const [image] = await read([
      ...[...amd.blobs, ...arm.blobs, index].map(blobFile),
      layoutIndex([descriptor(mediaTypes.index, index, { annotations: { "io.containerd.image.name": "a:1" } })]),
      layoutMarker,
    ]);
    expect(image!.root).toEqual(descriptor(mediaTypes.index, index));
    expect(image!.variants.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
  });

  test("attestations come along and are nothing to run", async () => {
    const statement = text({ statement: true });
    const config = configOf([statement], { os: "unknown", architecture: "unknown" });
    const manifest = text({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: descriptor(mediaTypes.config, config),
      layers: [descriptor("application/vnd.in-toto+json", statement)],
    });
    const [image] = await read([
      ...[statement, config, manifest].map(blobFile),
      layoutIndex([descriptor(mediaTypes.manifest, manifest)]),
      layoutMarker,
    ]);
    expect(image!.variants).toEqual([]);
  });

  test("the names of manifest.json count as well", async () => {
    const { manifest, config, blobs } = await layoutImage("one");
    const images = await read([
      ...blobs.map(blobFile),
      layoutIndex([descriptor(mediaTypes.manifest, manifest)]),
      file("manifest.json", [{ Config: `blobs/sha256/${hexOf(config)}`, RepoTags: ["app:2"], Layers: [] }]),
      layoutMarker,
    ]);
    expect(images.map(({ names }) => names)).toEqual([["docker.io/library/app:2"]]);
  });
});

test("what the sink has is not written again", async () => {
  const members = await layoutArchive();
  const written: string[] = [];
  const sink = new MemoryBlobs();
  await read(members, sink);
  const again = {
    read: sink.read.bind(sink),
    has: async (digest: Parameters<typeof sink.read>[0]) => (await sink.read(digest)) !== undefined,
    write: async () => {
      written.push("a blob");
      throw new Error("nothing is to be written");
    },
  };
  await readImageArchive({ archive: pieces(await tar(members)), sink: again });
  expect(written).toEqual([]);
});

test("an abort ends it with the signal's reason", async () => {
  const reason = new Error("enough");
  const archive = pieces(await tar(await layoutArchive()));
  await expect(readImageArchive({ archive, sink: new MemoryBlobs(), signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
});
