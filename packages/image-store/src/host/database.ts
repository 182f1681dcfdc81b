import { chmodSync, closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { ImageStoreError } from "../image-store-error.ts";

/** Milliseconds that a process waits for another one's transaction, which takes a few. */
const busyTimeout = 30_000;

const schemaVersion = 1;

//  image_name ──▶ image_target ──▶ image_link ──▶ image_blob       what a name keeps
//                  image_lease  ──▶ blob or layer                  what running work keeps
//  image_variant ─▶ image_layer ─▶ its parents ◀── image_hold      what a container keeps
//  image_recipe ──▶ image_layer                                    how a blob that was dropped is made again
const schema = `
  CREATE TABLE IF NOT EXISTS image_schema (version INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_blob (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_link (
    parent TEXT NOT NULL, child TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (parent, child)) STRICT;
  CREATE INDEX IF NOT EXISTS image_link_child ON image_link (child);
  CREATE TABLE IF NOT EXISTS image_target (
    digest TEXT PRIMARY KEY, descriptor TEXT NOT NULL, added_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_name (name TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS image_name_target ON image_name (target);
  CREATE TABLE IF NOT EXISTS image_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_recipe (
    digest TEXT PRIMARY KEY, diff_id TEXT NOT NULL, size INTEGER NOT NULL, recipe TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_repo_digest (
    target TEXT NOT NULL, reference TEXT NOT NULL, PRIMARY KEY (target, reference)) STRICT;
  CREATE TABLE IF NOT EXISTS image_variant (
    manifest TEXT PRIMARY KEY, descriptor TEXT NOT NULL, config TEXT NOT NULL, platform TEXT NOT NULL,
    diff_ids TEXT NOT NULL, chain_id TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS image_variant_config ON image_variant (config);
  CREATE TABLE IF NOT EXISTS image_layer (
    chain_id TEXT PRIMARY KEY, parent TEXT, diff_id TEXT NOT NULL, cache_id TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS image_unfinished (
    cache_id TEXT PRIMARY KEY, owner TEXT NOT NULL, work TEXT NOT NULL CHECK (work IN ('adding', 'removing'))) STRICT;
  CREATE TABLE IF NOT EXISTS image_lease (
    digest TEXT NOT NULL, owner TEXT NOT NULL, taken_at INTEGER NOT NULL, PRIMARY KEY (digest, owner)) STRICT;
  CREATE TABLE IF NOT EXISTS image_hold (
    holder TEXT NOT NULL, chain_id TEXT NOT NULL, PRIMARY KEY (holder, chain_id)) STRICT;
`;

/**
 * Open the shared metadata database: write-ahead log, every commit on disk before it returns.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_STORE_BUSY`
 */
export function openDatabase(path: string): DatabaseSync {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600); // whatever the caller's umask; SQLite gives its side files the same mode
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA busy_timeout = ${busyTimeout}`);
  useWriteAheadLog(database);
  database.exec("PRAGMA synchronous = FULL");
  return database;
}

/** SQLite does not wait for the lock that changing the journal mode needs, so ask again until the other one is done. */
function useWriteAheadLog(database: DatabaseSync): void {
  const deadline = Date.now() + busyTimeout;
  for (;;) {
    try {
      if (database.prepare("PRAGMA journal_mode").get()?.journal_mode === "wal") return;
      database.exec("PRAGMA journal_mode = WAL");
    } catch (error) {
      if (errcode(error) !== sqliteBusy || Date.now() > deadline) throw databaseError(error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * Make this package's tables, all named `image_…`; other packages have theirs in the same file.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_STORE_VERSION`
 */
export function createTables(database: DatabaseSync): void {
  transaction(database, () => {
    database.exec(schema);
    const found = one(database, "SELECT version FROM image_schema")?.version;
    if (found === undefined) database.prepare("INSERT INTO image_schema VALUES (?)").run(schemaVersion);
    else if (found !== schemaVersion)
      throw new ImageStoreError(
        "ERR_IMAGE_STORE_VERSION",
        `the image store has format ${found}, this program reads format ${schemaVersion}: use the newer program`,
      );
  });
}

/**
 * Do `work`, which must be synchronous, as one write transaction: nobody else writes meanwhile, and
 * after a crash all of it has happened or none.
 */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  try {
    database.exec("BEGIN IMMEDIATE");
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK"); // SQLite itself takes some back, on a full disk for one
    throw databaseError(error);
  }
}

/**
 * {@link transaction} that is on disk when it returns, whoever opened the database: before the files go that its
 * records named. A power cut that took the records back would find them without their files.
 *
 * @see SQLite "PRAGMA synchronous": with NORMAL, a commit may be taken back
 */
export function durableTransaction<T>(database: DatabaseSync, work: () => T): T {
  const before = one(database, "PRAGMA synchronous")?.synchronous as number;
  database.exec("PRAGMA synchronous = FULL");
  try {
    return transaction(database, work);
  } finally {
    database.exec(`PRAGMA synchronous = ${before}`);
  }
}

export type Row = Record<string, SQLOutputValue>;

export function all(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): Row[] {
  return asked(() => database.prepare(sql).all(...values) as Row[]);
}

export function one(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): Row | undefined {
  return asked(() => database.prepare(sql).get(...values) as Row | undefined);
}

/** Rows changed. */
export function run(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): number {
  return asked(() => Number(database.prepare(sql).run(...values).changes));
}

function asked<T>(question: () => T): T {
  try {
    return question();
  } catch (error) {
    throw databaseError(error);
  }
}

const sqliteBusy = 5;
const sqliteFull = 13;
/** NOMEM, READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB: the file is at fault, not the question. */
const sqliteFaults: readonly (number | undefined)[] = [7, 8, 10, 11, 14, 26];

function errcode(error: unknown): number | undefined {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" ? code & 0xff : undefined; // the low byte is the primary code
}

function databaseError(error: unknown): unknown {
  switch (errcode(error)) {
    case sqliteBusy:
      return new ImageStoreError(
        "ERR_IMAGE_STORE_BUSY",
        `another process kept the image store's database locked for ${busyTimeout / 1000} seconds; see who has it open and try again`,
        { cause: error },
      );
    case sqliteFull:
      return new ImageStoreError(
        "ERR_IMAGE_STORE_NO_SPACE",
        "writing the image store's database: no space left on device; remove what is not needed (ctr system prune) or move the store to a larger disk",
        { cause: error },
      );
    default:
      if (!sqliteFaults.includes(errcode(error))) return error;
      return new ImageStoreError(
        "ERR_IMAGE_STORE_IO",
        `the image store's database: ${(error as Error).message}; look at its disk (dmesg, df) and try again`,
        { cause: error },
      );
  }
}
