/** The candidate that `word` is most likely a misspelling of, or nothing when all are far from it. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (word === "" || word.length > 32) return undefined; // longer words are no slips of the finger
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let distance = Math.max(2, Math.ceil(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const found = editDistance(wanted, candidate.toLowerCase(), true);
    if (found < distance && found < candidate.length) {
      best = candidate;
      distance = found;
    }
  }
  return best;
}

/** The first candidate that is less than three edits away, as BuildKit's checks look for it. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64 || candidates.length > 1000) return undefined; // each comparison costs the square
  let best: string | undefined;
  let distance = 3;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= distance) continue; // so many insertions it takes
    const found = editDistance(word, candidate, false);
    if (found === 0) return undefined; // it is no mistake of spelling
    if (found >= distance) continue;
    best = candidate;
    distance = found;
  }
  return best;
}

// Levenshtein: insertions, deletions, substitutions; and swapped neighbours where they count as one.
function editDistance(a: string, b: string, swaps: boolean): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (swaps && i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
