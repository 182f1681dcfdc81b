import { LayerError } from "./layers-error.ts";

//  A number in a tar header is octal text, or, where the first bit of the field is set, a two's complement
//  big-endian number in the bits after it (GNU "base-256", also read by every other implementation).
//
//     0000644\0            octal
//     80 00 00 … 01 00     base-256, positive
//     ff ff ff … ff fe     base-256, negative: times before 1970

/**
 * The number in `field`. An empty field is 0.
 * @throws {LayerError} `ERR_LAYERS_ARCHIVE` for other text, and for what a JavaScript number cannot hold exactly.
 */
export function decodeNumber(field: Uint8Array): number {
  const first = field[0] ?? 0;
  if (first & 0x80) return decodeBase256(field);
  let at = 0;
  let end = field.length;
  while (at < end && isPadding(field[at]!)) at++;
  while (end > at && isPadding(field[end - 1]!)) end--;
  let value = 0;
  for (; at < end; at++) {
    const digit = field[at]!;
    if (digit === 0) break; // what follows a NUL is no longer the number
    if (digit < 0x30 || digit > 0x37) throw badNumber();
    value = value * 8 + (digit - 0x30);
  }
  return exact(value);
}

/** Write `value` as octal with a NUL behind it. Whether it fits is asked first: {@link fitsOctal}. */
export function encodeOctal(field: Uint8Array, value: number): void {
  const text = value.toString(8).padStart(field.length - 1, "0");
  for (let i = 0; i < text.length; i++) field[i] = text.charCodeAt(i);
  field[field.length - 1] = 0;
}

/** Whether a header field of `length` bytes can hold `value` as octal. */
export function fitsOctal(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

const isPadding = (byte: number): boolean => byte === 0x20 || byte === 0;

function decodeBase256(field: Uint8Array): number {
  const negative = (field[0]! & 0x40) !== 0;
  let value = BigInt(negative ? field[0]! - 0x100 : field[0]! & 0x7f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  return exact(Number(value));
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw badNumber();
  return value;
}

function badNumber(): LayerError {
  return new LayerError({
    code: "ERR_LAYERS_ARCHIVE",
    message: "a header holds a number that cannot be read; the archive is damaged",
  });
}
