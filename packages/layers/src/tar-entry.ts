import type { Nanoseconds } from "@ctr/plan";

export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/**
 * One member of an archive, in the terms of the file system. Nothing in it is checked: `name` and `link`
 * say what the archive says. Users are numbers only; a container has its own /etc/passwd.
 */
export interface TarEntry {
  /** Bytes that are no UTF-8 are lone surrogates, see name-bytes.ts of @ctr/plan. */
  readonly name: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file, its holes included; 0 for everything else. */
  readonly size: number;
  readonly mtime: Nanoseconds;
  /** Text of a symlink, or the name in this archive that a hard link means. */
  readonly link: string;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** An entry of which only what differs from a plain root-owned one has to be said. */
export function tarEntry(what: Pick<TarEntry, "name" | "type"> & Partial<TarEntry>): TarEntry {
  const mode = what.type === "directory" ? 0o755 : what.type === "symlink" ? 0o777 : 0o644;
  return { mode, uid: 0, gid: 0, size: 0, mtime: 0n, link: "", major: 0, minor: 0, xattrs: noXattrs, ...what };
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();
