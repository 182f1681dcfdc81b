import {
  type ArchiveLimits,
  type ArchiveMember,
  ArchiveReader,
  decompress,
  type TarEntry,
  treeMembers,
} from "@ctr/layers";
import type { Place } from "./copy-place.ts";
import type { TreeWriter } from "./copy-writer.ts";

export interface ExtractOptions {
  /** A tar archive from anywhere, plain or compressed. Chunks must not change once they are given. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly into: TreeWriter;
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Write an archive's files into a tree. After a failure a part of them is there.
 *
 * @returns bytes of the archive without its compression
 * @throws {LayerError} for an archive that is damaged, over its limits, or names what no file can be
 * @throws {EngineError} `ERR_ENGINE_COPY` for what cannot be written, or may not be
 */
export async function extractArchive({ archive, into, limits, signal }: ExtractOptions): Promise<number> {
  const reader = new ArchiveReader(limits);
  let size = 0;
  for await (const chunk of decompress(archive)) {
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

/** Write members of an archive that is never made. @returns bytes of the files */
export async function writeMembers(members: AsyncIterable<ArchiveMember>, into: TreeWriter): Promise<number> {
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

/**
 * What has a name, and everything below it, as members of an archive. A file that is being cut short meanwhile
 * ends in zeros, as GNU tar has it.
 *
 * @param o.name  What the archive calls it; without one, only what it holds is in the archive, named from there.
 */
export async function* placeMembers(
  place: Place,
  o: { readonly name: string | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<ArchiveMember, void> {
  const isRoot = place.name === "";
  const below = (name: string): string => (isRoot ? name.replace(/^\.\/$/, "") : name.slice(place.name.length + 1));
  const rename = (name: string): string => {
    const rest = below(name);
    if (o.name === undefined) return rest;
    return rest === "" && !name.endsWith("/") ? o.name : `${o.name}/${rest}`;
  };
  const members = treeMembers({
    directory: `/proc/self/fd/${place.fd}/.`,
    only: isRoot ? undefined : place.name,
    plainNames: true,
    signal: o.signal,
  });
  for await (const { entry, content } of members) {
    if (!isRoot && entry.name === "./") continue; // the directory that the place is in
    const name = rename(entry.name);
    if (name === "") continue;
    const link = entry.type === "hardlink" ? rename(entry.link) : entry.link;
    yield { entry: { ...entry, name, link }, content: filledUp(entry, content ?? []) };
  }
}

async function* filledUp(
  entry: TarEntry,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let left = entry.size;
  for await (const chunk of content) {
    left -= chunk.length;
    yield chunk;
  }
  for (; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
}

const zeros = new Uint8Array(64 << 10);
