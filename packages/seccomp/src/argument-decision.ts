import type { SeccompArgument, SeccompRule } from "@ctr/oci";
import { type Decision, type DecisionGraph, tooLong } from "./decision-graph.ts";
import { argumentOffset } from "./instruction.ts";
import { joinEqual, type Range, searchTree } from "./search-tree.ts";
import { SeccompError } from "./seccomp-error.ts";

/** One comparison of a rule, its numbers checked. */
interface Condition {
  readonly index: number;
  readonly op: SeccompArgument["op"];
  readonly value: bigint;
  readonly valueTwo: bigint;
}

/** A rule for one system call: the return value that it gives when every condition holds. */
export interface CallRule {
  readonly conditions: readonly Condition[];
  readonly value: number;
}

// Each such rule costs an instruction at least, and the work grows with the square of their number.
const mostRulesPerCall = 512;

/**
 * The rules that one entry of a profile stands for. As in runc and crun, an entry that compares the same argument
 * twice means "either"; an entry that compares different arguments means "both".
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE` for an index, value or operator that does not exist.
 */
export function readRule(rule: SeccompRule, value: number, where: string): CallRule[] {
  const conditions = (rule.args ?? []).map((argument, at) => readCondition(argument, `${where}.args[${at}]`));
  const repeats = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  return repeats ? conditions.map((condition) => ({ conditions: [condition], value })) : [{ conditions, value }];
}

const largestValue = 2n ** 64n - 1n;

const operators: ReadonlySet<string> = new Set<SeccompArgument["op"]>([
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
]);

function readCondition({ index, value, valueTwo = 0, op }: SeccompArgument, where: string): Condition {
  if (!Number.isInteger(index) || index < 0 || index > 5)
    throw new SeccompError("ERR_SECCOMP_PROFILE", `${where}.index ${index}: a system call has arguments 0 to 5`);
  if (!operators.has(op))
    throw new SeccompError("ERR_SECCOMP_PROFILE", `${where}.op ${JSON.stringify(op)?.slice(0, 64)}: unknown operator`);
  return { index, op, value: readValue(value, `${where}.value`), valueTwo: readValue(valueTwo, `${where}.valueTwo`) };
}

function readValue(value: number | bigint, where: string): bigint {
  const exact = typeof value === "bigint" || Number.isSafeInteger(value) ? BigInt(value) : -1n;
  if (exact >= 0n && exact <= largestValue) return exact;
  throw new SeccompError(
    "ERR_SECCOMP_PROFILE",
    `${where} ${value}: not a whole number from 0 to 2^64-1; above 2^53 only a bigint is exact`,
  );
}

/**
 * What happens to a call that has `rules`: the first rule whose conditions all hold decides, else `otherwise`.
 *
 * @param narrow  Arguments are 32 bits wide.
 */
export function decideByArguments(
  graph: DecisionGraph,
  rules: readonly CallRule[],
  otherwise: Decision,
  narrow: boolean,
): Decision {
  if (rules.length > mostRulesPerCall) throw tooLong(`${rules.length} rules for one system call`);
  let rest = otherwise;
  let to = rules.length;
  while (to > 0) {
    // Neighbouring rules over one argument become a search over its values; any other rule is a chain of tests.
    const from = startOfRun(rules, to);
    rest =
      from < to
        ? searchArgument(graph, rules.slice(from, to), rest, narrow)
        : chain(graph, rules[to - 1]!, rest, narrow);
    to = Math.min(from, to - 1);
  }
  return rest;
}

function soleCondition(rule: CallRule | undefined): Condition | undefined {
  const condition = rule?.conditions[0];
  return rule?.conditions.length === 1 && condition?.op !== "SCMP_CMP_MASKED_EQ" ? condition : undefined;
}

/** Where the run of rules that compare one argument and end at `to` begins; `to` itself when there is none. */
function startOfRun(rules: readonly CallRule[], to: number): number {
  const index = soleCondition(rules[to - 1])?.index;
  if (index === undefined) return to;
  let from = to - 1;
  while (from > 0 && soleCondition(rules[from - 1])?.index === index) from--;
  return from;
}

function chain(graph: DecisionGraph, rule: CallRule, no: Decision, narrow: boolean): Decision {
  return rule.conditions.reduceRight<Decision>(
    (yes, condition) =>
      condition.op === "SCMP_CMP_MASKED_EQ"
        ? testMasked(graph, condition, yes, no, narrow)
        : searchValues(graph, condition.index, rangesOf([condition], [yes], no), narrow),
    graph.returns(rule.value),
  );
}

function searchArgument(
  graph: DecisionGraph,
  rules: readonly CallRule[],
  otherwise: Decision,
  narrow: boolean,
): Decision {
  const conditions = rules.map((rule) => rule.conditions[0]!);
  const decisions = rules.map((rule) => graph.returns(rule.value));
  return searchValues(graph, conditions[0]!.index, rangesOf(conditions, decisions, otherwise), narrow);
}

/** The values of an argument, cut where any condition changes its answer; the first condition that holds decides. */
function rangesOf(
  conditions: readonly Condition[],
  decisions: readonly Decision[],
  otherwise: Decision,
): Range<bigint>[] {
  const cuts = new Set([0n, ...conditions.flatMap(({ value }) => [value, value + 1n])]);
  cuts.delete(largestValue + 1n);
  const sorted = [...cuts].sort((a, b) => (a < b ? -1 : 1));
  const ranges = sorted.map((first) => {
    const match = conditions.findIndex((condition) => holds(condition, first));
    return { first, decision: match < 0 ? otherwise : decisions[match]! };
  });
  return joinEqual(ranges);
}

function holds({ op, value }: Condition, argument: bigint): boolean {
  switch (op) {
    case "SCMP_CMP_NE":
      return argument !== value;
    case "SCMP_CMP_LT":
      return argument < value;
    case "SCMP_CMP_LE":
      return argument <= value;
    case "SCMP_CMP_EQ":
      return argument === value;
    case "SCMP_CMP_GE":
      return argument >= value;
    case "SCMP_CMP_GT":
      return argument > value;
    case "SCMP_CMP_MASKED_EQ":
      throw new Error("masked comparisons are no ranges");
  }
}

/** The filter sees 32 bits at a time: search the high half, and below a value of it that matters, the low half. */
function searchValues(
  graph: DecisionGraph,
  index: number,
  ranges: readonly Range<bigint>[],
  narrow: boolean,
): Decision {
  const low = (high: number): Decision =>
    graph.load(argumentOffset(index, "low"), searchTree(graph, lowRanges(ranges, high)));
  if (narrow) return low(0);

  const cuts = new Set([0]);
  for (const { first } of ranges) {
    const high = Number(first >> 32n);
    cuts.add(high);
    if (high < 0xffffffff) cuts.add(high + 1);
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  const highRanges = sorted.map((high) => ({ first: high, decision: low(high) }));
  return graph.load(argumentOffset(index, "high"), searchTree(graph, highRanges));
}

/** The ranges of the low half while the high half is `high`. */
function lowRanges(ranges: readonly Range<bigint>[], high: number): Range[] {
  const start = BigInt(high) << 32n;
  const end = start + 2n ** 32n;
  const inside = ranges.filter(({ first }) => first > start && first < end);
  const atStart = ranges.findLast(({ first }) => first <= start)!;
  return [
    { first: 0, decision: atStart.decision },
    ...inside.map(({ first, decision }) => ({ first: Number(first - start), decision })),
  ];
}

/** `(argument & value) == valueTwo`, half by half; a half whose mask is 0 needs no look. */
function testMasked(graph: DecisionGraph, at: Condition, yes: Decision, no: Decision, narrow: boolean): Decision {
  const high = (bits: bigint): number => Number(bits >> 32n);
  const low = (bits: bigint): number => Number(bits & 0xffffffffn);
  const lowTest = testHalf(graph, argumentOffset(at.index, "low"), low(at.value), low(at.valueTwo), yes, no);
  if (narrow) return high(at.valueTwo) === 0 ? lowTest : no;
  return testHalf(graph, argumentOffset(at.index, "high"), high(at.value), high(at.valueTwo), lowTest, no);
}

function testHalf(
  graph: DecisionGraph,
  offset: number,
  mask: number,
  wanted: number,
  yes: Decision,
  no: Decision,
): Decision {
  if ((wanted & ~mask) !== 0) return no; // a bit outside the mask can never be set
  if (mask === 0) return yes;
  if (wanted === 0) return graph.load(offset, graph.test("anyBit", mask, no, yes));
  const equal = graph.test("equal", wanted, yes, no);
  return graph.load(offset, mask === 0xffffffff ? equal : graph.and(mask, equal));
}
