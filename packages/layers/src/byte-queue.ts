/** Bytes that came in pieces and leave in other pieces. A piece is copied only when it straddles two chunks. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #first = 0; // chunks before it are used up; shifting an array one by one would be quadratic
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Exactly `count` bytes, or undefined while there are fewer. */
  take(count: number): Uint8Array | undefined {
    if (count > this.#length) return undefined;
    const first = this.takeSome(count);
    if (first.length === count) return first;
    const whole = new Uint8Array(count);
    whole.set(first);
    for (let at = first.length; at < count; ) {
      const part = this.takeSome(count - at);
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** At least one and at most `most` bytes, never copied; empty when there are none. */
  takeSome(most: number): Uint8Array {
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined || most === 0) return empty;
    const part = chunk.subarray(0, most);
    if (part.length === chunk.length) this.#first++;
    else this.#chunks[this.#first] = chunk.subarray(part.length);
    this.#length -= part.length;
    return part;
  }
}

const empty = new Uint8Array(0);
