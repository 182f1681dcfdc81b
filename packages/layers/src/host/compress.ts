import { availableParallelism } from "node:os";
import { constants, crc32, deflateRaw, type ZlibOptions, zstdCompress } from "node:zlib";
import { type Block, blocksOf } from "../blocks.ts";

//  gzip     header │ block 0 │ block 1 │ … │ last block │ crc, size        one member
//                            ▲ knows the last 32 KiB of block 0, so nothing is lost but a few bytes
//  zstd     frame 0 │ frame 1 │ …                                           each for itself
//
//  Blocks have one size on every machine, so the bytes do not depend on how many are packed at once, in the
//  threads that Node has for zlib. Every reader takes both: the first is how pigz writes, the second zstd:chunked.

export interface CompressOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly format: "gzip" | "zstd";
  /** gzip 1 to 9, default 6; zstd 1 to 19, default 3. */
  readonly level?: number;
}

/** What decides the bytes that {@link compress} gives, besides the level. A recipe never changes: other settings get another name. */
export interface CompressionRecipe {
  readonly name: string;
  /** When none is asked for. */
  readonly level: number;
  /** Bytes of the source in one block. */
  readonly blockBytes: number;
  /** The version of Node's zlib or zstd: another one may find other matches. */
  readonly library: string;
}

/** Kept beside a blob whose bytes are thrown away, it says whether `compress` would make the very same ones again. */
export const compressionRecipes: Readonly<Record<"gzip" | "zstd", CompressionRecipe>> = {
  gzip: { name: "ctr-gzip-1", level: 6, blockBytes: 512 << 10, library: process.versions.zlib },
  zstd: { name: "ctr-zstd-1", level: 3, blockBytes: 4 << 20, library: process.versions.zstd ?? "" },
};

/**
 * `source`, compressed on all cores with nothing of this moment or machine in it: equal bytes in, equal
 * bytes out, however they are cut, as long as Node's zlib or zstd is the same. A layer is known by its diff
 * id, which never depends on this. Memory is a few blocks; nothing is read that nobody waits for.
 */
export async function* compress(options: CompressOptions): AsyncGenerator<Uint8Array, void> {
  const { source, format } = options;
  const { blockBytes, level: usual } = compressionRecipes[format];
  const level = options.level ?? usual;
  const spare: ArrayBuffer[] = [];
  const blocks = blocksOf(source, blockBytes, spare);
  if (format === "zstd") yield* inOrder(blocks, spare, ({ bytes }) => packZstd(bytes, level));
  else yield* gzip(blocks, spare, level);
}

async function* gzip(
  blocks: AsyncIterable<Block>,
  spare: ArrayBuffer[],
  level: number,
): AsyncGenerator<Uint8Array, void> {
  let checksum = 0;
  let size = 0;
  let dictionary: Uint8Array = new Uint8Array(0);
  yield header(level);
  yield* inOrder(blocks, spare, ({ bytes, isLast }) => {
    const packed = packDeflate(bytes, { level, dictionary, isLast });
    checksum = crc32(bytes, checksum);
    size += bytes.length;
    dictionary = bytes.slice(-windowBytes);
    return packed;
  });
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, checksum, true);
  trailer.setUint32(4, size % 2 ** 32, true);
  yield new Uint8Array(trailer.buffer);
}

const windowBytes = 32 << 10; // as far back as deflate looks

// No name, no time; what made it (255) is unknown, as Go writes: zlib says 3 here and 19 on a Mac. @see RFC 1952, 2.3.1
function header(level: number): Uint8Array {
  return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 255);
}

// Two to keep every thread busy while one result is waited for; Node's pool has four threads.
const mostAtOnce = Math.min(availableParallelism(), 4) + 2;

/** What `pack` makes of each block, several at a time, in the blocks' order. Their memory is spare afterwards. */
async function* inOrder(
  blocks: AsyncIterable<Block>,
  spare: ArrayBuffer[],
  pack: (block: Block) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const packing: Promise<Uint8Array>[] = [];
  for await (const block of blocks) {
    const packed = pack(block).finally(() => spare.push(block.bytes.buffer));
    packed.catch(() => {}); // it is asked for later, or, when a block before it failed, never
    packing.push(packed);
    if (packing.length >= mostAtOnce) yield await packing.shift()!;
  }
  for (const packed of packing) yield await packed;
}

function packDeflate(
  bytes: Uint8Array,
  o: { readonly level: number; readonly dictionary: Uint8Array; readonly isLast: boolean },
): Promise<Uint8Array> {
  const options: ZlibOptions = {
    level: o.level,
    memLevel: 8,
    // Ends at a whole byte and says that more follows.
    finishFlush: o.isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    chunkSize: Math.max(1024, bytes.length >> 1), // what shrinks by half takes one turn in a thread
    ...(o.dictionary.length === 0 ? {} : { dictionary: o.dictionary }),
  };
  return new Promise((resolve, reject) =>
    deflateRaw(bytes, options, (error, packed) => (error ? reject(error) : resolve(packed))),
  );
}

function packZstd(bytes: Uint8Array, level: number): Promise<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  const options = { chunkSize: Math.max(1024, bytes.length >> 1), params };
  return new Promise((resolve, reject) =>
    zstdCompress(bytes, options, (error, packed) => (error ? reject(error) : resolve(packed))),
  );
}
