import { closeSync, openSync, readSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { refresh } from "./refresh.ts";

const startPollMilliseconds = 5;

export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** Output as it came; ends in a line feed unless the line goes on in the next entry. */
  readonly log: string;
  /** RFC 3339, in nanoseconds. */
  readonly time: string;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** The last so many lines. */
  readonly tail?: number | undefined;
  /** RFC 3339 in UTC, `2025-01-31T12:00:00.123456789Z`, with up to nine digits of a second. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly signal?: AbortSignal;
}

/** What a container has written. With `follow` also what it writes from now on, until it ends. */
export async function* readLogs(
  context: Context,
  record: ContainerRecord,
  o: LogOptions = {},
): AsyncGenerator<LogEntry> {
  const directory = containerDirectory(context.root, record.id);
  const reader = new LogReader(directory);
  try {
    const past = [...reader.older(), ...reader.more()].filter((entry) => inside(entry, o));
    yield* o.tail === undefined ? past : lastLines(past, o.tail);
    if (o.follow) yield* followLog(context, record, reader, o);
  } finally {
    reader.close();
  }
}

function inside(entry: LogEntry, o: LogOptions): boolean {
  return (
    (o.since === undefined || entry.time >= toNanos(o.since)) &&
    (o.until === undefined || entry.time <= toNanos(o.until))
  );
}

/** With nine digits of a second, as the monitor writes them: only times of equal length can be compared as texts. */
function toNanos(time: string): string {
  return time.replace(/(?:\.(\d+))?Z$/, (_, digits: string = "") => `.${digits.padEnd(9, "0")}Z`);
}

/** Counts lines, not entries: a long line is several. */
function lastLines(entries: readonly LogEntry[], lines: number): LogEntry[] {
  let at = entries.length;
  let left = lines;
  while (at > 0) {
    const before = entries[at - 1]!;
    const endsLine = before.log.endsWith("\n") || at === entries.length;
    if (endsLine && left-- === 0) break;
    at--;
  }
  return entries.slice(at);
}

async function* followLog(
  context: Context,
  record: ContainerRecord,
  reader: LogReader,
  o: LogOptions,
): AsyncGenerator<LogEntry> {
  const changes = new Changes(containerDirectory(context.root, record.id), o.signal);
  try {
    for (;;) {
      const { state } = await refresh(context, record);
      const over = state !== "running" && state !== "starting";
      yield* reader.more().filter((entry) => inside(entry, o));
      if (over || o.signal?.aborted) return;
      // That a start has failed shows in no file; it is a matter of milliseconds.
      if (state === "starting") await setTimeout(startPollMilliseconds);
      else await changes.next();
    }
  } finally {
    changes.close();
  }
}

/** Wakes up when something in a directory changes. */
class Changes {
  #pending = false;
  #wake: (() => void) | undefined;
  readonly #watcher: ReturnType<typeof watch>;

  constructor(directory: string, signal: AbortSignal | undefined) {
    const wake = (): void => {
      this.#pending = true;
      this.#wake?.();
    };
    this.#watcher = watch(directory, wake);
    signal?.addEventListener("abort", wake);
  }

  async next(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#pending = false;
    this.#wake = undefined;
  }

  close(): void {
    this.#watcher.close();
  }
}

/** Reads log.json on from where it stopped, also over its turning into log.json.1. */
class LogReader {
  readonly #directory: string;
  #fd: number | undefined;
  #inode = 0;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What lies in the file before. */
  older(): LogEntry[] {
    const fd = open(join(this.#directory, "log.json.1"));
    if (fd === undefined) return [];
    try {
      return parseLines(readAll(fd, 0)).entries;
    } finally {
      closeSync(fd);
    }
  }

  more(): LogEntry[] {
    const entries = this.#read();
    const now = statSync(join(this.#directory, "log.json"), { throwIfNoEntry: false });
    if (now === undefined || now.ino === this.#inode) return entries;
    this.close();
    return [...entries, ...this.#read()];
  }

  #read(): LogEntry[] {
    this.#fd ??= this.#open();
    if (this.#fd === undefined) return [];
    const bytes = readAll(this.#fd, this.#offset);
    this.#offset += bytes.length;
    const { entries, rest } = parseLines(Buffer.concat([this.#rest, bytes]));
    this.#rest = rest;
    return entries;
  }

  #open(): number | undefined {
    const path = join(this.#directory, "log.json");
    const fd = open(path);
    if (fd !== undefined) this.#inode = statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
    return fd;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#offset = 0;
    this.#rest = Buffer.alloc(0);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function readAll(fd: number, from: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const part = Buffer.alloc(1 << 16);
    const size = readSync(fd, part, 0, part.length, at);
    if (size === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, size));
    at += size;
  }
}

function parseLines(bytes: Buffer): { entries: LogEntry[]; rest: Buffer } {
  const end = bytes.lastIndexOf(0x0a) + 1;
  const entries: LogEntry[] = [];
  for (const line of bytes.toString("utf8", 0, end).split("\n")) {
    if (line === "") continue;
    try {
      entries.push(JSON.parse(line) as LogEntry);
    } catch {
      // A line that was cut by a full disk says nothing; the next one is whole again.
    }
  }
  return { entries, rest: bytes.subarray(end) };
}
