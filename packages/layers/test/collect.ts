import { type ArchiveLimits, ArchiveReader } from "../src/archive-reader.ts";
import { type ArchiveMember, LayerError, type TarEntry, writeArchive } from "../src/index.ts";

/** Everything that `chunks` yields, in one piece. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

export function archiveOf(...members: readonly ArchiveMember[]): Promise<Uint8Array> {
  return collect(writeArchive(members));
}

/** The entries of an archive with their content, holes as zeros. */
export function readAll(
  archive: Uint8Array,
  limits?: ArchiveLimits,
  chunk = archive.length,
): { entry: TarEntry; content: Uint8Array }[] {
  const reader = new ArchiveReader(limits);
  const found: { entry: TarEntry; content: Uint8Array }[] = [];
  for (let at = 0; at < archive.length; at += chunk)
    for (const event of reader.push(archive.subarray(at, at + chunk))) {
      if (event.type === "entry") found.push({ entry: event.entry, content: new Uint8Array(event.entry.size) });
      if (event.type === "data") found.at(-1)!.content.set(event.bytes, event.offset);
    }
  reader.end();
  return found;
}

/** The code of the LayerError that `action` throws; anything else is thrown on. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof LayerError) return error.code;
    throw error;
  }
}
