const longestGuess = 40;

/** The name that `text` was most likely meant to be, or undefined when none is close. `CAP_` and case do not count. */
export function nearestName<Name extends string>(text: string, names: readonly Name[]): Name | undefined {
  if (text.length > longestGuess) return undefined; // nobody's typing error, and distances cost length squared
  const wanted = bare(text);
  let best: { readonly name: Name; readonly distance: number } | undefined;
  for (const name of names) {
    const distance = editDistance(wanted, bare(name));
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  // A third of the letters wrong is another word, not a slip.
  return best !== undefined && best.distance * 3 <= wanted.length ? best.name : undefined;
}

const bare = (name: string): string =>
  name
    .toUpperCase()
    .replace(/^CAP_/, "")
    .replaceAll(/[^A-Z]/g, "");

/** Levenshtein's distance: insertions, deletions and replacements that turn `from` into `to`. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}
