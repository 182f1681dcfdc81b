//  Linux names are bytes, JavaScript's are UTF-16. A byte that is no UTF-8 travels as a lone surrogate:
//
//     66 6f 80 6f   ⇄   "f" "o" U+DC80 "o"          (the rule of Python's PEP 383, "surrogateescape")
//
//  so every name there is has one string, equal strings are equal names, and nothing is lost on the way back.

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The string of a file name, whatever its bytes are. {@link encodeName} gives the same bytes back. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

/** The bytes of a file name. Surrogates that stand for no byte become U+FFFD, as TextEncoder has it. */
export function encodeName(name: string): Uint8Array {
  if (name.isWellFormed()) return encoder.encode(name);
  const bytes = new Uint8Array(name.length * 3);
  let at = 0;
  for (const character of name) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes[at++] = code;
    else if (code >= 0xdc80 && code <= 0xdcff) bytes[at++] = code - 0xdc00;
    else at += encoder.encodeInto(character, bytes.subarray(at)).written;
  }
  return bytes.slice(0, at);
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : decoder.decode(bytes.subarray(at, at + length));
    at += length || 1;
  }
  return text;
}

// Bytes of the UTF-8 sequence at `at`, or 0. Surrogates, overlong forms and numbers past U+10FFFF are
// none; RFC 3629, section 4.
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}
