/** Bytes that the second reader may be behind before the first has to wait. */
const mostBehind = 1 << 20;

/** The second reader of a stream that goes by: gets what the first gets, as it comes. */
export class Follower implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #hasLeft = false;
  readonly #waiters: (() => void)[] = []; // more than one: a reader that is leaving may still wait for a chunk

  /** @param signal  Ends the wait for a stream that nobody reads any more. */
  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.#finish({ error: signal.reason }), { once: true });
  }

  /** Whether the stream itself failed, once that is known: whatever was made of it is worth nothing then. */
  async wasCutOff(): Promise<boolean> {
    while (this.#end === undefined) await this.#change();
    return this.#end.error !== undefined;
  }

  /** Pass `chunks` on, and follow them. Waits for whichever reader is slower; one that leaves is not waited for. */
  async *follow(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let end: { readonly error?: unknown } = { error: new Error("the stream was left before its end") };
    try {
      for await (const chunk of chunks) {
        while (this.#bytes >= mostBehind && !this.#hasLeft) await this.#change();
        if (!this.#hasLeft) this.#push(chunk);
        yield chunk;
      }
      end = {};
    } catch (error) {
      end = { error };
      throw error;
    } finally {
      this.#finish(end);
    }
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }

  #push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#waiting.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk.length;
          this.#wake();
          yield chunk;
        } else if (this.#end?.error !== undefined) throw this.#end.error;
        else if (this.#end !== undefined) return;
        else await this.#change();
      }
    } finally {
      this.#hasLeft = true;
      this.#waiting.length = 0;
      this.#wake();
    }
  }
}
