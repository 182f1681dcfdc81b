import { decodeName, type Nanoseconds } from "@ctr/plan";
import { decodeHeaderBlock, type HeaderBlock } from "./header-block.ts";
import { LayerError } from "./layers-error.ts";
import { type PaxRecord, parsePaxNumber, parsePaxRecords, parsePaxTime } from "./pax-records.ts";
import { decodeGnuRealSize, type Piece, paxPieces } from "./sparse-map.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";

/** Where PAX keeps extended attributes; star's name for them, which everybody took over. */
export const xattrPrefix = "SCHILY.xattr.";

/** What {@link EntryBuilder} makes of the headers of one entry. */
export interface BuiltEntry {
  readonly entry: TarEntry;
  /** Bytes of content in the archive. */
  readonly stored: number;
  /** Where a sparse file's content belongs, when the headers say so. */
  readonly pieces: readonly Piece[] | undefined;
  /** PAX sparse format 1.0: the map is the first part of the content. */
  readonly mapIsInContent: boolean;
}

const types: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file", // "contiguous", which no system of today has
  S: "file", // GNU sparse
};

/** Whether a header says something about the next entry, and is none itself. */
export const isMetaFlag = (flag: string): boolean => "xgLK".includes(flag);

/** Gathers the headers in front of an entry, then makes the entry. PAX overrules the header, a GNU long name both, as in Go. */
export class EntryBuilder {
  #records: readonly PaxRecord[] | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;

  get isEmpty(): boolean {
    return this.#records === undefined && this.#longName === undefined && this.#longLink === undefined;
  }

  addMeta(flag: string, content: Uint8Array): void {
    if (flag === "x") this.#records = parsePaxRecords(content);
    else if (flag === "L") this.#longName = untilNul(content);
    else if (flag === "K") this.#longLink = untilNul(content);
  }

  /** @throws {LayerError} `ERR_LAYERS_ARCHIVE`; `ERR_LAYERS_ENTRY` for a type that no file system has. */
  build(block: Uint8Array): BuiltEntry {
    const header = decodeHeaderBlock(block)!;
    const pax = new PaxFields(this.#records ?? []);
    const name = this.#longName ?? pax.text("GNU.sparse.name") ?? pax.text("path") ?? header.name;
    const type = entryType(header, name);
    const isFile = type === "file";
    // A body behind anything but a file is no body: that is how Go reads it, and with it every engine.
    const stored = isFile ? (pax.number("size") ?? header.size) : 0;
    const mapIsInContent = isFile && pax.text("GNU.sparse.major") === "1" && pax.text("GNU.sparse.minor") === "0";
    const pieces = isFile && !mapIsInContent ? paxPieces(this.#records ?? []) : undefined;
    const isSparse = header.flag === "S" || mapIsInContent || pieces !== undefined;
    const entry: TarEntry = {
      name,
      type,
      mode: header.mode & 0o7777,
      uid: checkId(pax.number("uid") ?? header.uid),
      gid: checkId(pax.number("gid") ?? header.gid),
      size: isSparse ? realSize(block, header, pax) : stored,
      mtime: pax.time("mtime") ?? BigInt(header.mtime) * 1_000_000_000n,
      link: this.#longLink ?? pax.text("linkpath") ?? header.link,
      major: header.major,
      minor: header.minor,
      xattrs: pax.xattrs,
    };
    return { entry, stored, pieces, mapIsInContent };
  }
}

/** The records of one extended header by their keys; the last of a key holds, an empty value takes it back. */
class PaxFields {
  readonly #fields = new Map<string, Uint8Array>();
  readonly xattrs = new Map<string, Uint8Array>();

  constructor(records: readonly PaxRecord[]) {
    for (const [key, value] of records) {
      // An empty xattr is an attribute like any other; of other keys POSIX says that the value is deleted.
      if (key.startsWith(xattrPrefix)) this.xattrs.set(key.slice(xattrPrefix.length), value);
      else if (value.length === 0) this.#fields.delete(key);
      else this.#fields.set(key, value);
    }
  }

  text(key: string): string | undefined {
    const value = this.#fields.get(key);
    if (value?.includes(0)) throw damaged(`the extended header field ${key} holds a NUL byte`);
    return value && decodeName(value);
  }

  number(key: string): number | undefined {
    const value = this.#fields.get(key);
    return value && parsePaxNumber(value);
  }

  time(key: string): Nanoseconds | undefined {
    const value = this.#fields.get(key);
    return value && parsePaxTime(value);
  }
}

function entryType(header: HeaderBlock, name: string): EntryType {
  const type = Object.hasOwn(types, header.flag) ? types[header.flag] : undefined;
  if (type === undefined)
    throw new LayerError({
      code: "ERR_LAYERS_ENTRY",
      entry: name,
      message: `its type ${JSON.stringify(header.flag)} is none that a file system has`,
    });
  // Before there was a type for directories, a slash at the end said it.
  const isOldDirectory = (header.flag === "\0" || header.flag === "0") && header.size === 0 && name.endsWith("/");
  return isOldDirectory ? "directory" : type;
}

function realSize(block: Uint8Array, header: HeaderBlock, pax: PaxFields): number {
  if (header.flag === "S") return decodeGnuRealSize(block);
  return pax.number("GNU.sparse.realsize") ?? pax.number("GNU.sparse.size") ?? 0;
}

// The last number, 2³²-1, means "no change" to chown(2).
function checkId(id: number): number {
  if (id < 0 || id >= 0xffff_ffff) throw damaged(`${id} is no user or group number`);
  return id;
}

function untilNul(content: Uint8Array): string {
  const end = content.indexOf(0);
  return decodeName(end < 0 ? content : content.subarray(0, end));
}

function damaged(message: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_ARCHIVE", message });
}
