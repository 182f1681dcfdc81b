import type { Decision, DecisionGraph } from "./decision-graph.ts";

/** Numbers from `first` up to the next range's `first` share one decision. Ranges are sorted; the last is open. */
export interface Range<Key extends number | bigint = number> {
  readonly first: Key;
  readonly decision: Decision;
}

/** Ranges with neighbours of equal decision joined. */
export function joinEqual<Key extends number | bigint>(ranges: readonly Range<Key>[]): Range<Key>[] {
  return ranges.filter((range, index) => index === 0 || range.decision !== ranges[index - 1]!.decision);
}

// At most this many numbers are compared one by one at a leaf. A lone number between equal neighbours then costs one
// comparison instead of two; more than three save hardly anything and make the tree deeper.
const mostSingles = 3;

//           A ≥ 128
//         ┌────┴────┐
//      A ≥ 64     A ≥ 300          inner nodes: halves of the remaining leaves
//     ┌──┴──┐    ┌──┴──┐
//    leaf  leaf leaf  leaf         a leaf: `A = 101 ? no : A = 105 ? no : yes`

/**
 * A balanced binary search for the range that holds the accumulator. The smallest possible number of comparisons is
 * chosen first, the shape second: the kernel checks and translates every instruction at each load.
 */
export function searchTree(graph: DecisionGraph, ranges: readonly Range[]): Decision {
  const leaves = cutIntoLeaves(joinEqual(ranges));
  const build = (from: number, to: number): Decision => {
    const leaf = leaves[from]!;
    if (to - from === 1)
      return leaf.singles.reduceRight(
        (no, { first, decision }) => graph.test("equal", first, decision, no),
        leaf.otherwise,
      );
    const middle = (from + to) >> 1;
    return graph.test("atLeast", leaves[middle]!.first, build(middle, to), build(from, middle));
  };
  return build(0, leaves.length);
}

/** A run of ranges with one decision, but for a few single numbers. */
interface Leaf {
  readonly first: number;
  readonly singles: readonly Range[];
  readonly otherwise: Decision;
}

/** The cheapest way to cut ranges into leaves: each leaf costs its singles, each cut one comparison. */
function cutIntoLeaves(ranges: readonly Range[]): Leaf[] {
  // best[to]: the cheapest leaves for the ranges up to `to`, of which the last begins at `from`.
  const best: { readonly cost: number; readonly from: number; readonly otherwise: Decision }[] = [];
  for (const [to, { decision }] of ranges.entries()) {
    best.push({ cost: (best[to - 1]?.cost ?? -1) + 1, from: to, otherwise: decision });
    // A leaf begins and ends with what most of it decides: a single at its edge could as well be a leaf of its own.
    let singles = 0;
    for (let from = to - 1; from >= 0 && singles <= mostSingles; from--) {
      if (ranges[from]!.decision === decision) {
        const cost = (best[from - 1]?.cost ?? -1) + 1 + singles;
        if (cost <= best[to]!.cost) best[to] = { cost, from, otherwise: decision };
      } else singles += ranges[from + 1]!.first - ranges[from]!.first;
    }
  }
  const leaves: Leaf[] = [];
  for (let to = ranges.length - 1; to >= 0; to = best[to]!.from - 1) {
    const { from, otherwise } = best[to]!;
    leaves.unshift({ first: ranges[from]!.first, singles: singlesBeside(ranges, from, to, otherwise), otherwise });
  }
  return leaves;
}

/** The numbers in the ranges `from` to `to` that do not decide `otherwise`. */
function singlesBeside(ranges: readonly Range[], from: number, to: number, otherwise: Decision): Range[] {
  const singles: Range[] = [];
  for (let index = from; index < to; index++) {
    const { first, decision } = ranges[index]!;
    if (decision === otherwise) continue;
    for (let number = first; number < ranges[index + 1]!.first; number++) singles.push({ first: number, decision });
  }
  return singles;
}
