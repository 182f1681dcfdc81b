import { closeSync, constants, fstatSync, readSync } from "node:fs";
import { isKernelError, openIn } from "@ctr/kernel";

/**
 * Read a text file of a tree that somebody else filled, resolved inside of it; undefined when it is missing
 * or no regular file (a FIFO or a device would never end, CVE-2026-47262).
 *
 * @param o.root  fd of the tree's top directory
 * @param o.limit  bytes; a longer file is refused
 * @throws {RangeError} when the file is longer
 */
export function readTextIn(o: {
  readonly root: number;
  readonly path: string;
  readonly limit: number;
}): string | undefined {
  let fd: number;
  try {
    fd = openIn({ root: o.root, path: o.path, flags: constants.O_RDONLY | constants.O_NONBLOCK });
  } catch (error) {
    if (isKernelError(error) && ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EACCES"].includes(error.symbol))
      return undefined;
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return undefined;
    if (status.size > o.limit) throw new RangeError(`${o.path} has ${status.size} bytes; at most ${o.limit} are read`);
    const bytes = Buffer.alloc(status.size);
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
