// The pattern language of Go's path.Match, which Docker's `reference=` filter speaks: `*` is any characters and `?`
// one, but no slash; `[a-c]` and `[^a-c]` are classes; a backslash takes a meaning away.
// @see https://pkg.go.dev/path#Match

type Token =
  | { readonly is: "star" }
  | { readonly is: "any" }
  | { readonly is: "one"; readonly character: string }
  | { readonly is: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

export type NamePattern = readonly Token[];

/** @returns undefined for what is malformed: a class without end, an empty one, a backslash at the end. */
export function parseNamePattern(text: string): NamePattern | undefined {
  const tokens: Token[] = [];
  const characters = Array.from(text);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") tokens.push({ is: "star" });
    else if (character === "?") tokens.push({ is: "any" });
    else if (character === "[") {
      const found = parseClass(characters, at + 1);
      if (found === undefined) return undefined;
      tokens.push(found.token);
      at = found.end;
    } else {
      const literal = character === "\\" ? characters[++at] : character;
      if (literal === undefined) return undefined;
      tokens.push({ is: "one", character: literal });
    }
  }
  return tokens;
}

function parseClass(characters: readonly string[], start: number): { token: Token; end: number } | undefined {
  const negated = characters[start] === "^";
  const ranges: [string, string][] = [];
  let at = start + (negated ? 1 : 0);
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = member(characters, at);
    if (low === undefined) return undefined;
    const high = characters[low.next] === "-" ? member(characters, low.next + 1) : low;
    if (high === undefined) return undefined;
    ranges.push([low.character, high.character]);
    at = high.next;
  }
  return { token: { is: "class", negated, ranges }, end: at };
}

/** A character of a class; one with a meaning there needs a backslash. */
function member(characters: readonly string[], at: number): { character: string; next: number } | undefined {
  const isEscaped = characters[at] === "\\";
  const character = characters[isEscaped ? at + 1 : at];
  if (character === undefined || (!isEscaped && (character === "]" || character === "-"))) return undefined;
  return { character, next: at + (isEscaped ? 2 : 1) };
}

/** Whether all of `name` fits. Takes at most the product of both lengths. */
export function matchesName(pattern: NamePattern, name: string): boolean {
  const characters = Array.from(name);
  let [token, at] = [0, 0];
  let star: { token: number; at: number } | undefined; // where to go on when the rest does not fit
  while (at < characters.length) {
    const wanted = pattern[token];
    if (wanted?.is === "star") star = { token: ++token, at };
    else if (wanted !== undefined && fits(wanted, characters[at]!)) [token, at] = [token + 1, at + 1];
    else if (star !== undefined && characters[star.at] !== "/") {
      star = { token: star.token, at: star.at + 1 };
      [token, at] = [star.token, star.at];
    } else return false;
  }
  return pattern.slice(token).every(({ is }) => is === "star");
}

function fits(token: Exclude<Token, { is: "star" }>, character: string): boolean {
  if (token.is === "one") return token.character === character;
  if (token.is === "any") return character !== "/";
  return token.ranges.some(([low, high]) => low <= character && character <= high) !== token.negated;
}
