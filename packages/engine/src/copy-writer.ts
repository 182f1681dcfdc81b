import { closeSync, constants, fstatSync } from "node:fs";
import { isKernelError, openIn, perform } from "@ctr/kernel";
import { entryPath, type TarEntry } from "@ctr/layers";
import type { Reason, Step, StepBody } from "@ctr/plan";
import { EngineError } from "./engine-error.ts";

export interface TreeWriterOptions {
  /** fd of the directory that everything is written into; nothing can leave it. Stays the caller's. */
  readonly directory: number;
  /** Who owns what is written; default whoever the entry says. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Leave device nodes out: on the host a container's device would be one of the host's. */
  readonly withoutDevices?: boolean | undefined;
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
}

const batchSteps = 256;
const batchBytes = 4 << 20;
const largestSetId = 16 << 20;
/** Characters of directory names that are kept until the end, where each gets its time. */
const mostKept = 128 << 20;
const noBytes = new Uint8Array(0);

/**
 * Writes the entries of an archive into a tree that has files already and that others may be changing: as tar's
 * extraction does, not as a layer's. Directories are merged, files replaced; a `.wh.` name is a name. Every name is
 * resolved by the kernel inside of the directory, and what it finds there is never followed.
 */
export class TreeWriter {
  /** Names of entries that were left out. */
  readonly skipped: string[] = [];
  readonly #o: TreeWriterOptions;
  readonly #because: Reason;
  #steps: Step[] = [];
  #bytes = 0;
  #file: OpenFile | undefined;
  /** Directories that were not there before: nothing but what was written here is in them. */
  readonly #fresh = new Set<string>();
  readonly #times = new Map<string, bigint>();
  #kept = 0;

  constructor(options: TreeWriterOptions) {
    this.#o = options;
    this.#because = { option: options.option, why: "it is copied here" };
  }

  /**
   * Write an entry; a file's content follows.
   *
   * @throws {LayerError} `ERR_LAYERS_ENTRY` for a name that leaves the directory or that no file can have
   * @throws {EngineError} `ERR_ENGINE_COPY` for an entry that cannot be written, or may not be
   */
  entry(entry: TarEntry): void {
    const parts = entryPath(entry.name);
    const path = `/${parts.join("/")}`;
    checkEntry(entry);
    if (entry.type === "directory") this.#directory(entry, path);
    else this.#other(entry, path, parts.length === 0);
  }

  #other(entry: TarEntry, path: string, isRoot: boolean): void {
    if (isRoot) throw refused(entry, "the root of an archive can only be a directory");
    if (this.#kindOf(path) === "directory")
      throw new EngineError(
        "ERR_ENGINE_COPY",
        `cannot overwrite directory ${JSON.stringify(path)} with non-directory ${JSON.stringify(entry.name)}`,
        { exitCode: 1 },
      );
    if (entry.type === "file") this.#file = this.#begin(entry, path);
    else if (entry.type === "hardlink") this.#hardlink(entry, path);
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
  }

  /** The last entry's content is complete. */
  done(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    this.#make(file, noBytes);
    if (file.written < file.entry.size) this.#extend(file, file.entry.size, noBytes); // ends in a hole
    this.#attributes(file.entry, file.path);
  }

  /** Everything is there: directories get their times, since writing into them changed it. */
  finish(): void {
    const deepest = (path: string): number => path.split("/").length;
    for (const [path, time] of [...this.#times].sort(([a], [b]) => deepest(b) - deepest(a)))
      this.#add({ do: "setTime", in: "rootfs", path, time });
    this.#flush();
  }

  #directory(entry: TarEntry, path: string): void {
    const kind = path === "/" ? "directory" : this.#kindOf(path);
    if (kind === "other")
      throw new EngineError(
        "ERR_ENGINE_COPY",
        `cannot overwrite non-directory ${JSON.stringify(path)} with directory ${JSON.stringify(entry.name)}`,
        { exitCode: 1 },
      );
    this.#kept += path.length;
    if (this.#kept > mostKept)
      throw new EngineError("ERR_ENGINE_COPY", "the archive's directories have more text than fits in memory");
    if (kind === undefined) this.#fresh.add(path);
    this.#add({ do: "makeDirectory", in: "rootfs", path, ...this.#ownership(entry) });
    for (const [name, value] of entry.xattrs) this.#add({ do: "setXattr", in: "rootfs", path, name, value });
    this.#times.set(path, entry.mtime);
  }

  /** What is at `path` now. In a directory that is new only directories matter, and those are known. */
  #kindOf(path: string): "directory" | "other" | undefined {
    if (this.#fresh.has(path)) return "directory";
    if (this.#fresh.has(path.slice(0, path.lastIndexOf("/")))) return undefined;
    let fd: number;
    try {
      fd = openIn({ root: this.#o.directory, path, flags: pathOnly | constants.O_NOFOLLOW });
    } catch (error) {
      if (isKernelError(error)) return undefined; // whatever it is, writing will meet it again
      throw error;
    }
    try {
      return fstatSync(fd).isDirectory() ? "directory" : "other";
    } finally {
      closeSync(fd);
    }
  }

  // Writing drops set-id bits, and gives them back only to the owner of the machine (file_remove_privs in
  // fs/inode.c): such a file gets its content before its mode.
  #begin(entry: TarEntry, path: string): OpenFile {
    const isHeld = (entry.mode & 0o6000) !== 0 && entry.size <= largestSetId;
    return { entry, path, held: isHeld ? [] : undefined, made: false, written: 0 };
  }

  #make(file: OpenFile, first: Uint8Array): void {
    if (file.made) return;
    const bytes = file.held === undefined ? first : Buffer.concat(file.held);
    file.made = true;
    file.held = undefined;
    this.#add({ do: "makeFile", in: "rootfs", path: file.path, ...this.#ownership(file.entry), bytes });
  }

  #extend({ entry, path }: OpenFile, offset: number, bytes: Uint8Array): void {
    this.#add({ do: "extendFile", in: "rootfs", path, offset: BigInt(offset), size: BigInt(entry.size), bytes });
  }

  // Owner, mode, attributes and time are those of the file, which has them already.
  #hardlink(entry: TarEntry, path: string): void {
    const existing = `/${entryPath(entry.link).join("/")}`;
    if (existing === path || existing === "/") throw refused(entry, "its hard link means no other file");
    this.#add({ do: "makeHardlink", in: "rootfs", path, existing });
  }

  #special(entry: TarEntry, path: string): void {
    const { mode, uid, gid } = this.#ownership(entry);
    if (entry.type === "symlink") {
      this.#add({ do: "makeSymlink", in: "rootfs", path, text: entry.link, uid, gid });
    } else {
      const kind = entry.type as "character" | "block" | "fifo";
      if (this.#o.withoutDevices && kind !== "fifo") {
        this.skipped.push(entry.name);
        return;
      }
      const { major, minor } = kind === "fifo" ? { major: 0, minor: 0 } : entry;
      this.#add({ do: "makeNode", in: "rootfs", path, kind, mode, uid, gid, major, minor });
    }
    this.#attributes(entry, path);
  }

  #attributes(entry: TarEntry, path: string): void {
    for (const [name, value] of entry.xattrs) this.#add({ do: "setXattr", in: "rootfs", path, name, value });
    this.#add({ do: "setTime", in: "rootfs", path, time: entry.mtime });
  }

  /** A program that runs with its owner's rights must not come to have another owner's: as chown(2) has it. */
  #ownership(entry: TarEntry): { mode: number; uid: number; gid: number } {
    const { uid, gid } = this.#o.owner ?? entry;
    const isProgram = entry.type === "file" && (uid !== entry.uid || gid !== entry.gid);
    return { mode: isProgram ? entry.mode & 0o1777 : entry.mode, uid, gid };
  }

  #add(body: StepBody): void {
    this.#steps.push({ ...body, because: this.#because });
    if (body.do === "makeFile" || body.do === "extendFile") this.#bytes += body.bytes.length;
    if (this.#steps.length >= batchSteps || this.#bytes >= batchBytes) this.#flush();
  }

  #flush(): void {
    let steps = this.#steps;
    this.#steps = [];
    this.#bytes = 0;
    while (steps.length > 0) {
      try {
        perform(steps, { rootfs: this.#o.directory });
        return;
      } catch (error) {
        if (!isKernelError(error) || error.step === undefined) throw error;
        if (!isLossOfAttribute(error.step, error.symbol))
          throw new EngineError("ERR_ENGINE_COPY", messageOf(error.step, error.symbol), { cause: error, exitCode: 1 });
        steps = steps.slice(steps.indexOf(error.step) + 1);
      }
    }
  }
}

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it

// The file system has no such attributes, or only root may give them: the file is worth more than its attribute.
function isLossOfAttribute(step: Step, symbol: string): boolean {
  return step.do === "setXattr" && ["EOPNOTSUPP", "EPERM", "EACCES"].includes(symbol);
}

function messageOf(step: Step, symbol: string): string {
  const path = "path" in step ? step.path : "";
  if (symbol === "EROFS") return `cannot write ${JSON.stringify(path)}: the file system is read-only`;
  if (symbol === "ENOTDIR") return `cannot write ${JSON.stringify(path)}: not a directory`;
  return `cannot write ${JSON.stringify(path)}: ${symbol} (${step.do})`;
}

function checkEntry(entry: TarEntry): void {
  if (entry.type === "symlink" && (entry.link === "" || entry.link.length > 4095 || entry.link.includes("\0")))
    throw refused(entry, "no symlink can have its text: it is empty, longer than 4095 bytes or holds a NUL byte");
  const isDevice = entry.type === "character" || entry.type === "block";
  // 12 and 20 bits: include/linux/kdev_t.h
  const hasNumber = entry.major >= 0 && entry.major < 1 << 12 && entry.minor >= 0 && entry.minor < 1 << 20;
  if (isDevice && !hasNumber) throw refused(entry, "no device has its number");
  if (entry.type === "character" && entry.major === 0 && entry.minor === 0)
    throw refused(entry, "a character device 0:0 is overlay's own sign for a removed name");
  for (const name of entry.xattrs.keys()) {
    const shown = JSON.stringify(name.slice(0, 100));
    if (/^(?:trusted|user)\.overlay\./.test(name))
      throw refused(entry, `its extended attribute ${shown} is overlay's own`);
    if (!/^(?:user|trusted|security|system)\.[^\0]+$/.test(name) || name.length > 255)
      throw refused(entry, `no file can have its extended attribute ${shown}`);
  }
}

function refused(entry: TarEntry, why: string): EngineError {
  return new EngineError("ERR_ENGINE_COPY", `entry ${JSON.stringify(entry.name)} is refused: ${why}`, { exitCode: 1 });
}
