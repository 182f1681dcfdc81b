import fc from "fast-check";
import { expect, test } from "vitest";
import { explainCause, findCauses } from "../src/cause.ts";
import { findEarlier, type Ingredient, keyText, type StepParts } from "../src/step-parts.ts";

const sha = (name: string, digest: string, line?: number): Ingredient => ({ from: "ARG", name, line, digest });

const before: StepParts = {
  source: "COPY $FILES /",
  operation: ["COPY", "a b"],
  parent: "sha256:1",
  base: { name: "busybox:latest", id: "sha256:b" },
  platform: "linux/amd64",
  inputs: [
    ["a", "1"],
    ["b", "2"],
  ],
  ingredients: [sha("FILES", "f", 2), { from: "USER", name: "USER", line: undefined, digest: "u" }],
  readsAll: true,
};

const cases: readonly {
  readonly now: Partial<StepParts>;
  readonly ranBelow?: number;
  readonly ranEmpty?: number;
  readonly is: string;
  readonly why: string;
}[] = [
  { now: {}, is: "the layer is not in the store any more", why: "nothing differs, and still it ran" },
  { now: { source: "COPY a /", operation: ["COPY", "a"] }, is: "instruction changed", why: "other words" },
  {
    now: { source: "COPY a /", operation: ["COPY", "a"], inputs: [["a", "9"]] },
    is: "instruction changed",
    why: "its files follow from its words",
  },
  {
    now: { source: "COPY  $FILES  /", inputs: [["a", "9"]] },
    is: "a changed, b is gone",
    why: "white space makes no other instruction",
  },
  {
    now: { ingredients: [...before.ingredients].reverse() },
    is: "variables come in another order",
    why: "a command can see it",
  },
  {
    now: { ingredients: [...before.ingredients].reverse(), readsAll: false },
    is: "the layer is not in the store any more",
    why: "a copy cannot",
  },
  { now: { operation: ["COPY", "x"] }, is: "instruction changed", why: "the words mean something else" },
  { now: { platform: "linux/arm64" }, is: "platform changed", why: "another machine" },
  {
    now: {
      inputs: [
        ["b", "3"],
        ["c", "1"],
      ],
    },
    is: "b changed, c is new, a is gone",
    why: "what changed comes first",
  },
  {
    now: { ingredients: [sha("FILES", "g", 3), before.ingredients[1]!] },
    is: "ARG FILES entered at line 3 changed",
    why: "where it is now",
  },
  { now: { ingredients: [before.ingredients[1]!] }, is: "ARG FILES entered at line 2 is gone", why: "where it was" },
  {
    now: { ingredients: [sha("FILES", "f", 9), before.ingredients[1]!] },
    is: "the layer is not in the store any more",
    why: "a line number is no value",
  },
  {
    now: { ingredients: [before.ingredients[0]!, { from: "USER", name: "USER", line: 4, digest: "v" }] },
    is: "USER entered at line 4 changed",
    why: "a setting has no second name",
  },
  { now: { parent: "sha256:2" }, ranBelow: 4, is: "step 4 ran", why: "what lies below is new" },
  {
    now: { parent: "sha256:2", base: { name: "busybox:latest", id: "sha256:c" } },
    is: "base image busybox:latest changed",
    why: "nothing else could",
  },
  { now: { parent: "sha256:2" }, ranEmpty: 3, is: "step 3 ran", why: "it made files before, and none now" },
  { now: { parent: "sha256:2" }, is: "other steps lie below", why: "a step went away, none had to run" },
  {
    now: {
      parent: "sha256:2",
      inputs: [
        ["a", "9"],
        ["b", "2"],
      ],
    },
    ranBelow: 4,
    is: "a changed, step 4 ran",
    why: "its own reason first",
  },
];
for (const { now, ranBelow, ranEmpty, is, why } of cases)
  test(`${is}: ${why}`, () => {
    const causes = findCauses({ ...before, ...now }, before, { ranBelow, ranEmpty });
    expect(causes.map(explainCause).join(", ")).toBe(is);
  });

test("without an earlier record it never ran", () => {
  expect(findCauses(before, undefined, { ranBelow: 3 })).toEqual([{ kind: "new" }]);
  expect(explainCause({ kind: "new" })).toBe("never ran before");
  expect(explainCause({ kind: "noCache" })).toBe("the cache is not to be used");
});

const keys: readonly { readonly now: Partial<StepParts>; readonly same: boolean; readonly why: string }[] = [
  { now: { source: "copy   $FILES /" }, same: true, why: "spelling is no meaning" },
  { now: { base: { name: "other", id: "x" } }, same: true, why: "only a base's files and variables matter" },
  { now: { ingredients: [sha("FILES", "f", 7), before.ingredients[1]!] }, same: true, why: "nor the line of an ARG" },
  { now: { ingredients: [sha("FILES", "g", 2), before.ingredients[1]!] }, same: false, why: "its value does" },
  { now: { ingredients: [sha("OTHER", "f", 2), before.ingredients[1]!] }, same: false, why: "and its name" },
  {
    now: { ingredients: [{ ...before.ingredients[0]!, from: "ENV" }, before.ingredients[1]!] },
    same: true,
    why: "a command cannot tell an ARG from an ENV",
  },
  { now: { inputs: [["a", "1"]] }, same: false, why: "a file less" },
  { now: { inputs: [...before.inputs].reverse() }, same: false, why: "the last of two sources wins, so order matters" },
  { now: { parent: "" }, same: false, why: "on something else" },
  { now: { platform: "linux/arm64" }, same: false, why: "for something else" },
];
for (const { now, same, why } of keys)
  test(`a key is ${same ? "the same" : "another"}: ${why}`, () => {
    expect(keyText({ ...before, ...now }) === keyText(before)).toBe(same);
  });

test("what a stage is called is in the words for people and not in the key", () => {
  const from = (name: string): StepParts => ({ ...before, inputs: [[`--from=${name} a b`, "1"]] });
  expect(keyText(from("one"))).toBe(keyText(from("other")));
  expect(keyText(from("one"))).not.toBe(keyText({ ...before, inputs: [["--from=one b", "1"]] }));
});

test("variables of a step that does not read them all are in its operation, not in its key", () => {
  const copy = { ...before, readsAll: false };
  expect(keyText({ ...copy, ingredients: [] })).toBe(keyText(copy));
});

test("no two different sets of parts have one key", () => {
  const text = fc.string({ unit: fc.constantFrom("a", '"', ",", "]", "\\") });
  const parts = fc.record({
    operation: fc.array(text, { maxLength: 3 }),
    parent: text,
    inputs: fc.array(fc.tuple(text, text), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const same =
        JSON.stringify([a.operation, a.parent, a.inputs]) === JSON.stringify([b.operation, b.parent, b.inputs]);
      return (keyText({ ...before, ...a }) === keyText({ ...before, ...b })) === same;
    }),
  );
});

const record = (ordinal: number, source: string) => ({ ordinal, parts: { ...before, source } });
const records = [record(0, "RUN a"), record(1, "RUN b"), record(2, "RUN a"), record(3, "RUN c")];
const searches: readonly {
  readonly ordinal: number;
  readonly source: string;
  readonly now: readonly string[];
  readonly finds: number | undefined;
  readonly why: string;
}[] = [
  { ordinal: 1, source: "RUN b", now: ["RUN b"], finds: 1, why: "itself" },
  { ordinal: 5, source: "RUN b", now: ["RUN b"], finds: 1, why: "itself, further down" },
  { ordinal: 3, source: "RUN a", now: ["RUN a"], finds: 2, why: "the nearer of two" },
  { ordinal: 3, source: "RUN new", now: ["RUN new"], finds: 3, why: "the one whose place it took" },
  { ordinal: 3, source: "RUN new", now: ["RUN new", "RUN c"], finds: undefined, why: "that one lives on: a new step" },
  {
    ordinal: 2,
    source: "RUN new",
    now: ["RUN a", "RUN new"],
    finds: 2,
    why: "one of two alike lives on, not this one",
  },
  { ordinal: 9, source: "RUN new", now: ["RUN new"], finds: undefined, why: "nothing was there" },
];
for (const { ordinal, source, now, finds, why } of searches)
  test(`the earlier record of ${source} at ${ordinal} is ${finds}: ${why}`, () => {
    const found = findEarlier({ ordinal, source }, records, now);
    expect(found).toBe(finds === undefined ? undefined : records[finds]!.parts);
  });
