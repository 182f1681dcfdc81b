// The wildcards of COPY and ADD: one name between slashes is matched at a time. `*` is any characters, `?` one,
// `[a-c]` and `[^a-c]` one of a class, a backslash takes a meaning away. No `**`.
// @see https://pkg.go.dev/path/filepath#Match

type Token =
  | { readonly is: "star" | "any" }
  | { readonly is: "one"; readonly character: string }
  | {
      readonly is: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [low: string, high: string])[];
    };

/** A compiled pattern for one name. */
export type NamePattern = readonly Token[];

export function hasWildcard(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** @returns undefined for a pattern that is malformed: a class without end, a backslash at the end. */
export function parseNamePattern(text: string): NamePattern | undefined {
  const characters = Array.from(text);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      if (tokens.at(-1)?.is !== "star") tokens.push({ is: "star" });
    } else if (character === "?") tokens.push({ is: "any" });
    else if (character === "[") {
      const end = parseClass(characters, at + 1, tokens);
      if (end === undefined) return undefined;
      at = end;
    } else {
      const literal = character === "\\" ? characters[++at] : character;
      if (literal === undefined) return undefined;
      tokens.push({ is: "one", character: literal });
    }
  }
  return tokens;
}

// Returns the place of the closing bracket.
function parseClass(characters: readonly string[], start: number, tokens: Token[]): number | undefined {
  const ranges: [string, string][] = [];
  let at = start;
  const negated = characters[at] === "^";
  if (negated) at++;
  const read = (): string | undefined => {
    const character = characters[at++];
    if (character === undefined || character === "-" || (character === "]" && ranges.length > 0)) return undefined;
    return character === "\\" ? characters[at++] : character;
  };
  while (at < characters.length && !(characters[at] === "]" && ranges.length > 0)) {
    const low = read();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (characters[at] === "-") {
      at++;
      high = read();
    }
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  if (at >= characters.length) return undefined;
  tokens.push({ is: "class", negated, ranges });
  return at;
}

/** Whether a whole name matches. Takes time for name × pattern at most: only the last star is ever tried again. */
export function matchesName(pattern: NamePattern, name: string): boolean {
  const characters = Array.from(name);
  let at = 0;
  let token = 0;
  let star = -1;
  let starAt = 0;
  while (at < characters.length) {
    const here = pattern[token];
    if (here?.is === "star") {
      star = token++;
      starAt = at;
    } else if (here !== undefined && matchesOne(here, characters[at]!)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pattern[token]?.is === "star") token++;
  return token === pattern.length;
}

function matchesOne(token: Token, character: string): boolean {
  switch (token.is) {
    case "star":
    case "any":
      return true;
    case "one":
      return token.character === character;
    case "class":
      return (
        token.negated !==
        token.ranges.some(([low, high]) => order(low) <= order(character) && order(character) <= order(high))
      );
  }
}

const order = (character: string): number => character.codePointAt(0)!;
