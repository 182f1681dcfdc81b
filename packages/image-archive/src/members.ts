import { type ArchiveEvent, ArchiveReader, decompress, LayerError, type TarEntry } from "@ctr/layers";
import { ImageArchiveError, quote } from "./image-archive-error.ts";

/** A member of an archive that is being read. */
export interface Member {
  readonly entry: TarEntry;
  /** Its bytes, exactly `entry.size`. To be read before the next member is asked for, or not at all. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The members of a tar archive, plain or compressed, as they come.
 *
 * @param o.bytes  Refuse an archive that is longer once it is decompressed.
 * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_FORMAT` for what is no archive or ends early,
 *   `ERR_IMAGE_ARCHIVE_LIMIT`; what `archive` throws
 */
export async function* readMembers(
  archive: AsyncIterable<Uint8Array>,
  o: { readonly bytes: number },
): AsyncGenerator<Member, void, undefined> {
  const events = readEvents(archive, o);
  try {
    for (let next = await events.next(); !next.done; next = await events.next())
      // Anything else is the rest of a member that nobody wanted.
      if (next.value.type === "entry") yield { entry: next.value.entry, content: contentOf(next.value.entry, events) };
  } finally {
    await events.return();
  }
}

type Events = AsyncGenerator<ArchiveEvent, void, undefined>;

async function* readEvents(archive: AsyncIterable<Uint8Array>, o: { readonly bytes: number }): Events {
  try {
    const reader = new ArchiveReader({ bytes: o.bytes });
    for await (const chunk of decompress(archive, { accept: "any" })) yield* reader.push(chunk);
    reader.end();
  } catch (error) {
    throw error instanceof LayerError ? unreadable(error) : error;
  }
}

function unreadable(error: LayerError): ImageArchiveError {
  const code = error.code === "ERR_LAYERS_LIMIT" ? "ERR_IMAGE_ARCHIVE_LIMIT" : "ERR_IMAGE_ARCHIVE_FORMAT";
  return new ImageArchiveError(code, `this is no image archive that can be read: ${error.message}`, { cause: error });
}

async function* contentOf(entry: TarEntry, events: Events): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for (let next = await events.next(); !next.done; next = await events.next()) {
    const event = next.value;
    if (event.type !== "data") break;
    if (event.offset !== at) throw sparse(entry);
    at += event.bytes.length;
    yield event.bytes;
  }
  if (at !== entry.size) throw sparse(entry);
}

// A few bytes of map could stand for terabytes of zeros, and no blob is written that way.
function sparse(entry: TarEntry): ImageArchiveError {
  return new ImageArchiveError(
    "ERR_IMAGE_ARCHIVE_MEMBER",
    `${quote(entry.name)} is a sparse file; image archives are made without (tar without --sparse)`,
  );
}
