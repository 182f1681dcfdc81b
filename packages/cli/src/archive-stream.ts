import { randomBytes } from "node:crypto";
import { createReadStream, fstatSync } from "node:fs";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Failure } from "./failure.ts";

/** Large enough that system calls do not count, small enough that a few of them are no memory. */
const chunkBytes = 1 << 20;

/** The bytes of a file, or of standard input for `-`. Nothing is opened before the first is asked for. */
export async function* openInput(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* inputStream(file) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Failure(`reading ${file === "-" ? "standard input" : file}: ${(error as Error).message}`, 1);
  }
}

function inputStream(file: string): NodeJS.ReadableStream {
  if (file !== "-") return createReadStream(file, { highWaterMark: chunkBytes });
  // Only Node's own stream waits for a pipe that was made non-blocking by whoever holds its other end.
  if (!fstatSync(0).isFile()) return process.stdin;
  return createReadStream("", { fd: 0, autoClose: false, highWaterMark: chunkBytes });
}

/**
 * Write to a file, or to standard output. A file has its name only when it is whole, and only its owner may read
 * it: an image may hold secrets.
 */
export async function writeOutput(chunks: AsyncIterable<Uint8Array>, file: string | undefined): Promise<void> {
  if (file === undefined) return pipeline(chunks, process.stdout, { end: false });
  const target = await realpath(file).catch(() => file);
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory()) throw new Failure(`invalid output path: ${JSON.stringify(file)} is a directory`, 1);
  // A FIFO or /dev/null is written, not replaced.
  if (found !== undefined && !found.isFile()) return writeTo(target, "w", chunks);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}`);
  try {
    await writeTo(temporary, "wx", chunks);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    if ((error as NodeJS.ErrnoException).path !== temporary) throw error;
    throw new Failure(`invalid output path: ${JSON.stringify(file)}: ${(error as NodeJS.ErrnoException).code}`, 1);
  }
}

async function writeTo(path: string, flags: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await using output = await open(path, flags, 0o600);
  let written = Promise.resolve();
  for await (const chunk of chunks) {
    await written;
    written = output.appendFile(chunk); // goes on while the next chunk is read
    written.catch(() => {}); // reported by whoever waits for it, if the source does not fail first
  }
  await written;
}
