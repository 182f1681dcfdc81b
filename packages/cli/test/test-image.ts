import { createHash } from "node:crypto";
import { openStore } from "@ctr/image-store";
import { applyLayer, compress, tarEntry, writeArchive } from "@ctr/layers";
import { chainIds, type Descriptor, type Digest, type History, makeDigest, mediaTypes } from "@ctr/oci";

/** What a test wants its image to be like. */
export interface TestImageRequest {
  readonly names: readonly string[];
  /** RFC 3339. */
  readonly created?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly history?: readonly History[];
  /** Files of each layer, oldest first. Default: one layer of one file that no other image has. */
  readonly layers?: readonly Readonly<Record<string, string>>[];
  /** More than one: an index. Default: amd64 alone. */
  readonly platforms?: readonly string[];
}

export interface TestImage {
  /** Digest of the config of the first platform. */
  readonly id: Digest;
  readonly target: Digest;
  readonly layers: readonly Descriptor[];
}

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
let made = 0;

/** Put an image into a store without a registry, unpacked. Its layers are compressed as a build compresses them. */
export async function addTestImage(root: string, o: TestImageRequest): Promise<TestImage> {
  using store = openStore({ root });
  const json = async (mediaType: string, value: object): Promise<Descriptor> => ({
    mediaType,
    ...(await store.writeBlob(Buffer.from(JSON.stringify(value)))),
  });
  const texts = o.layers ?? [{ "etc/id": `${++made} of ${process.pid}\n`.repeat(200) }];
  const platforms = o.platforms ?? ["amd64"];
  const manifests: (Descriptor & { platform: { os: string; architecture: string } })[] = [];
  const configs: Digest[] = [];
  const layers: Descriptor[] = [];
  for (const architecture of platforms) {
    const archives = await Promise.all(texts.map((files) => archiveOf({ ...files, architecture })));
    const diffIds = archives.map((bytes) => makeDigest("sha256", sha256(bytes)));
    const chain = chainIds(diffIds, sha256);
    const own: Descriptor[] = [];
    for (const [index, bytes] of archives.entries()) {
      const blob = await store.writeBlob(compress({ source: chunk(bytes), format: "gzip" }));
      own.push({ mediaType: mediaTypes.layerGzip, ...blob });
      await store.addLayer({
        chainId: chain[index]!,
        diffId: diffIds[index]!,
        ...(index === 0 ? {} : { parentChainId: chain[index - 1]! }),
        fill: async (directory) => void (await applyLayer({ archive: chunk(bytes), directory })),
      });
    }
    const config = await json(mediaTypes.config, {
      ...(o.created === undefined ? {} : { created: o.created }),
      os: "linux",
      architecture,
      config: { Cmd: ["true"], Labels: o.labels ?? {} },
      rootfs: { type: "layers", diff_ids: diffIds },
      ...(o.history === undefined ? {} : { history: o.history }),
    });
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: own };
    manifests.push({ ...(await json(mediaTypes.manifest, manifest)), platform: { os: "linux", architecture } });
    configs.push(config.digest);
    layers.push(...own);
  }
  const { platform: _, ...only } = manifests[0]!;
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  const target = manifests.length === 1 ? only : await json(mediaTypes.index, index);
  await store.addImage({ target, names: o.names });
  return { id: configs[0]!, target: target.digest, layers };
}

async function archiveOf(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const directories = new Set(Object.keys(files).flatMap((name) => (name.includes("/") ? [name.split("/")[0]!] : [])));
  const members = [
    { entry: tarEntry({ name: "./", type: "directory" }) },
    ...[...directories].map((name) => ({ entry: tarEntry({ name: `${name}/`, type: "directory" }) })),
    ...Object.entries(files).map(([name, text]) => ({
      entry: tarEntry({ name, type: "file", size: Buffer.byteLength(text), mtime: 1_700_000_000_000_000_000n }),
      content: [Buffer.from(text)],
    })),
  ];
  members.sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
  return Buffer.concat(await Array.fromAsync(writeArchive(members)));
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
