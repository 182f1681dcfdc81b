import { type ArchiveLimits, ArchiveReader } from "../archive-reader.ts";
import type { ArchiveMember } from "../write-archive.ts";
import { type AcceptedCompression, decompress } from "./decompress.ts";
import type { TreeWriter } from "./tree-writer.ts";

export interface ExtractArchiveOptions {
  /** A tar archive from anywhere, plain or packed. Chunks must not change once they are given. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly into: TreeWriter;
  /** "any" unpacks bzip2 and xz too. Default "layer". */
  readonly accept?: AcceptedCompression | undefined;
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Write an archive's files into a tree that is there. After a failure a part of them is there.
 *
 * @returns bytes of the archive without its compression
 * @throws {LayerError} for an archive that is damaged or over its limits; `ERR_LAYERS_ENTRY`, `ERR_LAYERS_WRITE` for
 *   what may not or cannot be written
 */
export async function extractArchive(options: ExtractArchiveOptions): Promise<number> {
  const { archive, into, accept = "layer", limits, signal } = options;
  const reader = new ArchiveReader(limits);
  let size = 0;
  for await (const chunk of decompress(archive, { accept })) {
    signal?.throwIfAborted();
    size += chunk.length;
    for (const event of reader.push(chunk)) {
      if (event.type === "entry") into.entry(event.entry);
      else if (event.type === "data") into.data(event.offset, event.bytes);
      else into.done();
    }
  }
  reader.end();
  into.finish();
  return size;
}

/**
 * Write members of an archive that is never made, as `extractArchive` would.
 *
 * @returns bytes of the files
 * @throws {LayerError} `ERR_LAYERS_ENTRY`, `ERR_LAYERS_WRITE`
 */
export async function extractMembers(
  members: Iterable<ArchiveMember> | AsyncIterable<ArchiveMember>,
  into: TreeWriter,
): Promise<number> {
  let size = 0;
  for await (const { entry, content } of members) {
    into.entry(entry);
    let offset = 0;
    for await (const bytes of content ?? []) {
      into.data(offset, bytes);
      offset += bytes.length;
    }
    into.done();
    size += offset;
  }
  into.finish();
  return size;
}
