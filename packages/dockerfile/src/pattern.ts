// The patterns of ${name#…}, ${name%…} and ${name/…/…}: `?` is one character, `*` any number of them,
// a backslash takes their meaning away. No brackets. @see POSIX.1-2017, Shell Command Language, 2.13
//
// A pattern is kept as the pieces between its stars. Pieces are found one after another, each as early
// as possible, so that a star never has to be tried again: the work is text × longest piece.

/** Pieces between stars; `undefined` inside a piece stands for any one character. */
export type Pattern = readonly (readonly (string | undefined)[])[];

/**
 * @returns The pattern, or the escape that means nothing.
 */
export function parsePattern(text: string): Pattern | { readonly invalid: string } {
  const characters = Array.from(text);
  let piece: (string | undefined)[] = [];
  const pieces = [piece];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      piece = [];
      pieces.push(piece);
    } else if (character === "?") piece.push(undefined);
    else if (character === "\\") {
      const escaped = characters[++at] ?? "";
      // Inside ${…} a brace or a slash has to be escaped; the escape is then not part of the pattern.
      if (!["*", "?", "\\", "}", "/"].includes(escaped)) return { invalid: `\\${escaped}` };
      piece.push(escaped);
    } else piece.push(character);
  }
  return pieces;
}

/** Steps that a match may take at most, see above. */
export function matchCost(value: string, pattern: Pattern): number {
  return value.length * pattern.reduce((longest, piece) => Math.max(longest, piece.length), 1);
}

/** `value` without the shortest or longest beginning that matches. */
export function trimPrefix(value: string, pattern: Pattern, longest: boolean): string {
  const characters = Array.from(value);
  const end = matchEnd(characters, pattern, 0, longest);
  return end === undefined ? value : characters.slice(end).join("");
}

/** `value` without the shortest or longest ending that matches. */
export function trimSuffix(value: string, pattern: Pattern, longest: boolean): string {
  const characters = Array.from(value).reverse();
  const mirrored = pattern.map((piece) => piece.toReversed()).reverse();
  const end = matchEnd(characters, mirrored, 0, longest);
  return end === undefined ? value : characters.slice(end).reverse().join("");
}

/** `value` with the first longest match, or every one, replaced. An empty pattern matches nothing. */
export function replace(value: string, pattern: Pattern, replacement: string, all: boolean): string {
  if (pattern.length === 1 && pattern[0]!.length === 0) return value;
  const characters = Array.from(value);
  const out: string[] = [];
  let from = 0;
  do {
    const start = find(characters, pattern[0]!, from);
    const end = start === undefined ? undefined : matchEnd(characters, pattern, start, true);
    if (start === undefined || end === undefined) break;
    for (const character of characters.slice(from, start)) out.push(character);
    out.push(replacement);
    from = end;
  } while (all && from < characters.length);
  return out.join("") + characters.slice(from).join("");
}

// Where a match that begins at `start` ends.
function matchEnd(text: readonly string[], pattern: Pattern, start: number, longest: boolean): number | undefined {
  const first = pattern[0]!;
  if (!matchesAt(text, first, start)) return undefined;
  let at = start + first.length;
  for (const [index, piece] of pattern.entries()) {
    if (index === 0) continue;
    const last = index === pattern.length - 1;
    const found = last && longest ? findLast(text, piece, at) : find(text, piece, at);
    if (found === undefined) return undefined;
    at = found + piece.length;
  }
  return at;
}

function find(text: readonly string[], piece: Pattern[number], from: number): number | undefined {
  for (let at = from; at + piece.length <= text.length; at++) if (matchesAt(text, piece, at)) return at;
  return undefined;
}

function findLast(text: readonly string[], piece: Pattern[number], from: number): number | undefined {
  for (let at = text.length - piece.length; at >= from; at--) if (matchesAt(text, piece, at)) return at;
  return undefined;
}

function matchesAt(text: readonly string[], piece: Pattern[number], at: number): boolean {
  if (at + piece.length > text.length) return false;
  for (let i = 0; i < piece.length; i++) if (piece[i] !== undefined && piece[i] !== text[at + i]) return false;
  return true;
}
