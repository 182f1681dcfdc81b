import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { isAlive } from "./workspace.ts";

//  build_cache_mount ──▶ <root>/build-cache/<name>/data     what an id stands for, now and then several of them
//         ▲
//  build_cache_user      one row for each RUN that has it mounted; `owner` is the holder of a build's workspace,
//                        so that everybody can see whether that build still lives
const schema = `
  CREATE TABLE IF NOT EXISTS build_cache_mount (
    name TEXT PRIMARY KEY, key TEXT NOT NULL, id TEXT NOT NULL, base TEXT NOT NULL, ready INTEGER NOT NULL,
    created_at INTEGER NOT NULL, used_at INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS build_cache_mount_key ON build_cache_mount (key);
  CREATE TABLE IF NOT EXISTS build_cache_user (
    use TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, sharing TEXT NOT NULL) STRICT;
`;

type Row = Record<string, SQLOutputValue>;

export type Sharing = "shared" | "private" | "locked";

/** What a mount says that decides which directory it gets. */
export interface CacheIdentity {
  readonly id: string;
  /** What it began with, in words: `mode=0700,uid=1000`; empty for an empty directory. */
  readonly base: string;
}

/** A directory that a RUN may have for itself or with others. */
export interface CacheUse {
  readonly use: string;
  readonly name: string;
  /** False: nobody has filled it yet. It is the caller's alone until `ready` says that it is. */
  readonly isReady: boolean;
}

export interface CacheRow extends CacheIdentity {
  readonly name: string;
  readonly createdAt: number;
  readonly usedAt: number;
  readonly uses: number;
  readonly isReady: boolean;
  /** How many commands have it mounted. */
  readonly users: number;
}

/** The directories of cache mounts, and who uses them. */
export class CacheMountTable implements Disposable {
  readonly root: string;
  readonly #database: DatabaseSync;
  readonly #owned: boolean;

  constructor(root: string, database: DatabaseSync | undefined) {
    this.root = join(root, "build-cache");
    this.#owned = database === undefined;
    this.#database = database ?? new DatabaseSync(join(root, "ctr.db"));
    if (this.#owned) this.#database.exec("PRAGMA busy_timeout = 30000");
    this.#database.exec(schema);
  }

  [Symbol.dispose](): void {
    if (this.#owned) this.#database.close();
  }

  /** Names are random: nothing of an id is ever part of a path (CVE-2024-9675). */
  directory(name: string): string {
    return join(this.root, name);
  }

  data(name: string): string {
    return join(this.directory(name), "data");
  }

  /**
   * Take a directory for one command, or undefined when there is none to be had now. Who shares takes the one that
   * others share; who wants one alone gets a free one or, unless it is to be locked, a new one.
   */
  take(identity: CacheIdentity, sharing: Sharing, owner: string): CacheUse | undefined {
    const key = keyOf(identity);
    return this.#transaction(() => {
      const rows = this.#all("SELECT * FROM build_cache_mount WHERE key = ? ORDER BY created_at, rowid", key);
      const users = rows.map((row) => this.#all("SELECT sharing FROM build_cache_user WHERE name = ?", row.name!));
      if (rows.some((row, index) => row.ready === 0 && users[index]!.length > 0)) return undefined; // it is being filled
      const fits = (others: readonly Row[]): boolean =>
        others.length === 0 || (sharing === "shared" && others.every((other) => other.sharing === "shared"));
      const found = rows[users.findIndex(fits)];
      if (found === undefined && sharing === "locked" && rows.length > 0) return undefined;
      const name = (found?.name as string | undefined) ?? this.#make(identity, key);
      const use = randomBytes(16).toString("hex");
      this.#run("INSERT INTO build_cache_user VALUES (?, ?, ?, ?)", use, name, owner, sharing);
      this.#run("UPDATE build_cache_mount SET used_at = ?, uses = uses + 1 WHERE name = ?", Date.now(), name);
      return { use, name, isReady: found?.ready === 1 };
    });
  }

  // The directory is made while nobody else can write: one that no row names was left behind (`strays`).
  #make({ id, base }: CacheIdentity, key: string): string {
    const name = randomBytes(16).toString("hex");
    mkdirSync(this.directory(name), { recursive: true, mode: 0o700 });
    const now = Date.now();
    this.#run("INSERT INTO build_cache_mount VALUES (?, ?, ?, ?, 0, ?, ?, 0)", name, key, id, base, now, now);
    return name;
  }

  ready(name: string): void {
    this.#run("UPDATE build_cache_mount SET ready = 1 WHERE name = ?", name);
  }

  giveBack(use: string): void {
    this.#transaction(() => {
      this.#run(
        "UPDATE build_cache_mount SET used_at = ? WHERE name = (SELECT name FROM build_cache_user WHERE use = ?)",
        Date.now(),
        use,
      );
      this.#run("DELETE FROM build_cache_user WHERE use = ?", use);
    });
  }

  /** Builds that have a directory and do not live any more. */
  deadOwners(): string[] {
    const rows = this.#all("SELECT DISTINCT owner FROM build_cache_user");
    return rows.map(({ owner }) => owner as string).filter((owner) => !isAlive(owner));
  }

  forgetOwner(owner: string): void {
    this.#run("DELETE FROM build_cache_user WHERE owner = ?", owner);
  }

  list(): CacheRow[] {
    const rows = this.#all(
      `SELECT *, (SELECT count(*) FROM build_cache_user AS user WHERE user.name = mount.name) AS users
       FROM build_cache_mount AS mount ORDER BY created_at, rowid`,
    );
    return rows.map((row) => ({
      name: row.name as string,
      id: row.id as string,
      base: row.base as string,
      createdAt: row.created_at as number,
      usedAt: row.used_at as number,
      uses: row.uses as number,
      isReady: row.ready === 1,
      users: row.users as number,
    }));
  }

  /** Forget a directory, unless somebody uses it. Its files are the caller's to remove then. */
  forget(name: string): boolean {
    const sql = "DELETE FROM build_cache_mount WHERE name = ? AND name NOT IN (SELECT name FROM build_cache_user)";
    return this.#database.prepare(sql).run(name).changes === 1;
  }

  /** Those of `names` that no row names. Asked while nobody can make one. */
  strays(names: () => readonly string[]): string[] {
    return this.#transaction(() => {
      const known = new Set(this.#all("SELECT name FROM build_cache_mount").map(({ name }) => name as string));
      return names().filter((name) => !known.has(name));
    });
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#database.prepare(sql).all(...values) as Row[];
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values);
  }
}

const keyOf = ({ id, base }: CacheIdentity): string =>
  createHash("sha256")
    .update(JSON.stringify([id, base]))
    .digest("hex");
