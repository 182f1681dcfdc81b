import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { encodeName } from "@ctr/layers";
import { ImageReuseError } from "../image-reuse-error.ts";

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it

/** A path as the kernel takes it: names are bytes, see `@ctr/layers` encodeName. */
export const pathBytes = (path: string): string | Buffer =>
  path.isWellFormed() ? path : Buffer.from(encodeName(path));

/**
 * Open a regular file of a tree to read it. Every part of the path is opened in the directory before it,
 * and none is followed: a tree may change while it is read, and must not lead to files outside.
 *
 * @returns an fd that the caller owns
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`
 */
export function openBeneath(root: number, path: string): number {
  const parts = path.split("/");
  const last = parts.pop()!;
  const passed: number[] = [];
  try {
    const step = (name: string, flags: number): number =>
      openSync(pathBytes(`/proc/self/fd/${passed.at(-1) ?? root}/${name}`), flags | constants.O_NOFOLLOW);
    for (const part of parts) passed.push(step(part, pathOnly | constants.O_DIRECTORY));
    const fd = step(last, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not make anybody wait
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw new Error("it is no regular file any more");
  } catch (cause) {
    throw treeError(path, cause);
  } finally {
    for (const fd of passed) closeSync(fd);
  }
}

export const chunkSize: number = 256 << 10;

/**
 * The content of an fd, in chunks of {@link chunkSize}. A chunk is overwritten by the next one.
 * Small files are read at once; between the chunks of large ones others get their turn.
 */
export async function* chunksOf(fd: number, buffer: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const length = fill(fd, buffer);
    if (length > 0) yield buffer.subarray(0, length);
    if (length < buffer.length) return;
    await setImmediate();
  }
}

/** Read until `buffer` is full or the file ends. */
export function fill(fd: number, buffer: Uint8Array): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length;
}

export function treeError(path: string, cause: unknown): ImageReuseError {
  if (cause instanceof ImageReuseError) return cause;
  return new ImageReuseError(
    "ERR_IMAGE_REUSE_TREE",
    `${JSON.stringify(path)} cannot be read: ${(cause as Error).message}; unpack its layer again if it was damaged`,
    { cause },
  );
}
