import { type ArchiveMember, tarEntry } from "@ctr/layers";
import { mediaTypes } from "@ctr/oci";
import {
  blobFile,
  configOf,
  descriptor,
  file,
  hexOf,
  layerTar,
  layoutArchive,
  layoutImage,
  layoutIndex,
  layoutMarker,
  symlink,
  text,
} from "./archives.ts";

/** An archive that must be refused. */
export interface HostileArchive {
  readonly name: string;
  readonly members: () => Promise<readonly ArchiveMember[]> | readonly ArchiveMember[];
  /** What the message must name. */
  readonly says: RegExp;
}

/** An archive in Docker's first format with one thing wrong. */
async function docker(
  change: (whole: {
    readonly layer: Uint8Array;
    readonly config: Uint8Array;
    readonly manifest: Record<string, unknown>;
  }) => readonly ArchiveMember[],
): Promise<readonly ArchiveMember[]> {
  const layer = await layerTar("one");
  const config = configOf([layer]);
  return change({ layer, config, manifest: { Config: "c.json", RepoTags: ["bad:1"], Layers: ["l.tar"] } });
}

/** A layout of one image whose documents `change` may spoil. */
async function layout(
  change: (image: {
    manifest: Record<string, unknown>;
    config: Uint8Array;
    layer: Uint8Array;
  }) => Record<string, unknown>,
  type: string = mediaTypes.manifest,
): Promise<readonly ArchiveMember[]> {
  const layer = await layerTar("one");
  const config = configOf([layer]);
  const plain = {
    schemaVersion: 2,
    mediaType: type,
    config: descriptor(mediaTypes.config, config),
    layers: [descriptor(mediaTypes.layer, layer)],
  };
  const manifest = text(change({ manifest: plain, config, layer }));
  return [...[layer, config, manifest].map(blobFile), layoutIndex([descriptor(type, manifest)]), layoutMarker];
}

const special = (name: string, type: "character" | "block" | "fifo"): ArchiveMember => ({
  entry: tarEntry({ name, type, major: 1, minor: 5 }),
});
const hardlink = (name: string, link: string): ArchiveMember => ({ entry: tarEntry({ name, type: "hardlink", link }) });

async function nestedIndexes(depth: number): Promise<readonly ArchiveMember[]> {
  const { manifest, blobs } = await layoutImage("one");
  const made = [...blobs];
  let inner = descriptor(mediaTypes.manifest, manifest);
  for (let level = 0; level < depth; level++) {
    const index = text({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [inner] });
    made.push(index);
    inner = descriptor(mediaTypes.index, index);
  }
  return [...made.map(blobFile), layoutIndex([inner]), layoutMarker];
}

/** An index that names another one a hundred times, which names … */
async function indexBomb(): Promise<readonly ArchiveMember[]> {
  const { manifest, blobs } = await layoutImage("one");
  const made = [...blobs];
  let inner = descriptor(mediaTypes.manifest, manifest);
  for (let level = 0; level < 4; level++) {
    const index = text({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: Array(100).fill(inner) });
    made.push(index);
    inner = descriptor(mediaTypes.index, index);
  }
  return [...made.map(blobFile), layoutIndex([inner]), layoutMarker];
}

const files = (layer: Uint8Array, config: Uint8Array): readonly ArchiveMember[] => [
  file("l.tar", layer),
  file("c.json", config),
];

export const hostileArchives: readonly HostileArchive[] = [
  // What manifest.json, the config and layers are (B12).
  {
    name: "manifest.json is a symlink",
    members: () => [symlink("manifest.json", "/etc/passwd")],
    says: /"manifest\.json" is a symlink/,
  },
  {
    name: "manifest.json is a hard link",
    members: () => [hardlink("manifest.json", "/etc/passwd")],
    says: /"manifest\.json" is a hard link/,
  },
  {
    name: "index.json is a symlink",
    members: () => [symlink("index.json", "other.json"), layoutMarker],
    says: /"index\.json" is a symlink/,
  },
  {
    name: "manifest.json is a FIFO",
    members: () => [special("manifest.json", "fifo")],
    says: /"manifest\.json" is a FIFO/,
  },
  {
    name: "a blob is a symlink",
    members: () => [symlink(`blobs/sha256/${"a".repeat(64)}`, "/etc/shadow")],
    says: /"blobs\/sha256\/a+" is a symlink/,
  },
  {
    name: "a layer is a block device",
    members: () =>
      docker(({ config, manifest }) => [
        special("l.tar", "block"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /"l\.tar" is a block device/,
  },
  {
    name: "a layer is a hard link to a file of the host",
    members: () =>
      docker(({ config, manifest }) => [
        hardlink("l.tar", "/etc/shadow"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /"l\.tar" is a hard link/,
  },
  {
    name: "a layer is a symlink out of the archive, by an absolute path",
    members: () =>
      docker(({ config, manifest }) => [
        symlink("l.tar", "/etc/shadow"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /layer 0 of image 0 in manifest\.json is "l\.tar", a symlink to "\/etc\/shadow"/,
  },
  {
    name: "a layer is a symlink out of the archive, by dots",
    members: () =>
      docker(({ config, manifest }) => [
        symlink("l.tar", "../../etc/shadow"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /a symlink to "\.\.\/\.\.\/etc\/shadow"/,
  },
  {
    name: "a layer is a symlink to a symlink",
    members: () =>
      docker(({ layer, config, manifest }) => [
        symlink("l.tar", "m.tar"),
        symlink("m.tar", "n.tar"),
        file("n.tar", layer),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /a symlink to "m\.tar"/,
  },
  {
    name: "a layer is a symlink to itself",
    members: () =>
      docker(({ config, manifest }) => [
        symlink("l.tar", "l.tar"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /a symlink to "l\.tar"/,
  },
  {
    name: "the config is a symlink",
    members: () =>
      docker(({ layer, config, manifest }) => [
        file("l.tar", layer),
        file("real.json", config),
        symlink("c.json", "real.json"),
        file("manifest.json", [manifest]),
      ]),
    says: /the config of image 0 in manifest\.json is "c\.json", a symlink/,
  },
  {
    name: "Layers lead to a file of the host",
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [{ ...manifest, Layers: ["../../etc/shadow"] }]),
      ]),
    says: /"\.\.\/\.\.\/etc\/shadow" is refused/,
  },
  {
    name: "Layers name an absolute path",
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [{ ...manifest, Layers: ["/etc/shadow"] }]),
      ]),
    says: /"etc\/shadow", which the archive does not have/,
  },
  {
    name: "Config leads to a file of the host",
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [{ ...manifest, Config: "../../../etc/passwd" }]),
      ]),
    says: /"\.\.\/\.\.\/\.\.\/etc\/passwd" is refused/,
  },
  // Names of members.
  { name: "a member's name has ..", members: () => [file("../evil", "x")], says: /"\.\.\/evil" is refused/ },
  { name: "a member's name has .. inside", members: () => [file("a/../b", "x")], says: /"a\/\.\.\/b" is refused/ },
  { name: "a member's name is huge", members: () => [file("a".repeat(5000), "x")], says: /5000 characters/ },
  {
    name: "a member twice",
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [manifest]),
        file("./manifest.json", [{ ...manifest, RepoTags: ["other:1"] }]),
      ]),
    says: /has "manifest\.json" twice/,
  },
  {
    name: "a blob whose name is no digest (B5)",
    members: () => [file("blobs/sha256/abc", "x")],
    says: /"blobs\/sha256\/abc" is no name of a blob/,
  },
  {
    name: "a blob whose digest is in capitals (B5)",
    members: () => [file(`blobs/sha256/${"A".repeat(64)}`, "x")],
    says: /is no name of a blob/,
  },
  // Content that is not what it is said to be (B6).
  {
    name: "a blob is not what its name says",
    members: () => [file(`blobs/sha256/${"a".repeat(64)}`, "x")],
    says: /sha256:a{64}/,
  },
  {
    name: "the config is not what its name says",
    members: () =>
      docker(({ layer, config, manifest }) => [
        file("l.tar", layer),
        file(`${"b".repeat(64)}.json`, config),
        file("manifest.json", [{ ...manifest, Config: `${"b".repeat(64)}.json` }]),
      ]),
    says: /the config "b{64}\.json" has the digest/,
  },
  {
    name: "a layer is not what its diff id says",
    members: () =>
      docker(({ config, manifest }) => [
        file("l.tar", "other"),
        file("c.json", config),
        file("manifest.json", [manifest]),
      ]),
    says: /the layer "l\.tar" has the digest/,
  },
  {
    name: "fewer layers than diff ids",
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [{ ...manifest, Layers: [] }]),
      ]),
    says: /has 0 layers, its config 1/,
  },
  {
    name: "a descriptor lies about a size",
    members: () =>
      layout(({ manifest, layer }) => ({
        ...manifest,
        layers: [{ ...descriptor(mediaTypes.layer, layer), size: layer.length + 1 }],
      })),
    says: /the layer sha256:[0-9a-f]+ has \d+ bytes, its descriptor says/,
  },
  {
    name: "a layer is missing",
    members: () => layout(({ manifest }) => ({ ...manifest, layers: [descriptor(mediaTypes.layer, text("missing"))] })),
    says: /the layer sha256:[0-9a-f]+ is not in the archive/,
  },
  {
    name: "a digest leads out of the store (B5)",
    members: () =>
      layout(({ manifest }) => ({
        ...manifest,
        layers: [{ mediaType: mediaTypes.layer, digest: "sha256:../../../etc/shadow", size: 1 }],
      })),
    says: /layers\[0\]\.digest: invalid digest/,
  },
  // Documents that are two things, or of an unknown kind (B7).
  {
    name: "a manifest that is an index as well",
    members: () => layout(({ manifest }) => ({ ...manifest, manifests: [] })),
    says: /manifests: an image manifest has no "manifests"/,
  },
  {
    name: "a manifest that its descriptor calls an index",
    members: async () => {
      const { manifest, blobs } = await layoutImage("one");
      return [...blobs.map(blobFile), layoutIndex([descriptor(mediaTypes.index, manifest)]), layoutMarker];
    },
    says: /the index sha256:[0-9a-f]+ cannot be used/,
  },
  {
    name: "a root of an unknown kind",
    members: async () => {
      const { manifest, blobs } = await layoutImage("one");
      return [...blobs.map(blobFile), layoutIndex([descriptor("text/plain", manifest)]), layoutMarker];
    },
    says: /neither a manifest nor an index but "text\/plain"/,
  },
  {
    name: "schema 1",
    members: () => layout(() => ({ schemaVersion: 1, name: "x", fsLayers: [] })),
    says: /schema 1|fsLayers/,
  },
  {
    name: "a layer of an unknown kind",
    members: () => layout(({ manifest, layer }) => ({ ...manifest, layers: [descriptor("application/zip", layer)] })),
    says: /media type "application\/zip"/,
  },
  {
    name: "manifest.json and index.json list different images",
    members: async () => {
      const other = configOf([], { author: "somebody else" });
      return [
        ...(await layoutArchive()),
        blobFile(other),
        file("manifest.json", [{ Config: `blobs/sha256/${hexOf(other)}`, RepoTags: ["a:1"], Layers: [] }]),
      ];
    },
    says: /the config of image 0 in manifest\.json is sha256:[0-9a-f]+, which index\.json does not have/,
  },
  {
    name: "one name for two images",
    members: async () => {
      const [a, b] = [await layoutImage("a"), await layoutImage("b")];
      const annotations = { "io.containerd.image.name": "same:1" };
      return [
        ...[...a.blobs, ...b.blobs].map(blobFile),
        layoutIndex([a, b].map(({ manifest }) => descriptor(mediaTypes.manifest, manifest, { annotations }))),
        layoutMarker,
      ];
    },
    says: /the name "docker\.io\/library\/same:1" to two images/,
  },
  {
    name: "a name that holds another image's digest",
    members: () => layoutArchive({ "io.containerd.image.name": `busybox@sha256:${"c".repeat(64)}` }),
    says: /to an image that has another digest/,
  },
  // Limits and poison (B9).
  {
    name: "manifest.json of 5 MiB",
    members: () => [file("manifest.json", " ".repeat(5 << 20))],
    says: /manifest\.json has 5242880 bytes, more than the limit of 4194304/,
  },
  {
    name: "a manifest of 5 MiB",
    members: () => layout(({ manifest }) => ({ ...manifest, annotations: { a: "x".repeat(5 << 20) } })),
    says: /the manifest sha256:[0-9a-f]+ has \d+ bytes, more than the limit/,
  },
  {
    name: "a config of 9 MiB",
    members: () =>
      docker(({ layer, manifest }) => [
        ...files(layer, configOf([layer], { author: "x".repeat(9 << 20) })),
        file("manifest.json", [manifest]),
      ]),
    says: /the config sha256:[0-9a-f]+ has \d+ bytes, more than the limit/,
  },
  { name: "an index of indexes of indexes …", members: () => nestedIndexes(6), says: /nested more than 4 deep/ },
  { name: "an index of 10^8 manifests", members: indexBomb, says: /more than 20000 manifests|nested/ },
  {
    name: "a key __proto__ in manifest.json",
    members: () => [file("manifest.json", '[{"__proto__":{"polluted":true},"Config":"c","Layers":[]}]')],
    says: /manifest\.json cannot be used: .*__proto__/,
  },
  {
    name: "a key __proto__ in index.json",
    members: () => [
      file("index.json", '{"schemaVersion":2,"manifests":[],"__proto__":{"polluted":true}}'),
      layoutMarker,
    ],
    says: /index\.json cannot be used: .*__proto__/,
  },
  {
    name: "a key twice in manifest.json",
    members: () => [file("manifest.json", '[{"Config":"a","Config":"b","Layers":[]}]')],
    says: /the key "Config" appears twice/,
  },
  {
    name: "a key that Go would take for another",
    members: () => [file("manifest.json", '[{"Config":"a","config":"b","Layers":[]}]')],
    says: /manifest\.json cannot be used: \[0\] has a field "config"/,
  },
  { name: "manifest.json is no list", members: () => [file("manifest.json", {})], says: /it is no array/ },
  {
    name: "manifest.json lists numbers",
    members: () => [file("manifest.json", [{ Config: 1 }])],
    says: /\[0\]\.Config is no string/,
  },
  {
    name: "manifest.json nested 1000 deep",
    members: () => [file("manifest.json", "[".repeat(1000) + "]".repeat(1000))],
    says: /nested more than/,
  },
  ...["Bad:1", "a b", "-x", "../x", "x:y:z", "", `a${"b".repeat(300)}`, "e\u0301"].map((tag) => ({
    name: `the tag ${JSON.stringify(tag.slice(0, 20))} (B13)`,
    members: () =>
      docker(({ layer, config, manifest }) => [
        ...files(layer, config),
        file("manifest.json", [{ ...manifest, RepoTags: [tag] }]),
      ]),
    says: /the archive names an image/,
  })),
  // What is no image archive.
  {
    name: "no documents at all",
    members: () => [file("etc/passwd", "x")],
    says: /neither index\.json nor manifest\.json/,
  },
  {
    name: "an index without its layout",
    members: async () => (await layoutArchive()).slice(0, -1),
    says: /no oci-layout/,
  },
  {
    name: "a layout of the future",
    members: async () => [...(await layoutArchive()).slice(0, -1), file("oci-layout", { imageLayoutVersion: "2.0.0" })],
    says: /oci-layout cannot be used/,
  },
];
