import { closeSync, constants, lstatSync, openSync, readlinkSync, type Stats } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { isKernelError, openIn } from "@ctr/kernel";
import { decodeName, encodeName } from "@ctr/layers";
import { EngineError } from "./engine-error.ts";

/** A path as its user wrote it. */
export interface WrittenPath {
  /** Absolute, without "." and "..", without a slash at the end. */
  readonly path: string;
  /** It ends in `/.`: what the directory holds is meant. */
  readonly contents: boolean;
  /** It ends in `/` or `/.`: only a directory can be meant. */
  readonly directory: boolean;
}

/** @param base  what a path without a slash in front begins at */
export function readPath(text: string, base: string): WrittenPath {
  const contents = text === "." || text.endsWith("/.");
  return { path: resolve(base, text), contents, directory: contents || text === "" || text.endsWith("/") };
}

/** Opens a directory of a tree, links followed. */
export type OpenDirectory = (path: string) => number;

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it

/** In the caller's own tree: links lead where they lead for the caller. */
export const onHost: OpenDirectory = (path) => openSync(bytesOf(path), pathOnly | constants.O_DIRECTORY);

/** In a tree that somebody else fills and may be changing: links lead nowhere but into it. */
export function inTree(root: number): OpenDirectory {
  return (path) => openIn({ root, path, flags: pathOnly | constants.O_DIRECTORY });
}

/**
 * A name in a directory that is held open. Whatever becomes of the path that led here, the name stays in this
 * directory; and the name itself is never followed.
 */
export class Place implements Disposable {
  /** Of the directory. */
  readonly fd: number;
  /** "" for the directory itself, which is a root. */
  readonly name: string;

  constructor(fd: number, name: string) {
    this.fd = fd;
    this.name = name;
  }

  /** What has the name; undefined for nothing. */
  status(): Stats | undefined {
    return lstatSync(bytesOf(`/proc/self/fd/${this.fd}/${this.name || "."}`), { throwIfNoEntry: false });
  }

  /** Open the directory that has the name. The caller owns the fd. */
  openDirectory(): number {
    const path = `/proc/self/fd/${this.fd}/${this.name || "."}`;
    return openSync(bytesOf(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  }

  readLink(): string {
    const text = readlinkSync(bytesOf(`/proc/self/fd/${this.fd}/${this.name}`), { encoding: "buffer" });
    return decodeName(text as unknown as Uint8Array);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

// As many links as the kernel follows on one path. @see path_resolution(7)
const mostLinks = 40;

/**
 * Find the place that a path means. Links on the way are followed, one at the end only if `follow` says so; then
 * a link to what is not there means the place where it would be.
 *
 * @param path  absolute, without "." and ".."
 * @returns undefined when the directory is missing
 */
export function findPlace(open: OpenDirectory, path: string, follow: boolean): Place | undefined {
  let here = path;
  for (let links = 0; links <= mostLinks; links++) {
    const fd = openIfThere(open, dirname(here));
    if (fd === undefined) return undefined;
    const last = basename(here);
    const isName = last !== "" && last !== "." && last !== "..";
    const place = isName ? new Place(fd, last) : rootPlace(open, here, fd);
    if (place === undefined || !isName || !follow || !place.status()?.isSymbolicLink()) return place;
    const text = place.readLink();
    place[Symbol.dispose]();
    // The kernel takes the ".." of a link where the link is, which is why nothing is cut out here.
    here = text.startsWith("/") ? text : `${dirname(here)}/${text}`;
  }
  throw new EngineError("ERR_ENGINE_PATH", `${path}: too many levels of symbolic links`, { exitCode: 1 });
}

/** What ends in ".." has no name of its own. */
function rootPlace(open: OpenDirectory, path: string, parent: number): Place | undefined {
  closeSync(parent);
  const fd = openIfThere(open, path);
  return fd === undefined ? undefined : new Place(fd, "");
}

function openIfThere(open: OpenDirectory, path: string): number | undefined {
  try {
    return open(path);
  } catch (error) {
    const symbol = isKernelError(error) ? error.symbol : (error as NodeJS.ErrnoException).code;
    if (symbol === "ENOENT" || symbol === "ENOTDIR") return undefined;
    throw error;
  }
}

const bytesOf = (path: string): Buffer => Buffer.from(encodeName(path));
