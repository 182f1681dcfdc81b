import { constants } from "node:fs";
import { isKernelError, openIn, perform } from "@ctr/kernel";
import { ArchiveReader, decompress, entryPath, type TarEntry } from "@ctr/layers";
import type { Reason, Step, StepBody } from "@ctr/plan";
import { BuilderError, type Place } from "../builder-error.ts";
import { joinPath, parentPath } from "../container-path.ts";
import { changeMode, type ModeChange } from "../mode-change.ts";
import { Tree } from "./tree.ts";
import type { Owner } from "./write-entries.ts";

//  An archive is unpacked as tar(1) would into a tree that is there: directories are merged, whatever else has a
//  name is replaced, a name that begins with .wh. is a name. Where the way to a name goes through links, those of the
//  archive or of the tree, they are followed here inside the tree, and the kernel resolves each path once more:
//  neither trusts the other.

export interface UnpackOptions {
  /** A tar archive, plain or packed with gzip, bzip2, xz or zstd. Chunks must not change once they are given. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly view: Tree;
  /** A directory of the view, no link in it: the archive's root. */
  readonly target: string;
  /** Default: whoever the archive says. */
  readonly owner?: Owner | undefined;
  readonly mode?: ModeChange | undefined;
  /** Nanoseconds since the epoch: of directories that the archive only passes through. */
  readonly time: bigint;
  /** Leave device nodes out. */
  readonly withoutDevices?: boolean;
  /** The instruction or option that asked for it. */
  readonly option: string;
  readonly place?: Place | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Unpack an archive. After a failure a part of it is there.
 *
 * @throws {LayerError} for an archive that is damaged, over its limits, or names what no file can be; {BuilderError}
 *   `ERR_BUILDER_COPY` for what cannot be written, or may not be
 */
export async function unpackArchive(o: UnpackOptions): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  using tree = new Tree(openIn({ root: o.view.fd, path: `/${o.target}`, flags }));
  const reader = new ArchiveReader();
  const writer = new ArchiveWriter(tree, o);
  for await (const chunk of decompress(o.archive, { accept: "any" })) {
    o.signal?.throwIfAborted();
    for (const event of reader.push(chunk)) {
      if (event.type === "entry") writer.entry(event.entry);
      else if (event.type === "data") writer.data(event.offset, event.bytes);
      else writer.done();
    }
  }
  reader.end();
  writer.finish();
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

const batchSteps = 256;
const batchBytes = 4 << 20;
const largestSetId = 16 << 20;
const mostLinks = 40; // on one way, as path_resolution(7) has it
/** A layer writes holes as zeros: 100 GiB of them fit into an archive of 1 KB. */
const mostHoles = 4 * 2 ** 30;
/** Characters of names that are kept until the end. */
const mostKept = 128 << 20;
const noBytes = new Uint8Array(0);

class ArchiveWriter {
  readonly #tree: Tree;
  readonly #o: UnpackOptions;
  readonly #because: Reason;
  #steps: Step[] = [];
  #bytes = 0;
  #file: OpenFile | undefined;
  /** Where directories lead that entries named: their links followed. */
  readonly #ways = new Map<string, string>();
  /** Directories that are known to be there, links followed, with the time to give them at the end. */
  readonly #times = new Map<string, bigint>();
  /** Those of them that were not there before: all that is in them was made here. */
  readonly #fresh = new Set<string>();
  /** Links that were made here. */
  readonly #links = new Set<string>();
  #kept = 0;
  #holes = 0;

  constructor(tree: Tree, options: UnpackOptions) {
    this.#tree = tree;
    this.#o = options;
    this.#because = { option: options.option, why: "the archive holds it" };
    this.#times.set("", tree.status("")!.mtime);
  }

  /** @throws {LayerError} `ERR_LAYERS_ENTRY`; {BuilderError} `ERR_BUILDER_COPY` */
  entry(entry: TarEntry): void {
    checkEntry(entry, this.#o.place);
    const parts = entryPath(entry.name);
    const name = parts.at(-1);
    if (name === undefined) {
      if (entry.type !== "directory") throw this.#refuse(entry, "the root of an archive can only be a directory");
      return; // the directory that it is unpacked into stays as it is
    }
    const path = joinPath(this.#wayTo(parts.slice(0, -1), entry), name);
    this.#keep(path);
    if (entry.type === "directory") this.#directory(entry, path);
    else this.#other(entry, path);
  }

  #other(entry: TarEntry, path: string): void {
    if (this.#times.has(path)) this.#forget(path);
    if (entry.type === "symlink") this.#links.add(path);
    else this.#links.delete(path);
    if (entry.type === "file") {
      // Writing drops set-id bits, and gives them back only to the owner of the machine (file_remove_privs in
      // fs/inode.c): such a file gets its content before its mode.
      const isHeld = (entry.mode & 0o6000) !== 0 && entry.size <= largestSetId;
      this.#file = { entry, path, held: isHeld ? [] : undefined, made: false, written: 0, bytes: 0 };
    } else if (entry.type === "hardlink") this.#hardlink(entry, path);
    else this.#special(entry, path);
  }

  /** A part of the last entry's content. `bytes` must not change until `finish`. */
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

  /** The last entry's content is complete. */
  done(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const { entry, path } = file;
    this.#holes += entry.size - file.bytes;
    if (this.#holes > mostHoles) throw this.#refuse(entry, `the archive has more than ${mostHoles} bytes of holes`);
    this.#make(file, noBytes);
    if (file.written < entry.size) this.#extend(file, entry.size, noBytes); // ends in a hole
    this.#attributes(entry, path);
  }

  /** Everything is there: directories get their times, deepest first, since writing into them changed it. */
  finish(): void {
    const depth = (path: string): number => (path === "" ? 0 : path.split("/").length);
    for (const [path, time] of [...this.#times].sort(([a], [b]) => depth(b) - depth(a)))
      this.#add({ do: "setTime", in: "rootfs", path: `/${path}`, time });
    this.#flush();
  }

  #directory(entry: TarEntry, path: string): void {
    const isThere = this.#times.has(path) || (!this.#links.has(path) && this.#isDirectory(path));
    this.#links.delete(path);
    if (!isThere) this.#fresh.add(path);
    const { mode, uid, gid } = this.#ownership(entry, true);
    this.#add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, mode, uid, gid });
    this.#xattrs(entry, path);
    this.#times.set(path, entry.mtime);
  }

  /** Where a directory is, made if it is not. */
  #wayTo(parts: readonly string[], entry: TarEntry): string {
    const written = parts.join("/");
    const known = this.#ways.get(written);
    if (known !== undefined) return known;
    const way = this.#walk(parts, entry);
    let here = "";
    for (const part of way.split("/").filter((one) => one !== "")) {
      this.#enter(here, joinPath(here, part));
      here = joinPath(here, part);
    }
    this.#keep(written);
    this.#ways.set(written, way);
    return way;
  }

  // One name after the other, as the kernel would, so that ".." in a link means what is above where it led to. What is
  // not there has no links in it, and is made only where the way ends.
  #walk(parts: readonly string[], entry: TarEntry): string {
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
      if (!this.#times.has(next) && this.#isLink(here, next)) {
        if (++links > mostLinks) throw this.#refuse(entry, "the links on its way are a loop");
        this.#flush();
        const text = this.#tree.readLink(next);
        if (text.startsWith("/")) here = "";
        rest.push(...text.split("/").reverse());
        continue;
      }
      here = next;
    }
    return here;
  }

  #isLink(directory: string, path: string): boolean {
    if (this.#links.has(path)) return true;
    return !this.#fresh.has(directory) && this.#tree.status(path)?.kind === "symlink";
  }

  #enter(directory: string, path: string): void {
    if (this.#times.has(path)) return;
    const status = this.#fresh.has(directory) ? undefined : this.#tree.status(path);
    if (status?.kind === "directory") this.#times.set(path, status.mtime);
    else this.#pass(path);
  }

  /** The archive goes through a directory that is not there. */
  #pass(path: string): void {
    const { uid, gid } = this.#o.owner ?? { uid: 0, gid: 0 };
    this.#add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, mode: 0o755, uid, gid });
    this.#fresh.add(path);
    this.#times.set(path, this.#o.time);
    this.#keep(path);
  }

  #isDirectory(path: string): boolean {
    return !this.#fresh.has(parentPath(path)) && this.#tree.status(path)?.kind === "directory";
  }

  /** A directory goes away, and with it all that was known of what is in it. */
  #forget(path: string): void {
    this.#flush();
    this.#ways.clear();
    const isBelow = (one: string): boolean => one === path || one.startsWith(`${path}/`);
    for (const one of [...this.#times.keys()].filter(isBelow)) this.#times.delete(one);
    for (const one of [...this.#fresh].filter(isBelow)) this.#fresh.delete(one);
    for (const one of [...this.#links].filter(isBelow)) this.#links.delete(one);
  }

  #make(file: OpenFile, first: Uint8Array): void {
    if (file.made) return;
    const bytes = file.held === undefined ? first : Buffer.concat(file.held);
    file.made = true;
    file.held = undefined;
    const ownership = this.#ownership(file.entry, false);
    this.#add({ do: "makeFile", in: "rootfs", path: `/${file.path}`, ...ownership, bytes });
  }

  #extend({ entry, path }: OpenFile, offset: number, bytes: Uint8Array): void {
    const size = BigInt(entry.size);
    this.#add({ do: "extendFile", in: "rootfs", path: `/${path}`, offset: BigInt(offset), size, bytes });
  }

  // Owner, mode, attributes and time are those of the file, which has them already.
  #hardlink(entry: TarEntry, path: string): void {
    const parts = entryPath(entry.link);
    const name = parts.at(-1);
    const existing = name === undefined ? path : joinPath(this.#wayTo(parts.slice(0, -1), entry), name);
    if (existing === path || this.#times.has(existing)) throw this.#refuse(entry, "its hard link means no other file");
    if (this.#links.has(existing)) this.#links.add(path);
    this.#add({ do: "makeHardlink", in: "rootfs", path: `/${path}`, existing: `/${existing}` });
  }

  #special(entry: TarEntry, path: string): void {
    const { mode, uid, gid } = this.#ownership(entry, false);
    if (entry.type === "symlink") {
      this.#add({ do: "makeSymlink", in: "rootfs", path: `/${path}`, text: entry.link, uid, gid });
    } else {
      const kind = entry.type as "character" | "block" | "fifo";
      if (this.#o.withoutDevices === true && kind !== "fifo") return;
      const { major, minor } = kind === "fifo" ? { major: 0, minor: 0 } : entry;
      this.#add({ do: "makeNode", in: "rootfs", path: `/${path}`, kind, mode, uid, gid, major, minor });
    }
    this.#attributes(entry, path);
  }

  #attributes(entry: TarEntry, path: string): void {
    this.#xattrs(entry, path);
    this.#add({ do: "setTime", in: "rootfs", path: `/${path}`, time: entry.mtime });
  }

  #xattrs({ xattrs }: TarEntry, path: string): void {
    for (const [name, value] of xattrs) this.#add({ do: "setXattr", in: "rootfs", path: `/${path}`, name, value });
  }

  #ownership(entry: TarEntry, isDirectory: boolean): Owner & { readonly mode: number } {
    const { uid, gid } = this.#o.owner ?? entry;
    const { mode } = this.#o;
    return { mode: mode === undefined ? entry.mode : changeMode(mode, entry.mode, isDirectory), uid, gid };
  }

  #keep(text: string): void {
    this.#kept += text.length;
    if (this.#kept > mostKept) throw this.#failure("the archive's names have more text than fits in memory");
  }

  #add(body: StepBody): void {
    this.#steps.push({ ...body, because: this.#because });
    if (body.do === "makeFile" || body.do === "extendFile") this.#bytes += body.bytes.length;
    if (this.#steps.length >= batchSteps || this.#bytes >= batchBytes) this.#flush();
  }

  #flush(): void {
    const steps = this.#steps;
    this.#steps = [];
    this.#bytes = 0;
    if (steps.length === 0) return;
    try {
      perform(steps, { rootfs: this.#tree.fd });
    } catch (error) {
      if (!isKernelError(error) || ["ENOSPC", "EDQUOT"].includes(error.symbol)) throw error;
      const path = error.step !== undefined && "path" in error.step ? error.step.path : "";
      throw this.#failure(`cannot unpack ${JSON.stringify(path)}: ${error.symbol} (${error.step?.do})`, error);
    }
  }

  #refuse(entry: TarEntry, why: string): BuilderError {
    return this.#failure(`archive entry ${JSON.stringify(entry.name)} is refused: ${why}`);
  }

  #failure(message: string, cause?: unknown): BuilderError {
    return new BuilderError({ code: "ERR_BUILDER_COPY", message, place: this.#o.place, cause });
  }
}

function checkEntry(entry: TarEntry, place: Place | undefined): void {
  const refuse = (why: string): BuilderError => {
    const message = `archive entry ${JSON.stringify(entry.name.slice(0, 500))} is refused: ${why}`;
    return new BuilderError({ code: "ERR_BUILDER_COPY", message, place });
  };
  const { type, link, major, minor } = entry;
  if (entry.name.includes("\0")) throw refuse("its name holds a NUL byte");
  if (type === "symlink" && (link === "" || Buffer.byteLength(link) > 4095 || link.includes("\0")))
    throw refuse("no symlink can have its text: it is empty, longer than 4095 bytes or holds a NUL byte");
  if (type === "hardlink" && link.includes("\0")) throw refuse("its link holds a NUL byte");
  // 12 and 20 bits: include/linux/kdev_t.h
  const hasNumber = major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20;
  if ((type === "character" || type === "block") && !hasNumber) throw refuse("no device has its number");
  if (type === "character" && major === 0 && minor === 0)
    throw refuse("a character device 0:0 is overlay's own sign for a removed name");
  for (const name of entry.xattrs.keys()) {
    const shown = JSON.stringify(name.slice(0, 100));
    if (/^(?:trusted|user)\.overlay\./.test(name)) throw refuse(`its extended attribute ${shown} is overlay's own`);
    if (!/^(?:user|trusted|security|system)\.[^\0]+$/.test(name) || Buffer.byteLength(name) > 255)
      throw refuse(`no file can have its extended attribute ${shown}`);
  }
}
