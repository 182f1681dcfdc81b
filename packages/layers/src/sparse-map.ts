import { LayerError } from "./layers-error.ts";
import { decodeNumber } from "./numeric-field.ts";
import { type PaxRecord, parsePaxNumber } from "./pax-records.ts";

//  A sparse file in an archive is its pieces, one behind the other, and a map of where they belong:
//
//     content    [AAAA][BB]           map  (0,4) (9,2)  size 12
//     file       AAAA·····BB·         · is a hole
//
//  GNU tar has written the map in four places over the years. @see GNU tar manual, "Storing Sparse Files"

/** A piece of a file that is really in the archive. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

// A million pieces is a file of 4 GiB in which every second page is a hole.
const maxPieces = 1_000_000;

/**
 * Hold a map against the file it describes.
 * @param stored  Bytes of content in the archive, all pieces together.
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` when pieces overlap, go back, leave the file, or do not add up.
 */
export function checkPieces(pieces: readonly Piece[], size: number, stored: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of pieces) {
    if (offset < end || length > size - offset) throw badMap();
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw badMap();
}

/** The old GNU pieces in one block: 4 at 386 of a header (21 at 0 of a block after it), and whether more blocks follow. */
export function decodeGnuPieces(block: Uint8Array, isHeader: boolean): { pieces: Piece[]; more: boolean } {
  const start = isHeader ? 386 : 0;
  const count = isHeader ? 4 : 21;
  const pieces: Piece[] = [];
  for (let at = start; at < start + count * 24; at += 24) {
    if (block[at] === 0) break;
    pieces.push({ offset: position(block.subarray(at, at + 12)), length: position(block.subarray(at + 12, at + 24)) });
  }
  return { pieces, more: block[isHeader ? 482 : 504] !== 0 };
}

/** The size of the whole file in an old GNU header. */
export function decodeGnuRealSize(header: Uint8Array): number {
  return position(header.subarray(483, 495));
}

/** The pieces in the records of PAX formats 0.0 (repeated records) and 0.1 (one list); undefined when there are none. */
export function paxPieces(records: readonly PaxRecord[]): Piece[] | undefined {
  const numbers: number[] = [];
  let found = false;
  for (const [key, value] of records) {
    if (key === "GNU.sparse.map") {
      found = true;
      for (const part of value.length === 0 ? [] : splitBytes(value, 0x2c)) numbers.push(parsePaxNumber(part));
    } else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      found = true;
      if ((numbers.length % 2 === 0) !== (key === "GNU.sparse.offset")) throw badMap();
      numbers.push(parsePaxNumber(value));
    }
  }
  return found ? pair(numbers) : undefined;
}

/**
 * The map at the start of the content in PAX format 1.0: a count, then that many pairs, one decimal number
 * a line, zeros up to a block. Read block by block, each once, however long it says it is.
 */
export class LeadingMap {
  readonly #numbers: number[] = [];
  #value = 0;
  #digits = 0;

  /** Read the next block of content. The pieces, when they are complete with it. */
  push(block: Uint8Array): Piece[] | undefined {
    for (const byte of block) {
      if (byte === 0x0a) this.#endNumber();
      else if (byte < 0x30 || byte > 0x39 || ++this.#digits > 15) throw badMap();
      else this.#value = this.#value * 10 + (byte - 0x30);
      if (this.#numbers.length > 0 && this.#numbers.length === 1 + this.#numbers[0]! * 2)
        return pair(this.#numbers.slice(1));
    }
    return undefined;
  }

  #endNumber(): void {
    if (this.#digits === 0) throw badMap();
    this.#numbers.push(this.#value);
    if (this.#numbers[0]! > maxPieces) throw tooManyPieces();
    this.#value = 0;
    this.#digits = 0;
  }
}

export function tooManyPieces(): LayerError {
  return new LayerError({ code: "ERR_LAYERS_LIMIT", message: `a sparse file has more than ${maxPieces} pieces` });
}

function pair(numbers: readonly number[]): Piece[] {
  if (numbers.length % 2 !== 0) throw badMap();
  const pieces: Piece[] = [];
  for (let i = 0; i < numbers.length; i += 2) pieces.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return pieces;
}

function position(field: Uint8Array): number {
  const value = decodeNumber(field);
  if (value < 0) throw badMap();
  return value;
}

function splitBytes(bytes: Uint8Array, separator: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (let end = bytes.indexOf(separator); end >= 0; end = bytes.indexOf(separator, at)) {
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
  parts.push(bytes.subarray(at));
  return parts;
}

function badMap(): LayerError {
  return new LayerError({
    code: "ERR_LAYERS_ARCHIVE",
    message: "the map of a sparse file does not fit its content; the archive is damaged",
  });
}
