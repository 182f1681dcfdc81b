import type { Digest } from "@ctr/oci";

/**
 * Lets one change of a blob happen at a time. Whether a file may go is decided by who shows it, and
 * that must not change between the decision and the removal.
 */
export class DigestLocks {
  readonly #last: Map<Digest, Promise<unknown>> = new Map();

  async hold<T>(digest: Digest, change: () => Promise<T>): Promise<T> {
    const before = this.#last.get(digest) ?? Promise.resolve();
    const result = before.then(change, change);
    this.#last.set(digest, result);
    try {
      return await result;
    } finally {
      if (this.#last.get(digest) === result) this.#last.delete(digest);
    }
  }
}
