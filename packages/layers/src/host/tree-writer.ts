import { fstatSync } from "node:fs";
import type { Nanoseconds } from "@ctr/plan";
import { checkEntry } from "../check-entry.ts";
import { entryPath, refused } from "../entry-name.ts";
import { LayerError } from "../layers-error.ts";
import type { TarEntry } from "../tar-entry.ts";
import { joinPath, KnownTree } from "./known-tree.ts";
import { StepQueue } from "./step-queue.ts";

//   archive              tree that is there          afterwards
//   a/    directory      a/      directory           a/      both's files; the archive's mode, owner and time
//   b     file           b       file, link, fifo    b       the archive's; nothing is written through the link
//   c     file           c/      directory           c       the archive's, or refused (`keepKinds`)
//   d/e   file           d       link to /x          x/e     links on the way are followed, inside the tree
//   .wh.f file                                       .wh.f   a name like any other
//
//  The kernel resolves every path inside of the tree, whatever was found out about it before.

/** Owner and mode. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
}

export interface TreeWriterOptions {
  /** fd of the directory that everything is written into; nothing can leave it. Stays the caller's. */
  readonly directory: number;
  /** What is written with another owner or mode than the entry says. */
  readonly ownership?: ((entry: TarEntry) => Ownership) | undefined;
  /**
   * Make the same tree whenever it is written: directories that entries only pass through are made with this owner, this
   * time and mode 0755, and those that are there keep their time. Without it they are made as mkdir(2) makes them, now.
   */
  readonly passed?: { readonly uid: number; readonly gid: number; readonly time: Nanoseconds } | undefined;
  /** Never replace a directory by something else or something else by a directory. */
  readonly keepKinds?: boolean | undefined;
  /** An entry for the root itself says nothing. */
  readonly keepRoot?: boolean | undefined;
  /** Leave out extended attributes that the file system does not have or that the caller may not give. */
  readonly losesXattrs?: boolean | undefined;
  /** Leave device nodes out. */
  readonly withoutDevices?: boolean | undefined;
  /** Bytes of holes in all files; default any number. A layer would write them as zeros. */
  readonly maxHoles?: number | undefined;
  /** The option that asked for it, for errors. */
  readonly option: string;
}

interface OpenFile {
  readonly entry: TarEntry;
  readonly path: string;
  /** Content that is to be written at once with the file. */
  held: Uint8Array[] | undefined;
  made: boolean;
  written: number;
  /** Bytes that are no hole. */
  bytes: number;
}

const largestSetId = 16 << 20;
const noBytes = new Uint8Array(0);

/**
 * Writes the entries of an archive into a tree that has files already and that others may be changing: as tar's
 * extraction does, not as a layer's. After a failure a part of them is there.
 */
export class TreeWriter {
  /** Names of entries that were left out. */
  readonly skipped: string[] = [];
  readonly #o: TreeWriterOptions;
  readonly #tree: KnownTree;
  readonly #steps: StepQueue;
  #file: OpenFile | undefined;
  #holes = 0;

  constructor(options: TreeWriterOptions) {
    const { directory, option, losesXattrs = false, passed } = options;
    this.#o = options;
    this.#tree = new KnownTree(directory);
    this.#steps = new StepQueue({ directory, because: { option, why: "the archive holds it" }, losesXattrs });
    if (passed !== undefined) this.#tree.addDirectory("", fstatSync(directory, { bigint: true }).mtimeNs, false);
  }

  /**
   * Write an entry; a file's content follows.
   *
   * @throws {LayerError} `ERR_LAYERS_ENTRY` for what no file can be, or may not be here; `ERR_LAYERS_WRITE` when the
   *   kernel refused this entry or one before, with its error as `cause`; `ERR_LAYERS_LIMIT` past 128 Mi characters of
   *   directories and links
   */
  entry(entry: TarEntry): void {
    const parts = entryPath(entry.name);
    checkEntry(entry);
    const name = parts.at(-1);
    if (name === undefined) this.#root(entry);
    else {
      const path = joinPath(this.#wayTo(parts.slice(0, -1), entry), name);
      if (entry.type === "directory") this.#directory(entry, path);
      else this.#other(entry, path);
    }
  }

  /** A part of the last entry's content. `bytes` must not change until `finish`. @throws {LayerError} as `entry` */
  data(offset: number, bytes: Uint8Array): void {
    const file = this.#file;
    if (file === undefined || bytes.length === 0) return;
    if (file.held !== undefined && offset === file.written) file.held.push(bytes);
    else if (file.made || offset > 0 || file.held !== undefined) {
      this.#make(file, noBytes);
      this.#extend(file, offset, bytes);
    } else this.#make(file, bytes);
    file.written = offset + bytes.length;
    file.bytes += bytes.length;
  }

  /** The last entry's content is complete. @throws {LayerError} as `entry` */
  done(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const { entry, path } = file;
    const { maxHoles = Number.POSITIVE_INFINITY } = this.#o;
    this.#holes += entry.size - file.bytes;
    if (this.#holes > maxHoles) throw refused(entry.name, `the archive has more than ${maxHoles} bytes of holes`);
    this.#make(file, noBytes);
    if (file.written < entry.size) this.#extend(file, entry.size, noBytes); // ends in a hole
    this.#attributes(entry, path);
  }

  /** Everything is there: directories get their times, since writing into them changed it. @throws {LayerError} */
  finish(): void {
    for (const [path, time] of this.#tree.times())
      this.#steps.add({ do: "setTime", in: "rootfs", path: `/${path}`, time });
    this.#steps.flush();
  }

  #root(entry: TarEntry): void {
    if (entry.type !== "directory") throw refused(entry.name, "the root of an archive can only be a directory");
    if (!this.#o.keepRoot) this.#directory(entry, "");
  }

  #directory(entry: TarEntry, path: string): void {
    const kind = this.#tree.kindOf(path);
    if (kind === "other" && this.#o.keepKinds) throw overwriting("non-directory", path, "directory", entry);
    this.#steps.add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, ...this.#ownership(entry) });
    this.#xattrs(entry, path);
    this.#tree.addDirectory(path, entry.mtime, kind !== "directory");
  }

  #other(entry: TarEntry, path: string): void {
    if (this.#o.keepKinds && this.#tree.kindOf(path) === "directory")
      throw overwriting("directory", path, "non-directory", entry);
    if (this.#tree.hasDirectory(path)) this.#steps.flush(); // from now on the kernel is asked about it again
    this.#tree.forget(path);
    if (entry.type === "file") {
      // Writing drops set-id bits, and gives them back only to the owner of the machine (file_remove_privs in
      // fs/inode.c): such a file gets its content before its mode.
      const isHeld = (entry.mode & 0o6000) !== 0 && entry.size <= largestSetId;
      this.#file = { entry, path, held: isHeld ? [] : undefined, made: false, written: 0, bytes: 0 };
    } else if (entry.type === "hardlink") this.#hardlink(entry, path);
    else this.#special(entry, path);
  }

  /** Where a directory is, its links followed; made if it is not there. */
  #wayTo(parts: readonly string[], entry: TarEntry): string {
    if (this.#o.passed === undefined) return parts.join("/"); // the kernel follows links, and makes what is missing
    const way = this.#tree.wayTo(parts, () => this.#steps.flush());
    if (way === undefined) throw refused(entry.name, "the links on its way are a loop");
    let here = "";
    for (const part of way.split("/").filter((one) => one !== "")) {
      here = joinPath(here, part);
      if (!this.#tree.hasDirectory(here)) this.#pass(here, this.#o.passed, entry);
    }
    return way;
  }

  #pass(path: string, { uid, gid, time }: NonNullable<TreeWriterOptions["passed"]>, entry: TarEntry): void {
    const found = this.#tree.ask(path);
    const isThere = found?.kind === "directory";
    if (found !== undefined && !isThere && this.#o.keepKinds)
      throw overwriting("non-directory", path, "the directory of", entry);
    if (!isThere) this.#steps.add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, mode: 0o755, uid, gid });
    this.#tree.addDirectory(path, isThere ? found.mtime : time, !isThere);
  }

  #make(file: OpenFile, first: Uint8Array): void {
    if (file.made) return;
    const bytes = file.held === undefined ? first : Buffer.concat(file.held);
    file.made = true;
    file.held = undefined;
    const ownership = this.#ownership(file.entry);
    this.#steps.add({ do: "makeFile", in: "rootfs", path: `/${file.path}`, ...ownership, bytes });
  }

  #extend({ entry, path }: OpenFile, offset: number, bytes: Uint8Array): void {
    const size = BigInt(entry.size);
    this.#steps.add({ do: "extendFile", in: "rootfs", path: `/${path}`, offset: BigInt(offset), size, bytes });
  }

  // Owner, mode, attributes and time are those of the file, which has them already.
  #hardlink(entry: TarEntry, path: string): void {
    const parts = entryPath(entry.link);
    const name = parts.at(-1);
    const existing = name === undefined ? "" : joinPath(this.#wayTo(parts.slice(0, -1), entry), name);
    if (existing === path || this.#tree.hasDirectory(existing))
      throw refused(entry.name, "its hard link means no other file");
    if (this.#tree.hasLink(existing)) this.#tree.addLink(path);
    this.#steps.add({ do: "makeHardlink", in: "rootfs", path: `/${path}`, existing: `/${existing}` });
  }

  #special(entry: TarEntry, path: string): void {
    const { mode, uid, gid } = this.#ownership(entry);
    if (entry.type === "symlink") {
      if (this.#o.passed !== undefined) this.#tree.addLink(path);
      this.#steps.add({ do: "makeSymlink", in: "rootfs", path: `/${path}`, text: entry.link, uid, gid });
    } else {
      const kind = entry.type as "character" | "block" | "fifo";
      if (this.#o.withoutDevices && kind !== "fifo") {
        this.skipped.push(entry.name);
        return;
      }
      const { major, minor } = kind === "fifo" ? { major: 0, minor: 0 } : entry;
      this.#steps.add({ do: "makeNode", in: "rootfs", path: `/${path}`, kind, mode, uid, gid, major, minor });
    }
    this.#attributes(entry, path);
  }

  #attributes(entry: TarEntry, path: string): void {
    this.#xattrs(entry, path);
    this.#steps.add({ do: "setTime", in: "rootfs", path: `/${path}`, time: entry.mtime });
  }

  #xattrs({ xattrs }: TarEntry, path: string): void {
    for (const [name, value] of xattrs)
      this.#steps.add({ do: "setXattr", in: "rootfs", path: `/${path}`, name, value });
  }

  #ownership(entry: TarEntry): Ownership {
    const { uid, gid, mode } = this.#o.ownership?.(entry) ?? entry;
    return { uid, gid, mode };
  }
}

function overwriting(old: string, path: string, by: string, { name }: TarEntry): LayerError {
  const message = `cannot overwrite ${old} ${JSON.stringify(`/${path}`)} with ${by} ${JSON.stringify(name)}`;
  return new LayerError({ code: "ERR_LAYERS_ENTRY", message });
}
