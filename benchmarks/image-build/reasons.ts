import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What it takes to keep, for every step, the parts of its key. */
export interface Reasons {
  /** Of the parts as they lie in the database. */
  readonly bytes: number;
  /** To write all of them and to read them again. */
  readonly milliseconds: number;
}

/**
 * Do once more, on a copy, what a build does for its reasons alone: make text of the parts, write it, and read what
 * the build before has left. Without the reasons the key would be made all the same, so that is not in it.
 *
 * @param directory  State of `ctr` after a build
 */
export function measureReasons(directory: string): Reasons {
  const rows = readPlaces(join(directory, "ctr.db"));
  const parts = rows.map((text) => JSON.parse(text) as object);
  using copy = new DatabaseSync(join(directory, "reasons.db"));
  copy.exec("PRAGMA journal_mode = WAL; CREATE TABLE place (number INTEGER PRIMARY KEY, parts TEXT NOT NULL)");
  const start = performance.now();
  for (const [number, one] of parts.entries())
    copy.prepare("INSERT OR REPLACE INTO place VALUES (?, ?)").run(number, JSON.stringify(one));
  for (const row of copy.prepare("SELECT parts FROM place").all()) JSON.parse(row.parts as string);
  const milliseconds = performance.now() - start;
  return { bytes: rows.reduce((sum, text) => sum + Buffer.byteLength(text), 0), milliseconds };
}

function readPlaces(file: string): string[] {
  using database = new DatabaseSync(file, { readOnly: true });
  return database
    .prepare("SELECT parts FROM build_place")
    .all()
    .map((row) => row.parts as string);
}
