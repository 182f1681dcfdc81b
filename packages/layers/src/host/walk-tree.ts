import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readdirSync, readlinkSync } from "node:fs";
import { decodeName, encodeName } from "@ctr/plan";
import { compareNames } from "../compare-names.ts";
import { LayerError } from "../layers-error.ts";

//  A running container may exchange any name for a symlink while its tree is read. So no path is ever
//  followed twice: each name is opened in the fd of its directory, without following it, and what comes
//  out is asked what it is.
//
//     directory fd 7 ──▶ /proc/self/fd/7/name  O_PATH | O_NOFOLLOW  ──▶ fd 8 ──▶ fstat ──▶ /proc/self/fd/8
//
//  Opening a device can do things (a watchdog starts), O_PATH cannot. @see open(2), proc_pid_fd(5)

/** One name of a tree, while it is visited. */
export interface Visit {
  /** From the top, without a slash at the start; "" is the top itself. */
  readonly name: string;
  /** 0 is the top. */
  readonly depth: number;
  readonly stat: BigIntStats;
  /** O_PATH; closed when the next visit begins. */
  readonly fd: number;
  /** A path to the name itself for calls that take only paths. The last part must not be followed. */
  readonly path: string;
}

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it

/**
 * Every name of `directory`, each directory before what is in it, names in the order of their bytes. Names that
 * are gone before their turn are left out: a running container may remove them.
 * @param only  Of what the directory holds, visit no other name.
 * @throws {LayerError} `ERR_LAYERS_SOURCE` when the tree cannot be read.
 */
export function* walkTree(directory: string, only?: string): Generator<Visit, void> {
  const open: { fd: number; prefix: string; depth: number; names: Uint8Array[] }[] = [];
  let fd = -1;
  try {
    fd = attempt("", () => openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    const top: Visit = { name: "", depth: 0, stat: fstatSync(fd, { bigint: true }), fd, path: `/proc/self/fd/${fd}/.` };
    yield top;
    open.push(enter(top, only));
    for (let here = open.at(-1); here !== undefined; here = open.at(-1)) {
      const bytes = here.names.pop();
      if (bytes === undefined) {
        closeSync(here.fd);
        open.pop();
        continue;
      }
      if (fd >= 0) closeSync(fd);
      fd = -1;
      const last = decodeName(bytes);
      const name = here.prefix + last;
      const path = `/proc/self/fd/${here.fd}/${last}`;
      const found = attempt(name, () => openName(path));
      if (found === undefined) continue;
      fd = found;
      const visit: Visit = { name, depth: here.depth, stat: fstatSync(fd, { bigint: true }), fd, path };
      yield visit;
      if (visit.stat.isDirectory()) open.push(enter(visit));
    }
  } finally {
    if (fd >= 0) closeSync(fd);
    for (const here of open) closeSync(here.fd);
  }
}

/** The text of the symlink that is visited; undefined when the name is gone, or another file's by now. */
export function readLink(visit: Visit): string | undefined {
  const text = attempt(visit.name, () => {
    try {
      return readlinkSync(Buffer.from(encodeName(visit.path)), { encoding: "buffer" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "EINVAL") return undefined;
      throw error;
    }
  });
  return text === undefined ? undefined : decodeName(text as unknown as Uint8Array);
}

/** The content of the file that is visited: at most the `stat.size` bytes it had. To be read before the next visit. */
export async function* readContent(visit: Visit): AsyncGenerator<Uint8Array, void> {
  const fd = attempt(visit.name, () => openSync(`/proc/self/fd/${visit.fd}`, constants.O_RDONLY));
  try {
    for (let left = Number(visit.stat.size); left > 0; ) {
      const buffer = new Uint8Array(Math.min(left, chunkSize));
      const bytesRead = await readSome(fd, buffer);
      if (bytesRead === 0) return; // shorter than it was: whoever counts the bytes will say so
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    closeSync(fd);
  }
}

function readSome(fd: number, buffer: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

const chunkSize = 256 << 10;

function openName(path: string): number | undefined {
  try {
    return openSync(Buffer.from(encodeName(path)), pathOnly | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // removed since its directory was read
    throw error;
  }
}

function enter(visit: Visit, only?: string): { fd: number; prefix: string; depth: number; names: Uint8Array[] } {
  const fd = attempt(visit.name, () =>
    openSync(`/proc/self/fd/${visit.fd}`, constants.O_RDONLY | constants.O_DIRECTORY),
  );
  const names: Uint8Array[] =
    only === undefined
      ? attempt(visit.name, () => readdirSync(`/proc/self/fd/${fd}`, { encoding: "buffer" }))
      : [encodeName(only)];
  names.sort((a, b) => compareNames(b, a)); // popped from the end
  return { fd, prefix: visit.name === "" ? "" : `${visit.name}/`, depth: visit.depth + 1, names };
}

/** What `action` gives; its failure is the tree's. */
function attempt<Result>(name: string, action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    throw new LayerError({
      code: "ERR_LAYERS_SOURCE",
      entry: name || ".",
      message: `it cannot be read: ${(cause as Error).message}`,
      cause,
    });
  }
}
