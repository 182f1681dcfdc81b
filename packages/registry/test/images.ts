// Images made for tests, and memory to push them from and pull them into.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Descriptor, type Digest, makeDigest, mediaTypes, type Platform } from "@ctr/oci";
import { type BlobSink, type BlobSource, type PullEvent, pullImage, type Registry } from "@ctr/registry";

export const amd64: Platform = { os: "linux", architecture: "amd64" };

export interface Blobs {
  readonly bytes: Map<Digest, Uint8Array>;
  readonly root: Descriptor;
}

export interface TestImage extends Blobs {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export function sha256(bytes: Uint8Array): Digest {
  return makeDigest("sha256", createHash("sha256").update(bytes).digest("hex"));
}

/** Bytes that depend on the seed only. */
export function noise(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < size; at++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}

export function add(blobs: Map<Digest, Uint8Array>, mediaType: string, content: Uint8Array | object): Descriptor {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
  const digest = sha256(bytes);
  blobs.set(digest, bytes);
  return { mediaType, digest, size: bytes.length };
}

/** @param sizes  Bytes of each layer. */
export function makeImage(o: { seed?: number; sizes?: readonly number[]; platform?: Platform } = {}): TestImage {
  const { seed = 1, sizes = [200_000, 70_000, 3], platform = amd64 } = o;
  const bytes = new Map<Digest, Uint8Array>();
  const contents = sizes.map((size, number) => noise(seed * 100 + number, size));
  const layers = contents.map((it) => add(bytes, mediaTypes.layer, it));
  const config = add(bytes, mediaTypes.config, {
    ...platform,
    rootfs: { type: "layers", diff_ids: layers.map((it) => it.digest) },
  });
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  const root = add(bytes, mediaTypes.manifest, manifest);
  return { bytes, root, config, layers };
}

export function makeIndex(images: readonly (Blobs & { readonly platform?: Platform })[]): Blobs {
  const bytes = new Map(images.flatMap((it) => [...it.bytes]));
  const manifests = images.map(({ root, platform }) => ({ ...root, ...(platform === undefined ? {} : { platform }) }));
  return { bytes, root: add(bytes, mediaTypes.index, { schemaVersion: 2, mediaType: mediaTypes.index, manifests }) };
}

/** Hands out blobs of a map, and counts the bytes. */
export function memorySource(bytes: ReadonlyMap<Digest, Uint8Array>): BlobSource & { opened: Digest[] } {
  const opened: Digest[] = [];
  return {
    opened,
    async *open(descriptor, start) {
      opened.push(descriptor.digest);
      const content = bytes.get(descriptor.digest);
      if (content === undefined) throw new Error(`no ${descriptor.digest}`);
      for (let at = start; at < content.length; at += 16_384) yield content.subarray(at, at + 16_384);
    },
  };
}

/** Keeps blobs whose bytes came whole. */
export class MemorySink implements BlobSink {
  readonly kept: Map<Digest, Uint8Array> = new Map();

  async write(descriptor: Descriptor, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.kept.set(descriptor.digest, Buffer.concat(parts));
  }

  async read(digest: Digest): Promise<Uint8Array | undefined> {
    return this.kept.get(digest);
  }

  have = (digest: Digest): boolean => this.kept.has(digest);
}

export async function pullInto(
  sink: MemorySink,
  o: { registry: Registry; repository: string; reference: string; platform?: Platform; known?: Digest },
): Promise<Extract<PullEvent, { kind: "done" }>> {
  for await (const event of pullImage({ platform: amd64, ...o, have: sink.have, sink }))
    if (event.kind === "done") return event;
  throw new Error("the pull ended without saying so");
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A directory of the test's own, gone when it ends. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "ctr-registry-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
