import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeName,
  emptyPlanSize,
  encode,
  PlanError,
  type Step,
  stepNumber,
  timingOffset,
  timingSize,
} from "../src/index.ts";
import { anyStep, anyStepNamed, stepNames } from "./any-step.ts";
import { decode } from "./decode.ts";

const because = { option: "test", why: "test" };
const withoutReason = (steps: readonly Step[]): object[] => steps.map(({ because: _, ...body }) => body);

for (const name of stepNames)
  test(`${name}: what is encoded can be read back`, () => {
    fc.assert(
      fc.property(anyStepNamed(name), (step) => {
        expect(decode(encode([step]))).toEqual(withoutReason([step]));
      }),
      { numRuns: 50 },
    );
  });

test("plans of many steps can be read back, and every part begins at a word", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const bytes = encode(steps);
      expect(bytes.length % 8).toBe(0);
      expect(decode(bytes)).toEqual(withoutReason(steps));
    }),
    { numRuns: 200 },
  );
});

test("the empty plan is its header", () => {
  expect(encode([]).length).toBe(emptyPlanSize);
  expect(decode(encode([]))).toEqual([]);
});

test("numbers on the wire never move: they are the order of the table", () => {
  expect(stepNames.map((name) => stepNumber[name])).toEqual(stepNames.map((_, index) => index + 1));
});

test("time stamps lie behind the plan, one for each step and one for the end", () => {
  const plan = encode([{ do: "newSession", because }]);
  expect(timingOffset(plan)).toBe(plan.length);
  expect(timingSize(1)).toBe(16);
});

const texts = [
  { value: "", why: "nothing" },
  { value: "seven b", why: "its NUL fills the word" },
  { value: "eight by", why: "its NUL needs one more word" },
  { value: "\n\r\t\u0001\u007f", why: "control characters mean nothing to the kernel" },
  { value: "../../etc/shadow", why: "paths are not judged here" },
  { value: "naïve — 漢字 🜁", why: "one to four bytes of UTF-8" },
  { value: "\uFEFFbom", why: "a byte order mark is a character of a name" },
  { value: "x".repeat(100_000), why: "longer than the first buffer" },
] as const;
for (const { value, why } of texts)
  test(`text ${JSON.stringify(value.slice(0, 20))}: ${why}`, () => {
    expect(decode(encode([{ do: "setHostname", name: value, because }]))).toEqual([{ do: "setHostname", name: value }]);
  });

test("half of a surrogate pair becomes U+FFFD, which is what the kernel then gets", () => {
  const [step] = decode(encode([{ do: "setHostname", name: "a\ud800b", because }]));
  expect(step).toEqual({ do: "setHostname", name: "a\ufffdb" });
});

const names = [
  { bytes: [0x61, 0x80], why: "Latin-1 in a name" },
  { bytes: [0xc3, 0xa9, 0xff, 0xf0, 0x9f, 0x90, 0xb3], why: "between characters that are UTF-8" },
  { bytes: [0xc0, 0xaf], why: "an overlong slash is two bytes and no slash" },
] as const;
for (const { bytes, why } of names)
  test(`a name that is not UTF-8 travels byte for byte: ${Buffer.from(bytes).toString("hex")}: ${why}`, () => {
    const plan = encode([{ do: "setHostname", name: decodeName(Uint8Array.from(bytes)), because }]);
    expect(Buffer.from(plan).includes(Buffer.from([...bytes, 0]))).toBe(true);
  });

const mount = { do: "setMount", in: "host", target: "/", recursive: false, propagation: "keep", because } as const;

test("a flag that is named twice is set once: `ro,ro` is still read-only", () => {
  const step: Step = { ...mount, set: ["readOnly", "noExec", "readOnly"], clear: [] };
  expect(decode(encode([step]))).toEqual([
    {
      do: "setMount",
      in: "host",
      target: "/",
      recursive: false,
      set: ["readOnly", "noExec"],
      clear: [],
      propagation: "keep",
    },
  ]);
});

const refused = [
  { step: { do: "setHostname", name: "a\0b", because }, is: /step 2, name: .*NUL/, why: "the kernel would cut it" },
  {
    step: { do: "exec", argv: ["sh", "-c\0"], env: [], because },
    is: /step 2, argv: .*NUL/,
    why: "also inside of a list",
  },
  { step: { ...mount, set: ["readonly"], clear: [] }, is: /step 2, set: "readonly" is none of/, why: "no such flag" },
  { step: { ...mount, set: ["toString"], clear: [] }, is: /none of/, why: "a name that every object has" },
  { step: { ...mount, set: ["__proto__"], clear: [] }, is: /none of/, why: "the prototype is no flag" },
  {
    step: { ...mount, in: "elsewhere", set: [], clear: [] },
    is: /"elsewhere" is none of host, rootfs/,
    why: "no tree",
  },
] as const;
for (const { step, is, why } of refused)
  test(`refused: ${JSON.stringify(step)}: ${why}`, () => {
    const encoding = (): Uint8Array => encode([{ do: "newSession", because }, step as unknown as Step]);
    expect(encoding).toThrow(is);
    expect(encoding).toThrow(expect.objectContaining({ name: "PlanError", code: "ERR_PLAN_VALUE", step: 1 }));
  });

test("whatever the texts are, encode throws nothing but a PlanError", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.string({ unit: "binary" })), (name, argv) => {
      try {
        encode([
          { do: "setHostname", name, because },
          { do: "exec", argv, env: [], because },
        ]);
      } catch (error) {
        expect(error).toBeInstanceOf(PlanError);
      }
    }),
  );
});
