import { decodeName, encodeName, type Nanoseconds } from "@ctr/plan";
import { LayerError } from "./layers-error.ts";

/** One `length key=value\n` record. Values are bytes: an xattr may hold anything, newlines too. */
export type PaxRecord = readonly [key: string, value: Uint8Array];

/**
 * The records of an extended header, in their order (GNU sparse 0.0 repeats keys).
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` when a length and its record disagree.
 * @see POSIX.1-2024 pax, "pax Extended Header"
 */
export function parsePaxRecords(bytes: Uint8Array): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? 0 : decimal(bytes.subarray(at, space));
    const record = bytes.subarray(space + 1, at + length);
    const equals = record.indexOf(0x3d);
    if (length === 0 || at + length > bytes.length || equals < 1 || record.at(-1) !== 0x0a) throw badRecord();
    records.push([decodeName(record.subarray(0, equals)), record.subarray(equals + 1, -1)]);
    at += length;
  }
  return records;
}

/** The inverse of {@link parsePaxRecords}. */
export function encodePaxRecords(records: Iterable<PaxRecord>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [key, value] of records) {
    const name = encodeName(key);
    const rest = name.length + value.length + 3; // space, equals sign, newline
    // The length counts its own digits, so one more digit may ask for yet another.
    let length = rest + String(rest).length;
    if (rest + String(length).length !== length) length = rest + String(length).length;
    parts.push(encodeName(`${length} `), name, encodeName("="), value, encodeName("\n"));
  }
  return concat(parts);
}

/**
 * The nanoseconds of a time record: `1700000000.123456789`, `-1.5`. Digits past the ninth are dropped.
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` for other text, and past ±2⁵³ seconds.
 */
export function parsePaxTime(value: Uint8Array): Nanoseconds {
  const match = /^(-?)(\d{1,15})(?:\.(\d{0,32}))?$/.exec(decodeName(value));
  if (!match) throw badRecord();
  const nanoseconds = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  return match[1] ? -nanoseconds : nanoseconds;
}

/** The inverse of {@link parsePaxTime}, without zeros at the end. */
export function formatPaxTime(time: Nanoseconds): string {
  const size = time < 0n ? -time : time;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${time < 0n ? "-" : ""}${size / 1_000_000_000n}${fraction ? `.${fraction}` : ""}`;
}

/**
 * A decimal number of a record.
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` for other text and past 2⁵³.
 */
export function parsePaxNumber(value: Uint8Array): number {
  const number = decimal(value);
  if (value.length === 0 || Number.isNaN(number)) throw badRecord();
  return number;
}

// 0 for nothing, NaN for what is no number, so that callers compare once.
function decimal(digits: Uint8Array): number {
  let value = 0;
  for (const digit of digits) {
    if (digit < 0x30 || digit > 0x39) return Number.NaN;
    value = value * 10 + (digit - 0x30);
    if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  }
  return value;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function badRecord(): LayerError {
  return new LayerError({
    code: "ERR_LAYERS_ARCHIVE",
    message: "an extended header holds a record that cannot be read; the archive is damaged",
  });
}
