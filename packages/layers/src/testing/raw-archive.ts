import { encodeName } from "@ctr/plan";
import { encodePaxRecords } from "../pax-records.ts";

//  The package's own writer refuses to write what is wrong. This one writes what it is told.

/** A field of a header: octal digits for a number, else the bytes as they are. */
export type RawField = number | Uint8Array | string;

/** One member of an archive, with every field as it stands in the header. Nothing is checked. */
export interface RawEntry {
  /** Up to 100 bytes; longer names and links need `gnuName`, `gnuLink` or a record. */
  readonly name?: string;
  /** The type flag; default "0", a file. */
  readonly flag?: string;
  readonly link?: string;
  readonly mode?: RawField;
  readonly uid?: RawField;
  readonly gid?: RawField;
  /** What the header says; default is the length of `body`. */
  readonly size?: RawField;
  readonly mtime?: RawField;
  readonly major?: RawField;
  readonly minor?: RawField;
  /** Of the name, in a POSIX header. */
  readonly prefix?: string;
  /** Default is POSIX; `ustar  \0` is GNU. */
  readonly magic?: string;
  /** Raw bytes at any place of the header, before its checksum. */
  readonly patch?: readonly (readonly [at: number, bytes: Uint8Array])[];
  /** Instead of the right one. */
  readonly checksum?: RawField;
  readonly body?: string | Uint8Array;
  /** Records of an extended header in front. */
  readonly pax?: readonly (readonly [key: string, value: string | Uint8Array])[];
  /** The extended header's content as it is, instead of `pax`. */
  readonly paxBody?: string | Uint8Array;
  /** In an `L` member in front. */
  readonly gnuName?: string;
  /** In a `K` member in front. */
  readonly gnuLink?: string;
}

const blockSize = 512;

/** An archive of these members, with its end mark. */
export function rawArchive(...entries: readonly RawEntry[]): Uint8Array {
  return joinBytes(...entries.map(rawEntry), new Uint8Array(2 * blockSize));
}

/** The blocks of one member and of what goes before it. */
export function rawEntry(entry: RawEntry): Uint8Array {
  const before: Uint8Array[] = [];
  if (entry.paxBody !== undefined) before.push(member({ name: "pax", flag: "x", body: entry.paxBody }));
  else if (entry.pax !== undefined)
    before.push(member({ name: "pax", flag: "x", body: encodePaxRecords(entry.pax.map(([k, v]) => [k, bytesOf(v)])) }));
  if (entry.gnuName !== undefined) before.push(gnuText("L", entry.gnuName));
  if (entry.gnuLink !== undefined) before.push(gnuText("K", entry.gnuLink));
  return joinBytes(...before, member(entry));
}

/** A number in GNU's base-256: two's complement, for a field of `length` bytes. */
export function base256(value: bigint, length: number): Uint8Array {
  const field = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at--, rest >>= 8n) field[at] = Number(rest & 0xffn);
  field[0]! |= 0x80;
  return field;
}

export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function gnuText(flag: string, text: string): Uint8Array {
  return member({
    name: "././@LongLink",
    flag,
    magic: "ustar  \0",
    body: joinBytes(encodeName(text), Uint8Array.of(0)),
  });
}

function member(entry: RawEntry): Uint8Array {
  const body = bytesOf(entry.body ?? "");
  const block = new Uint8Array(blockSize);
  put(block, 0, 100, entry.name ?? "");
  put(block, 100, 8, entry.mode ?? (entry.flag === "5" ? 0o755 : 0o644));
  put(block, 108, 8, entry.uid ?? 0);
  put(block, 116, 8, entry.gid ?? 0);
  put(block, 124, 12, entry.size ?? body.length);
  put(block, 136, 12, entry.mtime ?? 0);
  put(block, 156, 1, entry.flag ?? "0");
  put(block, 157, 100, entry.link ?? "");
  put(block, 257, 8, entry.magic ?? "ustar\x0000");
  if (entry.magic === undefined || entry.major !== undefined) put(block, 329, 8, entry.major ?? 0);
  if (entry.magic === undefined || entry.minor !== undefined) put(block, 337, 8, entry.minor ?? 0);
  put(block, 345, 155, entry.prefix ?? "");
  for (const [at, bytes] of entry.patch ?? []) block.set(bytes, at);
  block.fill(0x20, 148, 156);
  put(
    block,
    148,
    8,
    entry.checksum ??
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
  );
  const padding = new Uint8Array((blockSize - (body.length % blockSize)) % blockSize);
  return joinBytes(block, body, padding);
}

function put(block: Uint8Array, at: number, length: number, field: RawField): void {
  const bytes =
    typeof field === "number" ? bytesOf(`${field.toString(8).padStart(length - 1, "0")}\0`) : bytesOf(field);
  block.set(bytes.subarray(0, length), at);
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encodeName(value) : value;
}
