import { encodeName } from "@ctr/plan";
import { compareNames } from "./compare-names.ts";
import { xattrPrefix } from "./entry-builder.ts";
import { blockSize, encodeHeaderBlock, type HeaderBlock, overflowingFields } from "./header-block.ts";
import { LayerError } from "./layers-error.ts";
import { encodePaxRecords, formatPaxTime, type PaxRecord } from "./pax-records.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";

/** An entry and the bytes of its file: exactly `entry.size` of them, in any number of chunks. */
export interface ArchiveMember {
  readonly entry: TarEntry;
  readonly content?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * The bytes of an archive, in the order given. Equal members give equal bytes: nothing of this machine,
 * this user or this moment goes in, and an extended header is written only where a plain one does not do.
 *
 * @throws {LayerError} `ERR_LAYERS_SOURCE` when content is not as long as its entry says, or an entry cannot be told in tar.
 */
export async function* writeArchive(
  members: Iterable<ArchiveMember> | AsyncIterable<ArchiveMember>,
): AsyncGenerator<Uint8Array, void> {
  for await (const { entry, content } of members) {
    yield encodeEntry(entry);
    let left = entry.size;
    for await (const chunk of content ?? []) {
      left -= chunk.length;
      if (left < 0) break;
      if (chunk.length > 0) yield chunk;
    }
    if (left !== 0) throw wrongLength(entry);
    const padding = (blockSize - (entry.size % blockSize)) % blockSize;
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new Uint8Array(2 * blockSize);
}

const flags: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** The header blocks of one entry. @throws {LayerError} `ERR_LAYERS_SOURCE` */
export function encodeEntry(entry: TarEntry): Uint8Array {
  const { header, records } = describe(entry);
  const block = encodeHeaderBlock(header);
  if (records.length === 0) return block;
  const body = encodePaxRecords(records);
  const extended = encodeHeaderBlock({ ...plain, name: "././@PaxHeader", size: body.length, flag: "x" });
  const bodySize = Math.ceil(body.length / blockSize) * blockSize;
  const whole = new Uint8Array(blockSize + bodySize + blockSize);
  whole.set(extended);
  whole.set(body, blockSize);
  whole.set(block, blockSize + bodySize);
  return whole;
}

const plain: HeaderBlock = {
  name: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  flag: "0",
  link: "",
  major: 0,
  minor: 0,
};

// The record that carries a field, and what it says.
const recordOf = {
  name: (entry) => ["path", encodeName(entry.name)],
  link: (entry) => ["linkpath", encodeName(entry.link)],
  uid: (entry) => ["uid", encodeName(String(entry.uid))],
  gid: (entry) => ["gid", encodeName(String(entry.gid))],
  size: (entry) => ["size", encodeName(String(entry.size))],
  mtime: (entry) => ["mtime", encodeName(formatPaxTime(entry.mtime))],
} as const satisfies Partial<Record<keyof HeaderBlock, (entry: TarEntry) => PaxRecord>>;

function describe(entry: TarEntry): { header: HeaderBlock; records: PaxRecord[] } {
  const fraction = ((entry.mtime % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const header: HeaderBlock = {
    ...entry,
    mtime: Number((entry.mtime - fraction) / 1_000_000_000n),
    flag: flags[entry.type],
  };
  const overflowing = overflowingFields(header);
  if (overflowing.has("major") || overflowing.has("minor"))
    throw untellable(entry, "its device number is too large for tar");
  if (fraction !== 0n) overflowing.add("mtime");
  const records: PaxRecord[] = [];
  if (!entry.name.isWellFormed() || !entry.link.isWellFormed()) records.push(["hdrcharset", encodeName("BINARY")]);
  for (const field of Object.keys(recordOf) as (keyof typeof recordOf)[])
    if (overflowing.has(field)) records.push(recordOf[field](entry));
  records.push(...xattrRecords(entry));
  return { header, records };
}

function xattrRecords(entry: TarEntry): PaxRecord[] {
  const names = [...entry.xattrs.keys()].sort((a, b) => compareNames(encodeName(a), encodeName(b)));
  return names.map((name) => {
    // The first "=" of a record ends its key.
    if (name.includes("=")) throw untellable(entry, `its extended attribute ${JSON.stringify(name)} holds "="`);
    return [xattrPrefix + name, entry.xattrs.get(name)!];
  });
}

function untellable(entry: TarEntry, message: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_SOURCE", entry: entry.name, message });
}

function wrongLength(entry: TarEntry): LayerError {
  return untellable(entry, `its content is not ${entry.size} bytes long; it changed while it was read`);
}
