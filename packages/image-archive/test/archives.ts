import { createHash } from "node:crypto";
import { type ArchiveMember, tarEntry, writeArchive } from "@ctr/layers";
import { type Digest, encodeJson, makeDigest, mediaTypes } from "@ctr/oci";

// Archives for tests, made member by member.

export const text = (value: unknown): Uint8Array =>
  value instanceof Uint8Array ? value : new TextEncoder().encode(typeof value === "string" ? value : encodeJson(value));

export const digestOf = (bytes: Uint8Array): Digest =>
  makeDigest("sha256", createHash("sha256").update(bytes).digest("hex"));

/** A file; what is no bytes and no string is written as JSON. */
export function file(name: string, content: unknown): ArchiveMember {
  const bytes = text(content);
  return { entry: tarEntry({ name, type: "file", size: bytes.length }), content: [bytes] };
}

export const symlink = (name: string, link: string): ArchiveMember => ({
  entry: tarEntry({ name, type: "symlink", link }),
});

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export const tar = (members: Iterable<ArchiveMember>): Promise<Uint8Array> => bytesOf(writeArchive(members));

/** In pieces of `size` bytes, as a pipe gives them. */
export async function* pieces(bytes: Uint8Array, size = 1 << 16): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** A layer that holds one file. */
export const layerTar = (name: string): Promise<Uint8Array> => tar([file(name, `${name}\n`)]);

export function configOf(layers: readonly Uint8Array[], more: object = {}): Uint8Array {
  return text({
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    ...more,
  });
}

export const hexOf = (bytes: Uint8Array): string => digestOf(bytes).slice("sha256:".length);

/** What Docker up to version 24 writes for one image. */
export async function oldDockerArchive(tags: readonly string[] | null = ["app:1"]): Promise<readonly ArchiveMember[]> {
  const layers = [await layerTar("one"), await layerTar("two")];
  const config = configOf(layers);
  return [
    ...layers.flatMap((layer, index) => [
      { entry: tarEntry({ name: `id${index}/`, type: "directory" }) },
      file(`id${index}/VERSION`, "1.0"),
      file(`id${index}/json`, { id: `id${index}` }),
      file(`id${index}/layer.tar`, layer),
    ]),
    file(`${hexOf(config)}.json`, config),
    file("manifest.json", [
      { Config: `${hexOf(config)}.json`, RepoTags: tags, Layers: layers.map((_, index) => `id${index}/layer.tar`) },
    ]),
    file("repositories", { app: { "1": "id1" } }),
  ];
}

export const descriptor = (mediaType: string, bytes: Uint8Array, more: object = {}): object => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
  ...more,
});

export const blobFile = (bytes: Uint8Array): ArchiveMember => file(`blobs/sha256/${hexOf(bytes)}`, bytes);

/** The documents and layers of one image of an OCI layout. */
export async function layoutImage(
  name: string,
  more: object = {},
): Promise<{ readonly manifest: Uint8Array; readonly config: Uint8Array; readonly blobs: readonly Uint8Array[] }> {
  const layer = await layerTar(name);
  const config = configOf([layer], more);
  const manifest = text({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: [descriptor(mediaTypes.layer, layer)],
  });
  return { manifest, config, blobs: [manifest, config, layer] };
}

export const layoutMarker: ArchiveMember = file("oci-layout", { imageLayoutVersion: "1.0.0" });

export const layoutIndex = (manifests: readonly object[]): ArchiveMember =>
  file("index.json", { schemaVersion: 2, mediaType: mediaTypes.index, manifests });

/** An OCI layout with one image. */
export async function layoutArchive(annotations: object = {}): Promise<ArchiveMember[]> {
  const { manifest, blobs } = await layoutImage("one");
  return [
    ...blobs.map(blobFile),
    layoutIndex([descriptor(mediaTypes.manifest, manifest, { annotations })]),
    layoutMarker,
  ];
}
