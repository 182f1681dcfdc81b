import { DatabaseSync, type SQLOutputValue } from "node:sqlite";

/** What an address had when it was read last. */
export interface KnownDownload {
  readonly etag: string | undefined;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly name: string;
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint;
}

//  build_download   address ──▶ its tag and digest   the file itself is a blob of the store, as long as nothing prunes it
const schema = `CREATE TABLE IF NOT EXISTS build_download (
  address TEXT PRIMARY KEY, etag TEXT, sha256 TEXT NOT NULL, name TEXT NOT NULL, mtime INTEGER NOT NULL,
  used_at INTEGER NOT NULL) STRICT`;

/** Rows are small, but an address may have a query that is new each time. */
const mostRows = 10_000;

/** What ADD read over HTTP: the table `build_download` of the state database. Addresses are digests: some hold passwords. */
export class DownloadTable implements Disposable {
  readonly #database: DatabaseSync;
  readonly #owned: boolean;

  constructor(database: DatabaseSync | string) {
    this.#owned = typeof database === "string";
    this.#database = typeof database === "string" ? new DatabaseSync(database) : database;
    if (this.#owned) this.#database.exec("PRAGMA busy_timeout = 30000");
    this.#database.exec(schema);
  }

  [Symbol.dispose](): void {
    if (this.#owned && this.#database.isOpen) this.#database.close();
  }

  find(address: string): KnownDownload | undefined {
    const select = this.#database.prepare("SELECT etag, sha256, name, mtime FROM build_download WHERE address = ?");
    const row = select.get(address) as Record<string, SQLOutputValue> | undefined;
    if (row === undefined) return undefined;
    const { etag, sha256, name, mtime } = row;
    return {
      etag: (etag as string | null) ?? undefined,
      sha256: sha256 as string,
      name: name as string,
      mtime: BigInt(mtime as number) * 1_000_000_000n, // HTTP knows seconds
    };
  }

  remember(address: string, { etag, sha256, name, mtime }: KnownDownload): void {
    const seconds = Number(mtime / 1_000_000_000n);
    this.#database
      .prepare("INSERT OR REPLACE INTO build_download VALUES (?, ?, ?, ?, ?, ?)")
      .run(address, etag ?? null, sha256, name, seconds, Date.now());
    this.#database
      .prepare(
        `DELETE FROM build_download WHERE address IN
          (SELECT address FROM build_download ORDER BY used_at DESC LIMIT -1 OFFSET ${mostRows})`,
      )
      .run();
  }
}
