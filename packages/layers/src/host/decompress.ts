import { pipeline, Readable } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { LayerError } from "../layers-error.ts";
import { ZstdFrames } from "../zstd-frames.ts";

/** How an archive is packed, by its first bytes; names and media types may lie. */
export type Compression = "none" | "gzip" | "zstd";

const magics: readonly { readonly bytes: readonly number[]; readonly is: Compression | "bzip2" | "xz" }[] = [
  { bytes: [0x1f, 0x8b], is: "gzip" }, // RFC 1952, 2.3.1
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], is: "zstd" }, // RFC 8878, 3.1.1
  { bytes: [0x42, 0x5a, 0x68], is: "bzip2" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], is: "xz" },
];
const longestMagic = 6;
const chunkSize = 256 << 10;

/**
 * The archive without its compression.
 *
 * @throws {LayerError} `ERR_LAYERS_COMPRESSION` for bzip2 and xz, which Node cannot read, and for damaged
 *   or cut input; zstd windows of more than 128 MiB are refused, they would have to be kept in memory.
 */
export async function* decompress(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const { compression, rest } = await peek(archive);
  if (compression === "none") {
    yield* rest;
    return;
  }
  // An error in the input must come out as it is, not as an error of the compression.
  let inputError: unknown;
  const input = Readable.from(
    (async function* () {
      try {
        yield* compression === "zstd" ? zstdFrames(rest) : rest;
      } catch (error) {
        inputError = error;
        throw error;
      }
    })(),
  );
  const decoder =
    compression === "gzip"
      ? createGunzip({ chunkSize })
      : createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: 27 } });
  pipeline(input, decoder, () => {}); // its error is the one that the loop below gets
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (inputError !== undefined) throw inputError;
    throw new LayerError({
      code: "ERR_LAYERS_COMPRESSION",
      message: `the ${compression} data cannot be read: ${(error as Error).message}; it is damaged or was cut short`,
      cause: error,
    });
  }
}

async function* zstdFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const frames = new ZstdFrames();
  for await (const chunk of chunks) yield* frames.split(chunk);
  frames.end();
}

/** @throws {LayerError} `ERR_LAYERS_COMPRESSION` for a kind that is known and cannot be read. */
export function detectCompression(start: Uint8Array): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte))?.is ?? "none";
  if (found === "bzip2" || found === "xz")
    throw new LayerError({
      code: "ERR_LAYERS_COMPRESSION",
      message: `the archive is packed with ${found}; layers are gzip, zstd or plain tar: unpack it first`,
    });
  return found;
}

async function peek(
  archive: AsyncIterable<Uint8Array>,
): Promise<{ compression: Compression; rest: AsyncIterable<Uint8Array> }> {
  const iterator = archive[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  while (length < longestMagic) {
    const next = await iterator.next();
    if (next.done) break;
    read.push(next.value);
    length += next.value.length;
  }
  const start = Buffer.concat(read).subarray(0, longestMagic);
  try {
    return { compression: detectCompression(start), rest: resume(read, iterator) };
  } catch (error) {
    await iterator.return?.(); // nobody else will close the source
    throw error;
  }
}

async function* resume(
  read: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* read;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
