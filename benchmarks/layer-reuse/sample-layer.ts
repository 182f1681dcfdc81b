import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type ArchiveMember, compress, writeArchive } from "@ctr/layers";
import { type Descriptor, type Digest, makeDigest, mediaTypes } from "@ctr/oci";

/** A layer in both forms. */
export interface SampleLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The blob, gzip. */
  readonly packed: string;
  /** The tar archive. */
  readonly plain: string;
  /** Bytes of it. */
  readonly plainBytes: number;
  readonly entries: number;
}

export function blobPath(layout: string, digest: Digest): string {
  return join(layout, "blobs", "sha256", digest.slice("sha256:".length));
}

/**
 * Write a layer's archive to `plain`, and its blob into `layout`.
 *
 * @param o.level  of gzip, 1 to 9
 */
export async function writeLayer(o: {
  readonly layout: string;
  readonly plain: string;
  readonly members: Iterable<ArchiveMember>;
  readonly level: number;
}): Promise<SampleLayer> {
  const diffHash = createHash("sha256");
  const blobHash = createHash("sha256");
  const temporary = `${o.plain}.gz`;
  let entries = 0;
  const counted = function* (): Generator<ArchiveMember> {
    for (const member of o.members) {
      entries++;
      yield member;
    }
  };
  const kept = async function* (): AsyncGenerator<Uint8Array> {
    const file = createWriteStream(o.plain);
    for await (const chunk of inLargeChunks(writeArchive(counted()))) {
      diffHash.update(chunk);
      if (!file.write(chunk)) await once(file, "drain");
      yield chunk;
    }
    file.end();
    await once(file, "close");
  };
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of compress({ source: kept(), format: "gzip", level: o.level })) {
      blobHash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed(), createWriteStream(temporary));
  const digest = makeDigest("sha256", blobHash.digest("hex"));
  const packed = blobPath(o.layout, digest);
  renameSync(temporary, packed);
  return {
    descriptor: { mediaType: mediaTypes.layerGzip, digest, size: statSync(packed).size },
    diffId: makeDigest("sha256", diffHash.digest("hex")),
    packed,
    plain: o.plain,
    plainBytes: statSync(o.plain).size,
    entries,
  };
}

/** A header block at a time would make zlib's thread pool the slowest part. */
async function* inLargeChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes < 1 << 18) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat(parts);
}
