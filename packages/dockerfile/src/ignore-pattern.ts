// One pattern of a .dockerignore. A state machine instead of a regular expression: every character of a
// path is looked at once with the set of places in the pattern that may stand there, so the work is
// path × pattern whatever the pattern.

type Part =
  | { readonly is: "character"; readonly character: string }
  | { readonly is: "one" } // ?      one character but "/"
  | { readonly is: "star" } // *      any characters but "/"
  | { readonly is: "rest" } // **     at the end: anything
  | { readonly is: "directories" } // **/    nothing, or anything up to a "/"
  | { readonly is: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

export interface IgnorePattern {
  matches(path: string): boolean;
}

/** @returns `undefined` for a pattern that Go's filepath.Match calls malformed. */
export function compileIgnorePattern(pattern: string): IgnorePattern | undefined {
  const parts = readParts(Array.from(pattern));
  return parts && { matches: (path) => run(parts, Array.from(path)) };
}

function readParts(characters: readonly string[]): Part[] | undefined {
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*" && characters[at + 1] === "*") {
      at++;
      const slash = characters[at + 1] === "/";
      if (slash) at++;
      if (at + 1 >= characters.length) parts.push({ is: "rest" });
      else if (slash || parts.length > 0 || !isPlain(characters.slice(at + 1))) {
        if (parts.at(-1)?.is !== "directories") parts.push({ is: "directories" }); // **/**/ is **/
      } else parts.push({ is: "rest" }); // **name with nothing else special is "ends in name"
    } else if (character === "*") parts.push({ is: "star" });
    else if (character === "?") parts.push({ is: "one" });
    else if (character === "[") {
      const found = readClass(characters, at + 1);
      if (found === undefined) return undefined;
      parts.push(found.part);
      at = found.end;
    } else if (character === "\\") {
      const escaped = characters[++at];
      if (escaped === undefined) return undefined;
      parts.push({ is: "character", character: escaped });
    } else parts.push({ is: "character", character });
  }
  return parts;
}

const isPlain = (characters: readonly string[]): boolean =>
  !characters.some((character) => "*?[]\\".includes(character));

// [a-z0-9], [^a-z]: at least one range; "-" and "]" only escaped.
function readClass(characters: readonly string[], start: number): { part: Part; end: number } | undefined {
  let at = start;
  const negated = characters[at] === "^";
  if (negated) at++;
  const ranges: [number, number][] = [];
  const bound = (): number | undefined => {
    let character = characters[at];
    if (character === "-" || character === "]") return undefined;
    if (character === "\\") character = characters[++at];
    at++;
    return character?.codePointAt(0);
  };
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = bound();
    if (low === undefined) return undefined;
    let high: number | undefined = low;
    if (characters[at] === "-") {
      at++;
      high = bound();
      if (high === undefined) return undefined;
    }
    ranges.push([low, high]);
  }
  return { part: { is: "class", negated, ranges }, end: at };
}

function run(parts: readonly Part[], path: readonly string[]): boolean {
  let places = new Set<number>();
  reach(parts, 0, places);
  for (const character of path) {
    if (places.size === 0) return false;
    const next = new Set<number>();
    for (const place of places) step(parts, place, character, next);
    places = next;
  }
  return places.has(parts.length);
}

// Be at `place`, and wherever that leads without reading anything: two steps at most, see readParts.
function reach(parts: readonly Part[], place: number, places: Set<number>): void {
  for (let at = place; ; at++) {
    places.add(at);
    const kind = parts[at]?.is;
    if (kind !== "star" && kind !== "rest" && kind !== "directories") return;
  }
}

function step(parts: readonly Part[], place: number, character: string, next: Set<number>): void {
  const part = parts[place];
  switch (part?.is) {
    case "character":
      if (part.character === character) reach(parts, place + 1, next);
      break;
    case "one":
      if (character !== "/") reach(parts, place + 1, next);
      break;
    case "star":
      if (character !== "/") reach(parts, place, next);
      break;
    case "rest":
      reach(parts, place, next);
      break;
    case "directories":
      // Halfway through a directory's name the next part cannot begin: stay, without what follows.
      if (character === "/") reach(parts, place, next);
      else next.add(place);
      break;
    case "class":
      if (inClass(part, character) !== part.negated) reach(parts, place + 1, next);
      break;
  }
}

function inClass(part: Extract<Part, { is: "class" }>, character: string): boolean {
  const code = character.codePointAt(0)!;
  return part.ranges.some(([low, high]) => low <= code && code <= high);
}
