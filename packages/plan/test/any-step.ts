import fc from "fast-check";
import { decodeName, type FieldKind, layout, type Step, type StepName } from "../src/index.ts";

const because = { option: "test", why: "a property holds for every step" };

// What a JavaScript string can hold and a C string cannot: NUL, and half a surrogate pair that stands for no byte.
const text = fc.oneof(
  fc
    .oneof(fc.string(), fc.string({ unit: "binary", maxLength: 40 }))
    .map((value) => value.replaceAll("\0", "").toWellFormed()),
  fc.uint8Array({ min: 1, maxLength: 40 }).map(decodeName),
);
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger());

/** Any value of a field; flags come sorted, as the layout has them. */
function anyValue(kind: FieldKind): fc.Arbitrary<unknown> {
  if (typeof kind === "object") {
    if ("one" in kind) return fc.constantFrom(...Object.keys(kind.one));
    return fc.subarray(Object.keys(kind.flags));
  }
  switch (kind) {
    case "number":
      return integer;
    case "boolean":
      return fc.boolean();
    case "bigint":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "bytes":
      return fc.uint8Array({ maxLength: 64 });
    case "text":
      return text;
    case "numbers":
      return fc.array(integer, { maxLength: 8 });
    case "texts":
      return fc.array(text, { maxLength: 8 });
  }
}

export function anyStepNamed(name: StepName): fc.Arbitrary<Step> {
  const fields = Object.entries(layout[name] as Record<string, FieldKind>).map(([key, kind]) => [key, anyValue(kind)]);
  return fc
    .record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, { noNullPrototype: true })
    .map((values) => ({ do: name, ...values, because }) as unknown as Step);
}

export const stepNames = Object.keys(layout) as StepName[];
export const anyStep: fc.Arbitrary<Step> = fc.constantFrom(...stepNames).chain(anyStepNamed);
