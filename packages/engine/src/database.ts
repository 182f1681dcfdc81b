import { closeSync, existsSync, mkdirSync, openSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ContainerRecord } from "./container-record.ts";
import { EngineError } from "./engine-error.ts";
import { keepReserve } from "./reserve.ts";

/**
 * Open the state database of `root`, making both when missing. Any number of processes share it.
 *
 * @throws {EngineError} `ERR_ENGINE_STATE`
 */
export function openDatabase(root: string): DatabaseSync {
  try {
    mkdirSync(root, { recursive: true, mode: 0o710 });
    mkdirSync(join(root, "containers"), { recursive: true, mode: 0o700 });
    keepReserve(root);
    const path = join(root, "ctr.db");
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o600)); // whatever the caller's umask; its side files get the same
    return prepareDatabase(new DatabaseSync(path));
  } catch (cause) {
    throw new EngineError(
      "ERR_ENGINE_STATE",
      `the state directory ${root} cannot be opened: ${whyNot(root, cause as Error)}`,
      { cause },
    );
  }
}

/** SQLite calls a full disk an I/O error when it cannot make the files beside the database. */
function whyNot(root: string, error: Error): string {
  try {
    const { bavail, ffree, files } = statfsSync(root);
    if (bavail === 0 || (files > 0 && ffree === 0)) return `no space left on device (${error.message})`;
  } catch {
    // It is not there: the error itself says so.
  }
  const isFull = "errcode" in error && error.errcode === sqliteFull;
  if (isFull) return `no space left on device (${error.message})`;
  return "errcode" in error ? `${error.message}; look at its disk (dmesg, df) and try again` : error.message;
}

const sqliteFull = 13;

function prepareDatabase(database: DatabaseSync): DatabaseSync {
  database.exec(
    "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON",
  );
  database.exec(
    "CREATE TABLE IF NOT EXISTS engine_container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, record TEXT NOT NULL)",
  );
  return database;
}

/** The containers of a state directory. Every change is one transaction. */
export class ContainerTable {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** False when the name is taken. */
  insert(record: ContainerRecord): boolean {
    const added = this.#database
      .prepare("INSERT INTO engine_container VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .run(record.id, record.name, record.state, JSON.stringify(record));
    return added.changes === 1;
  }

  /**
   * Change a container that is in one of the states `from`, if `when` agrees.
   *
   * @returns the record as it is now; undefined when it is gone or in another state: somebody else was first
   */
  update(
    id: string,
    from: readonly ContainerRecord["state"][],
    change: Partial<ContainerRecord>,
    when: (record: ContainerRecord) => boolean = () => true,
  ): ContainerRecord | undefined {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const record = this.get(id);
      const isMeant = record !== undefined && from.includes(record.state) && when(record);
      const next = isMeant ? { ...record, ...change } : undefined;
      if (next !== undefined)
        this.#database
          .prepare("UPDATE engine_container SET state = ?, record = ? WHERE id = ?")
          .run(next.state, JSON.stringify(next), id);
      this.#database.exec("COMMIT");
      return next;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK"); // a full disk has taken it back already
      throw error;
    }
  }

  delete(id: string): void {
    this.#database.prepare("DELETE FROM engine_container WHERE id = ?").run(id);
  }

  get(id: string): ContainerRecord | undefined {
    return recordOf(this.#database.prepare("SELECT record FROM engine_container WHERE id = ?").get(id));
  }

  byName(name: string): ContainerRecord | undefined {
    return recordOf(this.#database.prepare("SELECT record FROM engine_container WHERE name = ?").get(name));
  }

  /** Containers whose id begins with `prefix`, at most two. */
  byPrefix(prefix: string): ContainerRecord[] {
    const rows = this.#database
      .prepare("SELECT record FROM engine_container WHERE substr(id, 1, ?) = ? LIMIT 2")
      .all(prefix.length, prefix);
    return rows.map((row) => recordOf(row)!);
  }

  /** All of them, newest first. */
  all(states?: readonly ContainerRecord["state"][]): ContainerRecord[] {
    const rows = this.#database.prepare("SELECT record FROM engine_container").all();
    const records = rows
      .map((row) => recordOf(row)!)
      .filter((record) => states === undefined || states.includes(record.state));
    return records.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }
}

function recordOf(row: Record<string, unknown> | undefined): ContainerRecord | undefined {
  return row === undefined ? undefined : (JSON.parse(row.record as string) as ContainerRecord);
}
