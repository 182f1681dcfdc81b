import {
  decodeName,
  emptyPlanSize,
  type FieldKind,
  layout,
  planMagic,
  type StepBody,
  stepNumber,
} from "../src/index.ts";

/** Reads an encoded plan back, by what layout.ts and the comment of encode.ts say and by nothing of encode.ts itself. */
export function decode(bytes: Uint8Array): StepBody[] {
  const reader = new Reader(bytes);
  if (reader.u64() !== planMagic) throw new Error("no plan");
  const count = reader.number();
  if (reader.number() !== bytes.length) throw new Error("the length in the header is not the plan's");
  if (reader.at !== emptyPlanSize) throw new Error("the header is not what an empty plan is");
  const steps = Array.from({ length: count }, () => readStep(reader));
  if (reader.at !== bytes.length) throw new Error(`${bytes.length - reader.at} bytes behind the last step`);
  return steps;
}

const nameOf = new Map(Object.entries(stepNumber).map(([name, number]) => [number, name as StepBody["do"]]));

function readStep(reader: Reader): StepBody {
  const name = nameOf.get(reader.number());
  if (name === undefined) throw new Error("a step without a name");
  const end = reader.number() + reader.at;
  const fields = Object.entries(layout[name] as Record<string, FieldKind>).map(([key, kind]) => [
    key,
    reader.field(kind),
  ]);
  if (reader.at !== end) throw new Error(`${name} says another length than its fields have`);
  return { do: name, ...Object.fromEntries(fields) } as StepBody;
}

class Reader {
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u64(): bigint {
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8, true);
  }

  s64(): bigint {
    return BigInt.asIntN(64, this.u64());
  }

  number(): number {
    return Number(this.s64());
  }

  field(kind: FieldKind): unknown {
    if (typeof kind === "object") {
      const value = this.number();
      if ("one" in kind) return Object.keys(kind.one).find((word) => kind.one[word] === value);
      return Object.keys(kind.flags).filter((word) => (value & kind.flags[word]!) !== 0);
    }
    switch (kind) {
      case "number":
        return this.number();
      case "boolean":
        return this.number() === 1;
      case "bigint":
        return this.s64();
      case "bytes":
        return this.#sized();
      case "text":
        return decodeName(this.#sized());
      case "numbers":
        return Array.from({ length: this.number() }, () => this.number());
      case "texts": {
        const count = this.number();
        this.at += (count + 1) * 8;
        return Array.from({ length: count }, () => this.field("text"));
      }
    }
  }

  #sized(): Uint8Array {
    const size = this.number();
    const found = new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.at, size).slice();
    if (this.#view.getUint8(this.at + size) !== 0) throw new Error("no NUL behind the bytes");
    this.at += (size + 8) & ~7;
    return found;
  }
}
