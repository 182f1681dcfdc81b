import { decompress, LayerError } from "@ctr/layers";
import { BuilderError, type Place } from "../builder-error.ts";

/** Where the bytes of files come from. */
export interface ContentSource {
  content(path: string): AsyncIterable<Uint8Array>;
}

/**
 * Whether ADD unpacks a file: a tar archive by its content, whatever its name is.
 *
 * @throws {BuilderError} `ERR_BUILDER_UNSUPPORTED` when bzip2 or xz, which read such archives, is not installed
 */
export async function isArchive(source: ContentSource, path: string, place?: Place): Promise<boolean> {
  const start: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of decompress(source.content(path), { accept: "any" })) {
      start.push(chunk);
      length += chunk.length;
      if (length >= blockBytes) break;
    }
  } catch (error) {
    if (!(error instanceof LayerError)) throw error;
    if (error.code !== "ERR_LAYERS_PROGRAM") return false; // looks compressed and is not: a file like any other
    const message =
      place === undefined ? `${path}: ${error.message}` : `ADD of ${path}: ${error.message}; COPY takes it as it is`;
    throw new BuilderError({ code: "ERR_BUILDER_UNSUPPORTED", message, place, cause: error });
  }
  return length >= blockBytes && isHeader(Buffer.concat(start).subarray(0, blockBytes));
}

const blockBytes = 512;

/** A header's checksum is the sum of its bytes, its own eight taken as spaces. @see POSIX pax(1), "ustar Interchange Format" */
function isHeader(block: Uint8Array): boolean {
  const text = Buffer.from(block.subarray(148, 156)).toString("latin1");
  const stored = /^[ ]*([0-7]{1,7})[ \0]*$/.exec(text)?.[1];
  if (stored === undefined) return false;
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return sum === Number.parseInt(stored, 8);
}
