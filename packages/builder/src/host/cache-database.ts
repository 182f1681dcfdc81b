import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { type Digest, isDigest } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import type { StepResult } from "../cache-record.ts";
import type { StepParts, StepRecord } from "../step-parts.ts";

export type { StepResult } from "../cache-record.ts";

const schemaVersion = 1;

//  build_place   where a step stood in the last build of a file, with the parts of its key   "why did it run?"
//  build_result  key ──▶ what the step made                                                  "has it been done?"
//  build_blob    layer ──▶ its compressed archive
//  build_layer   layer ──▶ the instruction that made it, and when                            "what takes the room?"
const schema = `
  CREATE TABLE IF NOT EXISTS build_schema (version INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS build_place (
    project TEXT NOT NULL, stage TEXT NOT NULL, ordinal INTEGER NOT NULL, parts TEXT NOT NULL,
    used_at INTEGER NOT NULL, PRIMARY KEY (project, stage, ordinal)) STRICT;
  CREATE TABLE IF NOT EXISTS build_result (
    key TEXT PRIMARY KEY, result TEXT NOT NULL, chain_id TEXT, used_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS build_blob (
    diff_id TEXT PRIMARY KEY, digest TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS build_layer (
    chain_id TEXT PRIMARY KEY, description TEXT NOT NULL, made_at INTEGER NOT NULL) STRICT;
`;

/** A layer that the cache keeps. Times in milliseconds since the epoch. */
export interface CachedLayer {
  readonly chainId: Digest;
  /** The instruction that made it. */
  readonly description: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

const mostDescription = 500;

type Row = Record<string, SQLOutputValue>;

/** The build cache: tables named `build_…` in the state database. */
export class BuildCache implements Disposable {
  readonly #database: DatabaseSync;
  readonly #owned: boolean;

  /** @throws {BuilderError} `ERR_BUILDER_CACHE` */
  constructor(database: DatabaseSync | string) {
    this.#owned = typeof database === "string";
    this.#database = typeof database === "string" ? new DatabaseSync(database) : database;
    if (this.#owned) this.#database.exec("PRAGMA busy_timeout = 30000");
    this.#transaction(() => {
      this.#database.exec(schema);
      const [found] = this.#all("SELECT version FROM build_schema");
      if (found === undefined) this.#run("INSERT INTO build_schema VALUES (?)", schemaVersion);
      else if (found.version !== schemaVersion) {
        const message = `the build cache has format ${found.version}, this program reads format ${schemaVersion}: use the newer program`;
        throw new BuilderError({ code: "ERR_BUILDER_CACHE", message });
      }
    });
  }

  [Symbol.dispose](): void {
    if (this.#owned && this.#database.isOpen) this.#database.close();
  }

  /** The steps of a stage as the last build left them. */
  records(project: string, stage: string): StepRecord[] {
    const rows = this.#all(
      "SELECT ordinal, parts FROM build_place WHERE project = ? AND stage = ? ORDER BY ordinal",
      project,
      stage,
    );
    return rows.map((row) => ({
      ordinal: row.ordinal as number,
      parts: JSON.parse(row.parts as string) as StepParts,
    }));
  }

  findResult(key: string): StepResult | undefined {
    const [row] = this.#all("SELECT result FROM build_result WHERE key = ?", key);
    return row === undefined ? undefined : (JSON.parse(row.result as string) as StepResult);
  }

  /**
   * Note what a step made, or that it was used again. The layer must be in the store.
   * @returns The chain id of what the step made before, when no result names it any more.
   */
  record(o: {
    readonly project: string;
    readonly stage: string;
    readonly ordinal: number;
    readonly key: string;
    readonly parts: StepParts;
    readonly result: StepResult;
  }): Digest | undefined {
    const { project, stage, ordinal, key } = o;
    const parts = JSON.stringify(o.parts);
    const result = JSON.stringify(o.result);
    const chainId = o.result.layer?.chainId ?? null;
    const now = Date.now();
    return this.#transaction(() => {
      const replaced = this.findResult(key)?.layer?.chainId;
      this.#run("INSERT OR REPLACE INTO build_place VALUES (?, ?, ?, ?, ?)", project, stage, ordinal, parts, now);
      this.#run("INSERT OR REPLACE INTO build_result VALUES (?, ?, ?, ?)", key, result, chainId, now);
      const description = o.parts.source.slice(0, mostDescription);
      if (chainId !== null) this.#run("INSERT OR IGNORE INTO build_layer VALUES (?, ?, ?)", chainId, description, now);
      if (replaced === undefined || this.#isNamed(replaced)) return undefined;
      this.#run("DELETE FROM build_layer WHERE chain_id = ?", replaced);
      return replaced;
    });
  }

  /** The layers that results name. */
  layers(): CachedLayer[] {
    const rows = this.#all(`
      SELECT result.chain_id, MAX(result.used_at) AS used_at, layer.description, layer.made_at
      FROM build_result AS result LEFT JOIN build_layer AS layer ON layer.chain_id = result.chain_id
      WHERE result.chain_id IS NOT NULL GROUP BY result.chain_id`);
    return rows.map((row) => ({
      chainId: row.chain_id as Digest,
      description: (row.description as string | null) ?? "",
      createdAt: (row.made_at as number | null) ?? (row.used_at as number),
      lastUsedAt: row.used_at as number,
    }));
  }

  /** Forget the results that name a layer. Where their steps stood stays known, so that a miss can be explained. */
  forgetLayers(chainIds: readonly Digest[]): void {
    this.#transaction(() => {
      for (const chainId of chainIds) {
        this.#run("DELETE FROM build_result WHERE chain_id = ?", chainId);
        this.#run("DELETE FROM build_layer WHERE chain_id = ?", chainId);
      }
    });
  }

  /** Forget the places of a stage where no step stands that can change files: the file is another one now. */
  keepPlaces(project: string, stage: string, ordinals: readonly number[]): void {
    const others = "ordinal NOT IN (SELECT value FROM json_each(?))";
    const condition = `project = ? AND stage = ? AND ${others}`;
    this.#run(`DELETE FROM build_place WHERE ${condition}`, project, stage, JSON.stringify(ordinals));
  }

  findBlob(diffId: Digest): { readonly digest: Digest; readonly size: number } | undefined {
    const [row] = this.#all("SELECT digest, size FROM build_blob WHERE diff_id = ?", diffId);
    return row !== undefined && isDigest(row.digest as string)
      ? { digest: row.digest as Digest, size: row.size as number }
      : undefined;
  }

  recordBlob(diffId: Digest, blob: { readonly digest: Digest; readonly size: number }): void {
    this.#run("INSERT OR REPLACE INTO build_blob VALUES (?, ?, ?)", diffId, blob.digest, blob.size);
  }

  /**
   * Forget what was used last before `before`, milliseconds since the epoch.
   * @returns Chain ids that no result names any more.
   */
  forget(before: number): Digest[] {
    return this.#transaction(() => {
      this.#run("DELETE FROM build_place WHERE used_at < ?", before);
      const gone = this.#all("DELETE FROM build_result WHERE used_at < ? RETURNING chain_id", before).flatMap((row) =>
        row.chain_id === null ? [] : [row.chain_id as Digest],
      );
      const unnamed = [...new Set(gone)].filter((chainId) => !this.#isNamed(chainId));
      for (const chainId of unnamed) this.#run("DELETE FROM build_layer WHERE chain_id = ?", chainId);
      return unnamed;
    });
  }

  #isNamed(chainId: Digest): boolean {
    return this.#all("SELECT 1 FROM build_result WHERE chain_id = ? LIMIT 1", chainId).length > 0;
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
