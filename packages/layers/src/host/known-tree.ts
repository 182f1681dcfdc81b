import { closeSync, constants, fstatSync, readlinkSync } from "node:fs";
import { isKernelError, openIn } from "@ctr/kernel";
import { decodeName, encodeName, type Nanoseconds } from "@ctr/plan";
import { LayerError } from "../layers-error.ts";

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it
const mostLinks = 40; // on one way, as path_resolution(7) has it
/** Characters of names that are kept until the end. */
const mostKept = 128 << 20;

export interface FoundStatus {
  readonly kind: "directory" | "symlink" | "other";
  readonly mtime: Nanoseconds;
}

/**
 * A tree that is being written into, with what whoever writes knows of it already: the kernel is asked the rest. Paths
 * begin at the top, without a slash; "" is the top.
 */
export class KnownTree {
  readonly #fd: number;
  /** Directories that are there, with the time to give them at the end; undefined for whatever it is then. */
  readonly #directories = new Map<string, Nanoseconds | undefined>([["", undefined]]);
  /** Those of them that were not there before: all that is in them was made here. */
  readonly #fresh = new Set<string>();
  /** Links that were made here or followed. */
  readonly #links = new Set<string>();
  /** Where directories lead that entries named: their links followed. */
  readonly #ways = new Map<string, string>();
  #kept = 0;

  /** @param fd  Of a directory; stays the caller's. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** What is at `path` now, or will be once all steps are performed. */
  kindOf(path: string): "directory" | "other" | undefined {
    if (this.#directories.has(path)) return "directory";
    if (this.#links.has(path)) return "other";
    const kind = this.ask(path)?.kind;
    return kind === "symlink" ? "other" : kind;
  }

  /** What the kernel finds at `path`, links not followed; undefined for nothing, and in a directory made here. */
  ask(path: string): FoundStatus | undefined {
    if (path !== "" && this.#fresh.has(parentPath(path))) return undefined;
    return this.#with(path, (fd) => {
      const stat = fstatSync(fd, { bigint: true });
      const kind = stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "symlink" : "other";
      return { kind, mtime: stat.mtimeNs };
    });
  }

  /** Whether a directory is known to be there: it was named or passed through. */
  hasDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** A directory is there now. @throws {LayerError} `ERR_LAYERS_LIMIT` */
  addDirectory(path: string, time: Nanoseconds | undefined, isNew: boolean): void {
    this.#replace(path);
    if (!this.#directories.has(path)) this.#keep(path);
    this.#directories.set(path, time);
    if (isNew) this.#fresh.add(path);
  }

  hasLink(path: string): boolean {
    return this.#links.has(path);
  }

  /** A link is there now. @throws {LayerError} `ERR_LAYERS_LIMIT` */
  addLink(path: string): void {
    this.#replace(path);
    this.#keep(path);
    this.#links.add(path);
  }

  /** Something that is no directory takes the name: what was known of it and of what is below it is over. */
  forget(path: string): void {
    this.#replace(path);
    if (!this.#directories.has(path)) return;
    this.#ways.clear();
    const isBelow = (one: string): boolean => one === path || one.startsWith(`${path}/`);
    for (const one of [...this.#directories.keys()].filter(isBelow)) this.#directories.delete(one);
    for (const one of [...this.#fresh].filter(isBelow)) this.#fresh.delete(one);
    for (const one of [...this.#links].filter(isBelow)) this.#links.delete(one);
  }

  /** The directories that have a time to be given, deepest first. */
  times(): [path: string, time: Nanoseconds][] {
    const depth = (path: string): number => (path === "" ? 0 : path.split("/").length);
    const timed = [...this.#directories].filter((one): one is [string, Nanoseconds] => one[1] !== undefined);
    return timed.sort(([a], [b]) => depth(b) - depth(a));
  }

  /**
   * Where a way of names leads when its links are followed inside the tree: one name after the other, as the kernel
   * would, so that ".." in a link means what is above where it led to. What is not there has no links in it.
   *
   * @param settle  Called before a link is read, which may be one that is yet to be made.
   * @returns undefined when the links are a loop
   * @throws {LayerError} `ERR_LAYERS_LIMIT`
   */
  wayTo(parts: readonly string[], settle: () => void): string | undefined {
    const written = parts.join("/");
    const known = this.#ways.get(written);
    if (known !== undefined) return known;
    const way = this.#follow(parts, settle);
    if (way === undefined) return undefined;
    this.#keep(written);
    this.#ways.set(written, way);
    return way;
  }

  #follow(parts: readonly string[], settle: () => void): string | undefined {
    const rest = parts.toReversed();
    let here = "";
    for (let links = 0; rest.length > 0; ) {
      const part = rest.pop()!;
      if (part === "" || part === ".") continue;
      if (part === "..") {
        here = parentPath(here);
        continue;
      }
      const next = joinPath(here, part);
      if (this.#directories.has(next) || !this.#isLink(next)) {
        here = next;
        continue;
      }
      if (++links > mostLinks) return undefined;
      settle();
      const text = this.#readLink(next);
      if (text.startsWith("/")) here = "";
      rest.push(...text.split("/").reverse());
    }
    return here;
  }

  #isLink(path: string): boolean {
    if (this.#links.has(path)) return true;
    if (this.ask(path)?.kind !== "symlink") return false;
    this.addLink(path);
    return true;
  }

  #readLink(path: string): string {
    const text = this.#with(parentPath(path), (fd) =>
      readlinkSync(Buffer.from(encodeName(`/proc/self/fd/${fd}/${path.slice(path.lastIndexOf("/") + 1)}`)), {
        encoding: "buffer",
      }),
    );
    return text === undefined ? "" : decodeName(text);
  }

  /** A link that was followed may be no more: ways may lead elsewhere now. */
  #replace(path: string): void {
    if (this.#links.delete(path)) this.#ways.clear();
  }

  #keep(text: string): void {
    this.#kept += text.length;
    if (this.#kept > mostKept)
      throw new LayerError({
        code: "ERR_LAYERS_LIMIT",
        message: "the archive's directories and links have more text than fits in memory",
      });
  }

  #with<Result>(path: string, use: (fd: number) => Result): Result | undefined {
    let fd: number;
    try {
      fd = openIn({ root: this.#fd, path: `/${path}`, flags: pathOnly | constants.O_NOFOLLOW });
    } catch (error) {
      if (isKernelError(error)) return undefined; // whatever it is, writing will meet it again
      throw error;
    }
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }
}

export function joinPath(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}
