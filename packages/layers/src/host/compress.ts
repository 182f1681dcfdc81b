import { pipeline, Readable } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";

export interface CompressOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly format: "gzip" | "zstd";
  /** gzip 1 to 9, default 6; zstd 1 to 19, default 3. */
  readonly level?: number;
}

/**
 * `source`, compressed with nothing of this moment or machine in it: equal bytes in, equal bytes out, as
 * long as Node's zlib or zstd is the same. A layer is known by its diff id, which never depends on this.
 */
export async function* compress({ source, format, level }: CompressOptions): AsyncGenerator<Uint8Array, void> {
  const encoder = format === "gzip" ? createGzip(gzipOptions(level)) : createZstdCompress(zstdOptions(level));
  let failure: unknown;
  pipeline(Readable.from(source), encoder, (error) => {
    failure = error;
  });
  let offset = 0;
  for await (const chunk of encoder as AsyncIterable<Uint8Array>) {
    if (format === "gzip") hideSystem(chunk, offset);
    offset += chunk.length;
    yield chunk;
  }
  if (failure) throw failure;
}

const chunkSize = 256 << 10;
const gzipOptions = (level = 6) => ({ level, chunkSize });

const zstdOptions = (level = 3) => ({
  chunkSize,
  params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
});

// The tenth byte of a gzip header names the system that made it: 3 here, 19 on a Mac. 255 is "unknown",
// what Go writes too. The time before it is 0 already. @see RFC 1952, 2.3.1
function hideSystem(chunk: Uint8Array, offset: number): void {
  const at = 9 - offset;
  if (at >= 0 && at < chunk.length) chunk[at] = 255;
}
