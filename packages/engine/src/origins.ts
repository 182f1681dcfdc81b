import type { DatabaseSync } from "node:sqlite";
import type { Digest } from "@ctr/oci";

// Enough for some thousand images; the oldest go first.
const maxRows = 50_000;
/** A registry is asked for a mount from only a few. */
const maxOrigins = 3;

/** Where blobs are known to be, so that a push to the same registry mounts them instead of sending them. */
export class Origins {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(
      `CREATE TABLE IF NOT EXISTS engine_origin (seen INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL,
         host TEXT NOT NULL, repository TEXT NOT NULL, UNIQUE (digest, host, repository))`,
    );
  }

  /** These blobs were pulled from, or pushed to, a repository. */
  remember(o: { readonly host: string; readonly repository: string; readonly digests: Iterable<Digest> }): void {
    const insert = this.#database.prepare(
      "INSERT OR REPLACE INTO engine_origin (digest, host, repository) VALUES (?, ?, ?)",
    );
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const digest of o.digests) insert.run(digest, o.host, o.repository);
      this.#database
        .prepare("DELETE FROM engine_origin WHERE seen <= (SELECT max(seen) FROM engine_origin) - ?")
        .run(maxRows);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK"); // a full disk has taken it back already
      throw error;
    }
  }

  /** Repositories of `host` that have a blob, the latest known first. */
  of(o: { readonly host: string; readonly digest: Digest }): readonly string[] {
    return this.#database
      .prepare("SELECT repository FROM engine_origin WHERE digest = ? AND host = ? ORDER BY seen DESC LIMIT ?")
      .all(o.digest, o.host, maxOrigins)
      .map((row) => row.repository as string);
  }
}
