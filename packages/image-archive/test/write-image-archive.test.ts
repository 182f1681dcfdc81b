import { type Descriptor, mediaTypes } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { type ArchivedImage, MemoryBlobs, readImageArchive, writeImageArchive } from "../src/index.ts";
import {
  blobFile,
  bytesOf,
  descriptor,
  layoutArchive,
  layoutImage,
  layoutIndex,
  layoutMarker,
  oldDockerArchive,
  pieces,
  tar,
  text,
} from "./archives.ts";

async function load(bytes: Uint8Array): Promise<{ images: readonly ArchivedImage[]; blobs: MemoryBlobs }> {
  const blobs = new MemoryBlobs();
  return { images: await readImageArchive({ archive: pieces(bytes), sink: blobs }), blobs };
}

const save = ({ images, blobs }: { images: readonly ArchivedImage[]; blobs: MemoryBlobs }): Promise<Uint8Array> =>
  bytesOf(writeImageArchive({ images, source: blobs }));

async function twoPlatforms(): Promise<{ readonly blobs: readonly Uint8Array[]; readonly index: Uint8Array }> {
  const images = [await layoutImage("amd"), await layoutImage("arm", { architecture: "arm64" })];
  const [amd64, arm64] = ["amd64", "arm64"].map((architecture) => ({ platform: { os: "linux", architecture } }));
  const index = text({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      descriptor(mediaTypes.manifest, images[0]!.manifest, amd64),
      descriptor(mediaTypes.manifest, images[1]!.manifest, arm64),
    ],
  });
  return { blobs: [...images.flatMap(({ blobs }) => blobs), index], index };
}

describe("what is written reads back as the same images, and is written as the same bytes again", () => {
  const sources = [
    { name: "one image", members: () => layoutArchive({ "io.containerd.image.name": "a:1" }) },
    { name: "one image without a name", members: () => layoutArchive() },
    { name: "Docker's first format", members: () => oldDockerArchive(["b:1", "localhost:5000/b:2"]) },
    {
      name: "an index of two platforms",
      members: async () => {
        const { blobs, index } = await twoPlatforms();
        const annotations = { "io.containerd.image.name": "many:1" };
        return [
          ...blobs.map(blobFile),
          layoutIndex([descriptor(mediaTypes.index, index, { annotations })]),
          layoutMarker,
        ];
      },
    },
  ];
  for (const { name, members } of sources)
    test(name, async () => {
      const first = await load(await tar(await members()));
      const saved = await save(first);
      const second = await load(saved);
      expect(second.images).toEqual(first.images);
      expect(second.blobs.digests()).toEqual(first.blobs.digests());
      expect(Buffer.compare(await save(second), saved)).toBe(0);
    });
});

describe("the archive", () => {
  const documents = async (images: Parameters<typeof writeImageArchive>[0]): Promise<Record<string, unknown>> => {
    const names = await bytesOf(writeImageArchive(images));
    const found: Record<string, unknown> = {};
    // Members begin at multiples of 512, and these are all short names.
    for (let at = 0; at < names.length; at += 512) {
      const name = /^(?:index|manifest)\.json/.exec(Buffer.from(names.subarray(at, at + 100)).toString("latin1"))?.[0];
      if (name === undefined) continue;
      const size = Number.parseInt(Buffer.from(names.subarray(at + 124, at + 135)).toString("latin1"), 8);
      found[name] = JSON.parse(Buffer.from(names.subarray(at + 512, at + 512 + size)).toString());
    }
    return found;
  };

  test("has a name for Docker, containerd and OCI tools each", async () => {
    const { images, blobs } = await load(await tar(await layoutArchive({ "io.containerd.image.name": "a:1" })));
    const found = await documents({ images, source: blobs });
    expect(found["index.json"]).toMatchObject({
      manifests: [
        {
          annotations: {
            "io.containerd.image.name": "docker.io/library/a:1",
            "org.opencontainers.image.ref.name": "docker.io/library/a:1",
          },
        },
      ],
    });
    expect(found["manifest.json"]).toMatchObject([{ RepoTags: ["docker.io/library/a:1"] }]);
  });

  test("shows Docker the platform that was asked for", async () => {
    const { blobs, index } = await twoPlatforms();
    const source = new MemoryBlobs();
    for (const blob of blobs) await source.write([blob]);
    const root = descriptor(mediaTypes.index, index) as Descriptor;
    const shown = async (architecture: string): Promise<unknown> => {
      const platform = { os: "linux", architecture };
      return (await documents({ images: [{ root, names: [] }], source, platform }))["manifest.json"];
    };
    expect(await shown("arm64")).not.toEqual(await shown("amd64"));
    expect(await shown("riscv64")).toEqual(await shown("amd64")); // the first
  });

  test("does not depend on the order of its images, nor on how often one is named", async () => {
    const first = await load(await tar(await layoutArchive({ "io.containerd.image.name": "a:1" })));
    const second = await load(await tar(await oldDockerArchive(["b:1"])));
    const source = new MemoryBlobs();
    for (const { blobs } of [first, second])
      for (const digest of blobs.digests()) await source.write([(await blobs.read(digest))!]);
    const [a, b] = [first.images[0]!, second.images[0]!];
    const write = (images: readonly ArchivedImage[]): Promise<Uint8Array> =>
      bytesOf(writeImageArchive({ images, source }));
    expect(Buffer.compare(await write([a, b]), await write([b, a, a]))).toBe(0);
  });
});

describe("what cannot be written is refused before the first byte", () => {
  test("an image that is not there", async () => {
    const root = descriptor(mediaTypes.manifest, text("absent")) as Descriptor;
    await expect(
      bytesOf(writeImageArchive({ images: [{ root, names: [] }], source: new MemoryBlobs() })),
    ).rejects.toMatchObject({ code: "ERR_IMAGE_ARCHIVE_INCOMPLETE" });
  });

  test("an index of which nothing is there", async () => {
    const { index } = await twoPlatforms();
    const source = new MemoryBlobs();
    await source.write([index]);
    const root = descriptor(mediaTypes.index, index) as Descriptor;
    await expect(bytesOf(writeImageArchive({ images: [{ root, names: [] }], source }))).rejects.toMatchObject({
      code: "ERR_IMAGE_ARCHIVE_INCOMPLETE",
    });
  });

  test("a source that gives fewer bytes than the manifest says", async () => {
    const { images, blobs } = await load(await tar(await layoutArchive()));
    const source = {
      read: blobs.read.bind(blobs),
      open: async function* () {
        yield new Uint8Array(1);
      },
    };
    await expect(bytesOf(writeImageArchive({ images, source }))).rejects.toMatchObject({
      code: "ERR_IMAGE_ARCHIVE_MISMATCH",
    });
  });
});
