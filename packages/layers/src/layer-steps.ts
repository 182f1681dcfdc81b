import { decodeName, encodeName, type Nanoseconds, type Reason, type Step, type StepBody } from "@ctr/plan";
import { checkEntry } from "./check-entry.ts";
import { classify, entryPath, refused } from "./entry-name.ts";
import { Directory, type Node, resolveInTree } from "./layer-tree.ts";
import { LayerError } from "./layers-error.ts";
import type { TarEntry } from "./tar-entry.ts";

//   archive                           diff directory (one layer of an overlay mount)
//   a/            directory     ──▶   a              mode and owner now, time when all is written
//   a/f           file          ──▶   a/f            content, then xattrs (writing drops them), then time
//   a/.wh.old     whiteout      ──▶   a/old          character device 0:0: "not here, whatever lies below"
//   b/.wh..wh..opq  opaque      ──▶   b              xattr trusted.overlay.opaque=y: "nothing below shows through"
//
//  Names are taken in the archive's order and the last of equal ones holds: every step that makes something
//  replaces what had the name. Links on the way are resolved here, in the tree of what this layer has
//  written, and the kernel resolves each path again inside the root: neither trusts the other.

/** Which extended attributes overlay keeps its notes in: `user` for mounts with `userxattr`. */
export type OverlayXattrs = "trusted" | "user";

/** What a directory has that the layer goes through without holding it. */
export interface DirectoryStatus {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Nanoseconds;
}

interface OpenFile {
  readonly entry: TarEntry;
  readonly path: string;
  readonly because: Reason;
  /** Content from the start that is to be written at once, as it arrives. */
  held: Uint8Array[] | undefined;
  made: boolean;
  written: number;
}

export interface LayerStepsOptions {
  readonly overlayXattrs?: OverlayXattrs;
  /** The directory of the layers below that has this path; without one it is made 0755 and root's. */
  readonly below?: (path: readonly string[]) => DirectoryStatus | undefined;
}

/** Turns the events of an archive into the steps that write them, one entry after the other. Pure: nothing is written here. */
export class LayerSteps {
  readonly #root = new Directory();
  readonly #overlayXattrs: OverlayXattrs;
  readonly #below: (path: readonly string[]) => DirectoryStatus | undefined;
  #file: OpenFile | undefined;
  #kept = 0; // characters of names and links in the tree
  #passed: string[] = [];

  constructor(options: LayerStepsOptions = {}) {
    this.#overlayXattrs = options.overlayXattrs ?? "trusted";
    this.#below = options.below ?? (() => undefined);
  }

  /**
   * The steps for an entry, up to its content.
   * @throws {LayerError} `ERR_LAYERS_ENTRY`; `ERR_LAYERS_LIMIT` past 128 Mi characters of directories and links.
   */
  entry(entry: TarEntry): Step[] {
    const because = new EntryReason(entry.name);
    const path = entryPath(requireText(entry.name, entry));
    const last = path.at(-1);
    const meaning = last === undefined ? undefined : classify(last, entry.name);
    if (path.slice(0, -1).some((part) => part.startsWith(".wh.") && !part.startsWith(".wh..wh.")))
      throw refused(entry.name, "it lies below a whiteout");
    if (meaning?.kind === "aufs" || path.some((part, i) => i < path.length - 1 && part.startsWith(".wh..wh.")))
      return [];
    return withReason(this.#bodies(entry, path, meaning, because), because);
  }

  /** The step for a part of the last entry's content. */
  data(offset: number, bytes: Uint8Array): Step[] {
    const file = this.#file;
    if (file === undefined) return []; // content of a whiteout, which has none to speak of
    const { entry, path, because } = file;
    if (file.held !== undefined && offset === file.written) {
      file.held.push(bytes);
      file.written += bytes.length;
      return [];
    }
    const steps = this.#begin(file, offset === 0 ? bytes : noBytes);
    if (file.written === offset + bytes.length) return steps;
    steps.push(...withReason([extendFile(path, entry, offset, bytes)], because));
    file.written = offset + bytes.length;
    return steps;
  }

  /** The steps that finish the last entry. */
  done(): Step[] {
    const file = this.#file;
    if (file === undefined) return [];
    this.#file = undefined;
    const { entry, path, because } = file;
    const steps = this.#begin(file, noBytes);
    const bodies = [...xattrSteps(path, entry), setTime(path, entry.mtime)];
    if (file.written < entry.size) bodies.unshift(extendFile(path, entry, entry.size, noBytes)); // ends in a hole
    return [...steps, ...withReason(bodies, because)];
  }

  // The step that makes the file, if it is not made yet: with what was held back, else with `first`.
  #begin(file: OpenFile, first: Uint8Array): Step[] {
    if (file.made) return [];
    const { entry, path, because, held } = file;
    const bytes = held === undefined || held.length === 0 ? first : joined(held, file.written);
    file.made = true;
    file.held = undefined;
    file.written = Math.max(file.written, bytes.length);
    return withReason([makeFile(path, entry, bytes)], because);
  }

  /** The steps for when every entry is written: the times of the directories, deepest first. */
  *finish(): Generator<Step, void> {
    const because = { option: "layer", why: "writing into a directory changed its time" };
    const found: { path: string; directory: Directory }[] = [{ path: "", directory: this.#root }];
    for (let i = 0; i < found.length; i++) {
      const { path, directory } = found[i]!;
      for (const [name, node] of directory.entries())
        if (node.kind === "directory") found.push({ path: `${path}/${name}`, directory: node });
    }
    this.#passed = found.filter(({ directory }) => directory.isPassed).map(({ path }) => path);
    for (const { path, directory } of found.reverse())
      if (directory.mtime !== undefined) yield { ...setTime(path || "/", directory.mtime), because };
  }

  /** After `finish`: the directories that the layer only passes through and that nothing below was known of. */
  get passed(): readonly string[] {
    return this.#passed;
  }

  #bodies(
    entry: TarEntry,
    path: string[],
    meaning: ReturnType<typeof classify> | undefined,
    because: Reason,
  ): StepBody[] {
    if (meaning === undefined) return this.#rootEntry(entry);
    const parent = this.#resolve(path.slice(0, -1), entry);
    const bodies: StepBody[] = [];
    const directory = this.#ensureDirectory(parent, bodies);
    if (meaning.kind === "opaque") return [...bodies, this.#opaque(at(parent))];
    const name = (meaning as { name: string }).name;
    const target = at([...parent, name]);
    if (meaning.kind === "whiteout") {
      this.#remember(directory, name, { kind: "whiteout" });
      return [...bodies, whiteout(target)];
    }
    if (entry.type === "directory") return [...bodies, ...this.#directoryEntry(entry, directory, name, target)];
    if (entry.type === "hardlink") {
      const existing = this.#hardlinkTarget(entry, target);
      bodies.push({ do: "makeHardlink", in: "rootfs", path: target, existing: at(existing) });
      const node = this.#nodeAt(existing);
      if (node === undefined) directory.forget(name);
      else this.#remember(directory, name, node); // another name of a symlink, to be followed like the first
      return bodies;
    }
    bodies.push(...this.#otherEntry(entry, target, because));
    if (entry.type === "symlink") this.#remember(directory, name, { kind: "symlink", text: entry.link });
    else directory.forget(name);
    return bodies;
  }

  #rootEntry(entry: TarEntry): StepBody[] {
    if (entry.type !== "directory") throw refused(entry.name, "the root of a layer can only be a directory");
    checkEntry(entry);
    this.#root.mtime = entry.mtime;
    return [makeDirectory("/", entry), ...xattrSteps("/", entry)];
  }

  #directoryEntry(entry: TarEntry, parent: Directory, name: string, path: string): StepBody[] {
    checkEntry(entry);
    const node = parent.get(name);
    const bodies: StepBody[] = [makeDirectory(path, entry)];
    // The whiteout that had the name hid all that lies below; as a directory it must go on doing so.
    if (node?.kind === "whiteout") bodies.push(this.#opaque(path));
    const directory = node?.kind === "directory" ? node : new Directory();
    directory.mtime = entry.mtime;
    directory.isPassed = false;
    this.#remember(parent, name, directory);
    return [...bodies, ...xattrSteps(path, entry)];
  }

  // Owner, mode, xattrs and time are those of the file, which has them already.
  #hardlinkTarget(entry: TarEntry, path: string): string[] {
    const target = entryPath(requireText(entry.link, entry));
    const last = target.at(-1);
    if (last === undefined || last.startsWith(".wh.")) throw refused(entry.name, "its hard link means no file");
    const existing = [...this.#resolve(target.slice(0, -1), entry), last];
    const kind = this.#nodeAt(existing)?.kind;
    if (at(existing) === path) throw refused(entry.name, "its hard link means itself");
    if (kind === "directory" || kind === "whiteout") throw refused(entry.name, "its hard link means no file");
    return existing;
  }

  #otherEntry(entry: TarEntry, path: string, because: Reason): StepBody[] {
    checkEntry(entry);
    if (entry.type === "file") {
      // Writing drops set-id bits, and gives them back only to the owner of the machine (file_remove_privs
      // in fs/inode.c): such a file gets its content before its mode.
      const held = (entry.mode & 0o6000) !== 0 && entry.size <= largestSetId ? [] : undefined;
      this.#file = { entry, path, because, held, made: false, written: 0 };
      return [];
    }
    const made = entry.type === "symlink" ? makeSymlink(path, entry) : makeNode(path, entry);
    return [made, ...xattrSteps(path, entry), setTime(path, entry.mtime)];
  }

  #resolve(path: readonly string[], entry: TarEntry): string[] {
    const resolved = resolveInTree(this.#root, path);
    if (resolved === undefined) throw refused(entry.name, "the links on its way are a loop");
    return resolved;
  }

  #nodeAt(path: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of path) node = node instanceof Directory ? node.get(part) : undefined;
    return node;
  }

  #ensureDirectory(path: readonly string[], bodies: StepBody[]): Directory {
    let directory = this.#root;
    path.forEach((part, index) => {
      const node = directory.get(part);
      if (node?.kind === "directory") {
        directory = node;
        return;
      }
      const here = path.slice(0, index + 1);
      const known = this.#below(here);
      const status = known ?? { mode: 0o755, uid: 0, gid: 0, mtime: 0n };
      bodies.push(makeDirectory(at(here), status));
      if (node?.kind === "whiteout") bodies.push(this.#opaque(at(here)));
      const made = new Directory();
      made.mtime = status.mtime;
      made.isPassed = known === undefined;
      this.#remember(directory, part, made);
      directory = made;
    });
    return directory;
  }

  #remember(parent: Directory, name: string, node: Node): void {
    this.#kept += name.length + (node.kind === "symlink" ? node.text.length : 0);
    if (this.#kept > mostKept)
      throw new LayerError({
        code: "ERR_LAYERS_LIMIT",
        message: "its directories and links have more text than fits in memory",
      });
    // A part of a long string keeps all of it alive in V8; the bytes of the part do not.
    parent.set(decodeName(encodeName(name)), node);
  }

  #opaque(path: string): StepBody {
    return setXattr(path, `${this.#overlayXattrs}.overlay.opaque`, yes);
  }
}

/** Why a step is there. Its text is made when somebody asks, which is hardly ever: a layer has a hundred thousand steps. */
class EntryReason implements Reason {
  readonly why = "the layer holds it";
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get option(): string {
    return `layer entry ${JSON.stringify(this.#name)}`;
  }
}

/** The bodies were made for this and belong to nobody else: they become the steps. */
function withReason(bodies: StepBody[], because: Reason): Step[] {
  for (const body of bodies) (body as { because?: Reason }).because = because;
  return bodies as Step[];
}

const yes = new TextEncoder().encode("y");
const noBytes = new Uint8Array(0);
const largestSetId = 16 << 20;
const mostKept = 128 << 20;

const at = (path: readonly string[]): string => `/${path.join("/")}`;
const setTime = (path: string, time: Nanoseconds): StepBody => ({ do: "setTime", in: "rootfs", path, time });

function setXattr(path: string, name: string, value: Uint8Array): StepBody {
  return { do: "setXattr", in: "rootfs", path, name, value };
}

function makeDirectory(path: string, { mode, uid, gid }: Omit<DirectoryStatus, "mtime">): StepBody {
  return { do: "makeDirectory", in: "rootfs", path, mode, uid, gid };
}

function makeFile(path: string, { mode, uid, gid }: TarEntry, bytes: Uint8Array): StepBody {
  return { do: "makeFile", in: "rootfs", path, mode, uid, gid, bytes };
}

function extendFile(path: string, { size }: TarEntry, offset: number, bytes: Uint8Array): StepBody {
  return { do: "extendFile", in: "rootfs", path, offset: BigInt(offset), size: BigInt(size), bytes };
}

function makeSymlink(path: string, entry: TarEntry): StepBody {
  return { do: "makeSymlink", in: "rootfs", path, text: entry.link, uid: entry.uid, gid: entry.gid };
}

function makeNode(path: string, entry: TarEntry): StepBody {
  const { type, mode, uid, gid, major, minor } = entry;
  const kind = type as "character" | "block" | "fifo";
  if (kind === "fifo") return { do: "makeNode", in: "rootfs", path, kind, mode, uid, gid, major: 0, minor: 0 };
  return { do: "makeNode", in: "rootfs", path, kind, mode, uid, gid, major, minor };
}

function whiteout(path: string): StepBody {
  return { do: "makeNode", in: "rootfs", path, kind: "character", mode: 0, uid: 0, gid: 0, major: 0, minor: 0 };
}

function xattrSteps(path: string, entry: TarEntry): StepBody[] {
  return [...entry.xattrs].map(([name, value]) => setXattr(path, name, value));
}

function requireText(text: string, entry: TarEntry): string {
  if (text.includes("\0")) throw refused(entry.name, "its name or its link holds a NUL byte");
  return text;
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
