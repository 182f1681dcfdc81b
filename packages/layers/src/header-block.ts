import { decodeName, encodeName } from "@ctr/plan";
import { LayerError } from "./layers-error.ts";
import { decodeNumber, encodeOctal, fitsOctal } from "./numeric-field.ts";

//   0        100      108    116    124     136      148     156  157        257    263
//   ├ name ──┼ mode ──┼ uid ─┼ gid ─┼ size ─┼ mtime ─┼ sum ──┼ t ─┼ link ────┼ magic┼ version, users
//   329      337      345                                 500
//   ├ major ─┼ minor ─┼ prefix (ustar: goes before the name)
//                     └ GNU: times, and the first pieces of a sparse file from 386 on
//
/** @see POSIX.1-2024 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" */
export const blockSize: number = 512;

/** The fields of one header block. What the entry is called and how long it is may still be overruled. */
export interface HeaderBlock {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** The type flag: "0" file, "1" hard link, "2" symlink, "3" "4" devices, "5" directory, "6" FIFO, "x" PAX, "L" GNU name … */
  readonly flag: string;
  readonly link: string;
  readonly major: number;
  readonly minor: number;
}

/**
 * The fields of a header block, or undefined for the block of zeros that ends an archive.
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` when the checksum is wrong or a number cannot be read.
 */
export function decodeHeaderBlock(block: Uint8Array): HeaderBlock | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  checkSum(block);
  const magic = decodeName(block.subarray(257, 263));
  const isPosix = magic === "ustar\0";
  // star keeps two times where POSIX has the end of the prefix.
  const isStar = isPosix && decodeName(block.subarray(508, 512)) === "tar\0";
  const prefix = isPosix ? cString(block.subarray(345, isStar ? 476 : 500)) : "";
  const name = cString(block.subarray(0, 100));
  const hasDevice = isPosix || magic === "ustar ";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: decodeNumber(block.subarray(100, 108)),
    uid: decodeNumber(block.subarray(108, 116)),
    gid: decodeNumber(block.subarray(116, 124)),
    size: decodeNumber(block.subarray(124, 136)),
    mtime: decodeNumber(block.subarray(136, 148)),
    flag: String.fromCharCode(block[156]!),
    link: cString(block.subarray(157, 257)),
    major: hasDevice ? decodeNumber(block.subarray(329, 337)) : 0,
    minor: hasDevice ? decodeNumber(block.subarray(337, 345)) : 0,
  };
}

/** Which fields a header block is too small for; these must come from an extended header. */
export function overflowingFields(header: HeaderBlock): Set<keyof HeaderBlock> {
  const fields = new Set<keyof HeaderBlock>();
  if (splitName(header.name) === undefined) fields.add("name");
  if (!fitsText(header.link)) fields.add("link");
  for (const field of ["uid", "gid", "major", "minor"] as const) if (!fitsOctal(header[field], 8)) fields.add(field);
  for (const field of ["size", "mtime"] as const) if (!fitsOctal(header[field], 12)) fields.add(field);
  return fields;
}

/** A POSIX header block. Fields of {@link overflowingFields} are written empty. Users have no names: two machines must agree. */
export function encodeHeaderBlock(header: HeaderBlock): Uint8Array {
  const block = new Uint8Array(blockSize);
  const [prefix, name] = splitName(header.name) ?? ["", header.name];
  const bytes = encodeName(name).subarray(0, 100);
  block.set(fitsText(name) ? bytes : bytes.map((byte) => (byte < 0x80 ? byte : 0x5f)), 0);
  block.set(encodeName(prefix), 345);
  if (fitsText(header.link)) block.set(encodeName(header.link), 157);
  number(block.subarray(100, 108), header.mode);
  number(block.subarray(108, 116), header.uid);
  number(block.subarray(116, 124), header.gid);
  number(block.subarray(124, 136), header.size);
  number(block.subarray(136, 148), header.mtime);
  block[156] = header.flag.charCodeAt(0);
  block.set(encodeName("ustar\x0000"), 257);
  number(block.subarray(329, 337), header.major);
  number(block.subarray(337, 345), header.minor);
  encodeOctal(block.subarray(148, 155), unsignedSum(block));
  block[155] = 0x20;
  return block;
}

function number(field: Uint8Array, value: number): void {
  encodeOctal(field, fitsOctal(value, field.length) ? value : 0);
}

// Other encodings than ASCII have no meaning in a ustar field; longer text does not fit.
const fitsText = (text: string): boolean => text.length <= 100 && isAscii(text);
const isAscii = (text: string): boolean => /^[\x01-\x7f]*$/.test(text);

// A long name may be cut at a slash: at most 155 bytes before it and 100 after it.
function splitName(name: string): [prefix: string, name: string] | undefined {
  if (fitsText(name)) return ["", name];
  if (name.length > 256 || !isAscii(name)) return undefined;
  const cut = name.indexOf("/", Math.max(1, name.length - 101));
  return cut < 0 || cut > 155 || cut === name.length - 1 ? undefined : [name.slice(0, cut), name.slice(cut + 1)];
}

// The checksum counts itself as spaces. Some old writers added signed bytes; every reader takes both.
function checkSum(block: Uint8Array): void {
  const said = decodeNumber(block.subarray(148, 156));
  const sum = unsignedSum(block);
  if (said === sum || said === sum - 0x100 * block.reduce((count, byte, i) => count + (isSigned(byte, i) ? 1 : 0), 0))
    return;
  throw new LayerError({
    code: "ERR_LAYERS_ARCHIVE",
    message: "the checksum of a header is wrong; this is not a tar archive, or a damaged one",
  });
}

const isSigned = (byte: number, at: number): boolean => byte > 0x7f && (at < 148 || at >= 156);

function unsignedSum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i]!;
  for (let i = 156; i < blockSize; i++) sum += block[i]!;
  return sum;
}

function cString(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decodeName(end < 0 ? field : field.subarray(0, end));
}
