import { createHash } from "node:crypto";
import { perform } from "@ctr/kernel";
import type { Step, StepName, StepOf } from "@ctr/plan";
import { BuilderError, type Place } from "../builder-error.ts";
import { absolutePath, joinPath, parentPath } from "../container-path.ts";
import { changeMode, type ModeChange } from "../mode-change.ts";
import type { ContentSource } from "./archive-file.ts";
import type { CopyEntry } from "./copy-source.ts";
import { changed, type Status, type Tree } from "./tree.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface WriterOptions {
  /** An overlay's view, to write into. */
  readonly tree: Tree;
  readonly owner: Owner | undefined;
  readonly mode: ModeChange | undefined;
  /** Nanoseconds since the epoch: the time of what has no source. */
  readonly time: bigint;
  readonly place: Place;
}

const batchBytes = 4 << 20;
const batchSteps = 256;

/**
 * Writes files into a view, through steps that cannot leave it. Directories that were there keep their time, so
 * that the same files make the same layer whenever they are copied.
 */
export class EntryWriter {
  readonly #o: WriterOptions;
  #steps: Step[] = [];
  #bytes = 0;
  /** Directories that are there, with their time before anything was written. */
  readonly #known = new Map<string, bigint>();
  /** Directories that were made or written into, with the time to give them at the end. */
  readonly #times = new Map<string, bigint>();
  /** Directories made here: all that is in them is `#times` and `#files`, so that the kernel need not be asked. */
  readonly #fresh = new Set<string>();
  readonly #files = new Set<string>();
  /** First name of a file with several, by its inode. */
  readonly #names = new Map<string, string>();

  constructor(options: WriterOptions) {
    this.#o = options;
  }

  /** Make a directory and those above it, unless they are there. Paths have no slash in front and no links in them. */
  makeDirectories(path: string): void {
    if (this.#times.has(path) || this.#known.has(path)) return;
    const there = this.#kindOf(path);
    if (there === "directory") {
      this.#known.set(path, this.#o.tree.status(path)!.mtime);
      return;
    }
    if (there !== undefined) throw this.#refuse(`cannot copy to non-directory: /${path}`);
    this.#prepare(path);
    this.#add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, mode: 0o755, ...this.#ownerOr(rootOwner) });
    this.#times.set(path, this.#o.time);
    this.#fresh.add(path);
  }

  /** What is at `path` now, steps that were not performed yet included. */
  #kindOf(path: string): Status["kind"] | undefined {
    if (this.#times.has(path)) return "directory";
    if (this.#files.has(path)) return "file";
    return path !== "" && this.#fresh.has(parentPath(path)) ? undefined : this.#o.tree.status(path)?.kind;
  }

  /** Write one entry at `path`. @throws {BuilderError} `ERR_BUILDER_COPY`, `ERR_BUILDER_CHANGED` */
  async write(source: ContentSource, entry: CopyEntry, path: string): Promise<void> {
    this.#prepare(path);
    const { status } = entry;
    if (status.kind === "directory") return this.#directory(entry, path);
    this.#claim(path);
    const first = status.inode === undefined ? undefined : this.#names.get(status.inode);
    if (first !== undefined) {
      this.#add({ do: "makeHardlink", in: "rootfs", path: `/${path}`, existing: `/${first}` });
      return;
    }
    if (status.kind === "file") await this.#file(source, entry, path);
    else this.#special(entry, path);
    this.#finish(entry, path);
    if (status.inode !== undefined) this.#names.set(status.inode, path);
  }

  /** Write a file whose content is at hand. */
  writeText(path: string, text: string): void {
    this.#prepare(path);
    this.#claim(path);
    const mode = this.#o.mode === undefined ? 0o644 : changeMode(this.#o.mode, 0o644, false);
    const bytes = new TextEncoder().encode(text);
    this.#add({ do: "makeFile", in: "rootfs", path: `/${path}`, mode, ...this.#ownerOr(rootOwner), bytes });
    this.#add({ do: "setTime", in: "rootfs", path: `/${path}`, time: this.#o.time });
  }

  /** Somebody else is going to write into the view: perform what is pending, and take nothing for known any more. */
  handOver(): void {
    this.#flush();
    this.#fresh.clear();
  }

  /** All is written: give the directories their times, deepest first. */
  finish(): void {
    const paths = [...this.#times].sort(([a], [b]) => b.split("/").length - a.split("/").length);
    for (const [path, time] of paths) this.#add({ do: "setTime", in: "rootfs", path: `/${path}`, time });
    this.#flush();
  }

  /** Something is about to be made at `path`: see to the directory that it comes into. */
  #prepare(path: string): void {
    const parent = parentPath(path);
    this.makeDirectories(parent);
    const time = this.#known.get(parent);
    if (time !== undefined && !this.#times.has(parent)) this.#times.set(parent, time);
  }

  /** A file takes the name. */
  #claim(path: string): void {
    if (this.#kindOf(path) === "directory") throw this.#refuse(`cannot overwrite directory /${path} with a file`);
    this.#files.add(path);
  }

  #directory(entry: CopyEntry, path: string): void {
    const there = this.#kindOf(path);
    if (there !== undefined && there !== "directory") throw this.#refuse(`cannot copy to non-directory: /${path}`);
    if (there === undefined) this.#fresh.add(path);
    this.#add({ do: "makeDirectory", in: "rootfs", path: `/${path}`, ...this.#attributes(entry) });
    this.#xattrs(entry, path);
    this.#times.set(path, entry.status.mtime);
  }

  async #file(source: ContentSource, entry: CopyEntry, path: string): Promise<void> {
    const { size } = entry.status;
    const hash = createHash("sha256");
    let offset = 0;
    for await (const bytes of source.content(entry.path)) {
      hash.update(bytes);
      if (offset === 0)
        this.#add({ do: "makeFile", in: "rootfs", path: `/${path}`, ...this.#attributes(entry), bytes });
      else this.#extend(path, offset, size, bytes);
      offset += bytes.length;
    }
    if (offset === 0)
      this.#add({
        do: "makeFile",
        in: "rootfs",
        path: `/${path}`,
        ...this.#attributes(entry),
        bytes: new Uint8Array(0),
      });
    // The step's key holds the digest that was read first; a layer of something else must never be found by it.
    if (hash.digest("hex") !== entry.content) throw changed(entry.path);
  }

  #extend(path: string, offset: number, size: number, bytes: Uint8Array): void {
    const end = Math.max(size, offset + bytes.length);
    this.#add({ do: "extendFile", in: "rootfs", path: `/${path}`, offset: BigInt(offset), size: BigInt(end), bytes });
  }

  #special(entry: CopyEntry, path: string): void {
    const { kind, major, minor } = entry.status;
    const { mode, uid, gid } = this.#attributes(entry);
    if (kind === "symlink")
      this.#add({ do: "makeSymlink", in: "rootfs", path: `/${path}`, text: entry.link, uid, gid });
    else if (kind === "fifo" || kind === "character" || kind === "block")
      this.#add({ do: "makeNode", in: "rootfs", path: `/${path}`, kind, mode, uid, gid, major, minor });
    else throw this.#refuse(`cannot copy ${entry.path}: it is a ${kind}`);
  }

  #finish(entry: CopyEntry, path: string): void {
    this.#xattrs(entry, path);
    this.#add({ do: "setTime", in: "rootfs", path: `/${path}`, time: entry.status.mtime });
  }

  #xattrs(entry: CopyEntry, path: string): void {
    for (const [name, value] of entry.xattrs)
      this.#add({ do: "setXattr", in: "rootfs", path: `/${path}`, name, value });
  }

  #attributes({ status }: CopyEntry): Owner & { readonly mode: number } {
    const { mode: change } = this.#o;
    const mode = change === undefined ? status.mode : changeMode(change, status.mode, status.kind === "directory");
    return { mode, ...this.#ownerOr(status) };
  }

  #ownerOr({ uid, gid }: Owner): Owner {
    return this.#o.owner ?? { uid, gid };
  }

  #add(body: StepOf<StepName>): void {
    const { file, line } = this.#o.place;
    this.#steps.push({ ...body, because: { option: `${file}:${line}`, why: "the instruction copies it" } } as Step);
    if (body.do === "makeFile" || body.do === "extendFile") this.#bytes += body.bytes.length;
    if (this.#steps.length >= batchSteps || this.#bytes >= batchBytes) this.#flush();
  }

  #flush(): void {
    const steps = this.#steps;
    this.#steps = [];
    this.#bytes = 0;
    if (steps.length > 0) perform(steps, { rootfs: this.#o.tree.fd });
  }

  #refuse(message: string): BuilderError {
    return new BuilderError({ code: "ERR_BUILDER_COPY", message, place: this.#o.place });
  }
}

const rootOwner: Owner = { uid: 0, gid: 0 };

/** Where a path of a view leads, with links followed inside it; what is not there yet is taken as written. */
export function resolveTarget(tree: Tree, path: string): string {
  let known = "";
  for (const part of path.split("/")) {
    if (part === "") continue;
    const next = joinPath(known, part);
    const status = tree.status(next);
    if (status?.kind !== "symlink") {
      known = next;
      continue;
    }
    const resolved = tree.resolve(next);
    // A link to what is not there yet: that is what the write makes.
    known = resolved?.path ?? danglingTarget(tree, next);
  }
  return known;
}

function danglingTarget(tree: Tree, link: string): string {
  let path = link;
  for (let links = 0; links < 40 && tree.status(path)?.kind === "symlink"; links++)
    path = absolutePath(`/${parentPath(path)}`, tree.readLink(path)).slice(1);
  return path;
}
