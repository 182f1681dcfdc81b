import { pipeline, Readable } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { LayerError } from "../layers-error.ts";
import { ZstdFrames } from "../zstd-frames.ts";
import { decompressWithProgram } from "./decompress-program.ts";

/** How an archive is packed, by its first bytes; names and media types may lie. */
export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const magics: readonly { readonly bytes: readonly number[]; readonly is: Compression }[] = [
  { bytes: [0x1f, 0x8b], is: "gzip" }, // RFC 1952, 2.3.1
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], is: "zstd" }, // RFC 8878, 3.1.1
  { bytes: [0x42, 0x5a, 0x68], is: "bzip2" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], is: "xz" },
];
const longestMagic = 6;
const chunkSize = 256 << 10;

/** Which compressions are read: those of image-spec's layers, or bzip2 and xz too, as Dockerfile's ADD does. */
export type AcceptedCompression = "layer" | "any";

/**
 * The archive without its compression. Memory does not grow with it: zstd windows of more than 128 MiB and
 * xz dictionaries of more than 64 MiB are refused.
 *
 * @throws {LayerError} `ERR_LAYERS_COMPRESSION` for damaged or cut input, and for bzip2 and xz unless "any" is
 *   accepted; `ERR_LAYERS_PROGRAM` when the program that reads one of these two is not installed.
 */
export async function* decompress(
  archive: AsyncIterable<Uint8Array>,
  options: { readonly accept?: AcceptedCompression } = {},
): AsyncGenerator<Uint8Array, void> {
  const { compression, rest } = await peek(archive, options.accept ?? "layer");
  if (compression === "none") yield* rest;
  else if (compression === "bzip2" || compression === "xz") yield* decompressWithProgram(compression, rest);
  else yield* decompressInNode(compression, rest);
}

async function* decompressInNode(
  compression: "gzip" | "zstd",
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
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

/** @param start  Six bytes are enough. */
export function detectCompression(start: Uint8Array): Compression {
  return magics.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte))?.is ?? "none";
}

function check(compression: Compression, accept: AcceptedCompression): void {
  if (accept === "layer" && (compression === "bzip2" || compression === "xz"))
    throw new LayerError({
      code: "ERR_LAYERS_COMPRESSION",
      message: `the archive is packed with ${compression}; layers are gzip, zstd or plain tar: unpack it first`,
    });
}

async function peek(
  archive: AsyncIterable<Uint8Array>,
  accept: AcceptedCompression,
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
  const compression = detectCompression(start);
  try {
    check(compression, accept);
    return { compression, rest: resume(read, iterator) };
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
