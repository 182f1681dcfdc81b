import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { isKernelError, listXattrs, openIn } from "@ctr/kernel";
import { decodeName, encodeName } from "@ctr/layers";
import { BuilderError } from "../builder-error.ts";
import { baseName, joinPath, parentPath } from "../container-path.ts";

//  A context or a stage is somebody else's tree: its links may lead anywhere. So it is entered once, by fd, and
//  every path is opened below that fd by a kernel that lets nothing out (RESOLVE_IN_ROOT). Links that a build
//  must follow are followed here, one at a time, so that .dockerignore is asked about each name on the way.

/** What a name in a tree is, links not followed. */
export interface Status {
  readonly kind: "file" | "directory" | "symlink" | "fifo" | "character" | "block" | "socket";
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly mtime: bigint;
  readonly major: number;
  readonly minor: number;
  /** The same for two names of one file; undefined for a file of one name. */
  readonly inode: string | undefined;
}

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it
const chunkBytes = 1 << 20;
// A small file is read sooner than a thread is asked to read it.
const smallBytes = 64 << 10;
const mostLinks = 40; // as the kernel follows on one path, path_resolution(7)

/** A tree that is read below one fd. Paths begin at its top, without a slash; "" is the top. */
export class Tree implements Disposable {
  readonly fd: number;

  /** @param fd  Of a directory; becomes the tree's own. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws {BuilderError} `ERR_BUILDER_CONTEXT` */
  static open(directory: string): Tree {
    try {
      return new Tree(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    } catch (cause) {
      const message = `unable to prepare context: path ${JSON.stringify(directory)}: ${(cause as Error).message}`;
      throw new BuilderError({ code: "ERR_BUILDER_CONTEXT", message, cause });
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  /** Undefined for a name that is not there. */
  status(path: string): Status | undefined {
    return this.#with(path, pathOnly | constants.O_NOFOLLOW, (fd) => statusOf(fstatSync(fd, { bigint: true })));
  }

  /** Names in a directory, in the order of their bytes; bytes that are no UTF-8 are lone surrogates. */
  names(path: string): string[] {
    const names = this.#with(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, (fd) =>
      readdirSync(`/proc/self/fd/${fd}`, { encoding: "buffer" }),
    );
    return (names ?? []).sort(Buffer.compare).map(decodeName);
  }

  /** Text of a symlink. */
  readLink(path: string): string {
    const text = this.#with(parentPath(path), pathOnly | constants.O_DIRECTORY, (fd) =>
      readlinkSync(Buffer.from(encodeName(`/proc/self/fd/${fd}/${baseName(path)}`)), { encoding: "buffer" }),
    );
    return text === undefined ? "" : decodeName(text);
  }

  /** Extended attributes of the name itself. */
  xattrs(path: string): Readonly<Record<string, Uint8Array>> {
    const found = this.#with(parentPath(path), pathOnly | constants.O_DIRECTORY, (fd) => {
      try {
        return listXattrs({ path: `/proc/self/fd/${fd}/${baseName(path) || "."}` });
      } catch (error) {
        if (isKernelError(error) && error.symbol === "EOPNOTSUPP") return {}; // the file system has none
        throw error;
      }
    });
    return found ?? {};
  }

  /**
   * Follow the links of a path, the last one too, inside the tree.
   *
   * @param visit  Called with each name that is a link; false ends the search.
   * @returns The path that nothing in is a link, and what is there; undefined when something is missing or links go round.
   */
  resolve(path: string, visit: (link: string) => boolean = () => true): { path: string; status: Status } | undefined {
    const rest = path.split("/").reverse();
    let found = "";
    let status = this.status("");
    for (let links = 0; rest.length > 0; ) {
      const part = rest.pop()!;
      if (part === "" || part === ".") continue;
      if (status?.kind !== "directory") return undefined;
      if (part === "..") {
        found = parentPath(found);
        continue;
      }
      const next = joinPath(found, part);
      const there = this.status(next);
      if (there === undefined) return undefined;
      if (there.kind !== "symlink") {
        found = next;
        status = there;
        continue;
      }
      if (++links > mostLinks || !visit(next)) return undefined;
      const text = this.readLink(next);
      if (text.startsWith("/")) found = "";
      rest.push(...text.split("/").reverse());
    }
    return status === undefined ? undefined : { path: found, status };
  }

  /** A file's content. @throws {BuilderError} `ERR_BUILDER_CHANGED` when it is no file any more */
  async *content(path: string): AsyncGenerator<Uint8Array, void> {
    const fd = this.#open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fd === undefined) throw changed(path);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw changed(path);
      // One byte more than there should be: a read that does not fill the buffer is the last one.
      const length = Math.min(stat.size + 1, chunkBytes);
      for (let count = length; count === length; ) {
        const buffer = new Uint8Array(length);
        count = length <= smallBytes ? readSync(fd, buffer) : await readSome(fd, buffer);
        if (count > 0) yield buffer.subarray(0, count);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** A small file as text, links followed inside the tree; undefined when there is none. */
  text(path: string, maxBytes: number): string | undefined {
    return this.bytes(path, maxBytes)?.toString("utf8");
  }

  /** A small file. As `text`. */
  bytes(path: string, maxBytes: number): Buffer | undefined {
    const found = this.resolve(path);
    if (found?.status.kind !== "file") return undefined;
    const bytes = this.#with(
      found.path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      (fd): Buffer => {
        if (!fstatSync(fd).isFile()) throw changed(path);
        const buffer = Buffer.alloc(Math.min(found.status.size, maxBytes) + 1);
        let length = 0;
        for (let count = -1; count !== 0 && length < buffer.length; length += count)
          count = readSync(fd, buffer, length, buffer.length - length, null);
        return buffer.subarray(0, length);
      },
    );
    if (bytes === undefined || bytes.length <= maxBytes) return bytes;
    throw new BuilderError({ code: "ERR_BUILDER_CONTEXT", message: `${path} has more than ${maxBytes} bytes` });
  }

  #with<T>(path: string, flags: number, use: (fd: number) => T): T | undefined {
    const fd = this.#open(path, flags);
    if (fd === undefined) return undefined;
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }

  #open(path: string, flags: number): number | undefined {
    try {
      return openIn({ root: this.fd, path: `/${path}`, flags });
    } catch (error) {
      if (isKernelError(error) && ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(error.symbol)) return undefined;
      throw error;
    }
  }
}

function readSome(fd: number, buffer: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

export function changed(path: string): BuilderError {
  const message = `${path} changed while the build was reading it; build again`;
  return new BuilderError({ code: "ERR_BUILDER_CHANGED", message });
}

function statusOf(stat: BigIntStats): Status {
  // The kernel's encoding of a device number for user space: linux/kdev_t.h, new_encode_dev.
  const major = Number((stat.rdev >> 8n) & 0xfffn);
  const minor = Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n));
  return {
    kind: kindOf(stat),
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    mtime: stat.mtimeNs,
    major,
    minor,
    inode: stat.nlink > 1n && !stat.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined,
  };
}

function kindOf(stat: BigIntStats): Status["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isSocket()) return "socket";
  return stat.isBlockDevice() ? "block" : "character";
}
