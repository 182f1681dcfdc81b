export interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLast: boolean;
}

/**
 * `source` in blocks of exactly `size` bytes, however it came; the last one has what is left. There is at
 * least one, of an empty source an empty one. Blocks are copies: the source may use its chunks again.
 *
 * @param spare  Memory of blocks that nobody needs any more, to be written again.
 */
export async function* blocksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
  spare: ArrayBuffer[] = [],
): AsyncGenerator<Block, void> {
  const fresh = (): Uint8Array<ArrayBuffer> => new Uint8Array(spare.pop() ?? new ArrayBuffer(size));
  let block = fresh();
  let filled = 0;
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; ) {
      if (filled === size) {
        yield { bytes: block, isLast: false };
        block = fresh();
        filled = 0;
      }
      const part = chunk.subarray(at, at + size - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
    }
  yield { bytes: block.subarray(0, filled), isLast: true };
}
