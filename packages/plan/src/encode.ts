import { type FieldKind, layout } from "./layout.ts";
import { encodeName } from "./name-bytes.ts";
import { PlanError } from "./plan-error.ts";
import type { Step, StepName } from "./step.ts";

//   word 0   magic, with the version of the layout
//   word 1   number of steps
//   word 2   length of everything before the time stamps
//   then     each step: number, length of its fields, the fields
//   last     when timing was asked for: one word per step, written by the interpreter

/** "ctrplan" and the version of the layout. Both halves are built from the same sources, so any change of layout raises it. */
export const planMagic = 0x01_6e616c70727463n;
const word = 8;
const headerWords = 3;

/** The number of a step on the wire. */
export const stepNumber: Readonly<Record<StepName, number>> = Object.fromEntries(
  Object.keys(layout).map((name, index) => [name, index + 1]),
) as Record<StepName, number>;

const fieldsOf: Readonly<Record<string, readonly (readonly [string, FieldKind])[]>> = Object.fromEntries(
  Object.entries(layout).map(([name, fields]) => [name, Object.entries(fields)]),
);

const utf8 = new TextEncoder();

/**
 * The bytes that the interpreter walks.
 *
 * @throws {PlanError} `ERR_PLAN_VALUE` when a text holds a NUL byte, which would cut it short, or a word is none of the field's.
 */
export function encode(steps: readonly Step[]): Uint8Array {
  return write(steps, new Writer());
}

/** Encodes one plan after the other into the same memory: fresh megabytes cost more than what is written there. */
export class PlanEncoder {
  readonly #writer = new Writer();

  /** As {@link encode}; the bytes are good until the next call. */
  encode(steps: readonly Step[]): Uint8Array {
    this.#writer.length = 0;
    return write(steps, this.#writer);
  }
}

function write(steps: readonly Step[], writer: Writer): Uint8Array {
  writer.u64(planMagic);
  writer.number(steps.length);
  writer.number(0);
  steps.forEach((step, index) => {
    writer.step = index;
    writer.number(stepNumber[step.do]);
    const lengthAt = writer.length;
    writer.number(0);
    for (const [name, kind] of fieldsOf[step.do]!)
      writer.field(name, kind, (step as unknown as Record<string, unknown>)[name]);
    writer.patch(lengthAt, writer.length - lengthAt - word);
  });
  writer.patch(2 * word, writer.length);
  return writer.bytes();
}

/** Where the time stamps of an encoded plan begin: one 64-bit count of nanoseconds (CLOCK_MONOTONIC) per step and one for the start. */
export function timingOffset(encoded: Uint8Array): number {
  return encoded.length;
}

/** Bytes of time stamps that follow a plan of `steps` steps. */
export function timingSize(steps: number): number {
  return (steps + 1) * word;
}

/** The smallest plan there is: what the native code compares its own idea of the format with. */
export const emptyPlanSize: number = headerWords * word;

class Writer {
  step = 0;
  length = 0;
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  patch(at: number, value: number): void {
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  number(value: number): void {
    this.#grow(word);
    this.#view.setInt32(this.length, value | 0, true);
    this.#view.setInt32(this.length + 4, Math.floor(value / 2 ** 32), true);
    this.length += word;
  }

  u64(value: bigint): void {
    this.#grow(word);
    this.#view.setBigUint64(this.length, BigInt.asUintN(64, value), true);
    this.length += word;
  }

  field(name: string, kind: FieldKind, value: unknown): void {
    if (typeof kind === "object") {
      if ("one" in kind) this.number(this.#lookUp(name, kind.one, value as string));
      else this.number((value as string[]).reduce((sum, flag) => sum | this.#lookUp(name, kind.flags, flag), 0));
      return;
    }
    switch (kind) {
      case "number":
        this.number(value as number);
        break;
      case "boolean":
        this.number(value ? 1 : 0);
        break;
      case "bigint":
        this.u64(value as bigint);
        break;
      case "text":
        this.#text(name, value as string);
        break;
      case "bytes":
        this.#sized(value as Uint8Array);
        break;
      case "numbers":
        this.#numbers(value as readonly number[]);
        break;
      case "texts":
        this.#texts(name, value as readonly string[]);
        break;
    }
  }

  #numbers(values: readonly number[]): void {
    this.number(values.length);
    for (const value of values) this.number(value);
  }

  #lookUp(name: string, words: Readonly<Record<string, number>>, value: string): number {
    const found = Object.hasOwn(words, value) ? words[value] : undefined;
    if (found === undefined) this.#refuse(name, `${JSON.stringify(value)} is none of ${Object.keys(words).join(", ")}`);
    return found as number;
  }

  #refuse(name: string, what: string): never {
    throw new PlanError({
      code: "ERR_PLAN_VALUE",
      step: this.step,
      message: `step ${this.step + 1}, ${name}: ${what}`,
    });
  }

  #text(name: string, value: string): void {
    if (value.includes("\0"))
      this.#refuse(name, `${JSON.stringify(value)} holds a NUL byte, where the kernel would cut it`);
    // One UTF-16 unit is at most three bytes of UTF-8; then the length before, the NUL and the padding after.
    this.#grow(2 * word + value.length * 3 + word);
    const at = this.length + word;
    const ascii = this.#ascii(value, at);
    const rest = ascii === value.length ? 0 : this.#encoded(value.slice(ascii), at + ascii);
    this.number(ascii + rest);
    this.#end(ascii + rest);
  }

  /** Writes the beginning that is ASCII, and says how long it is: most texts are nothing else, and calling the encoder costs more. */
  #ascii(value: string, at: number): number {
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return i;
      this.#bytes[at + i] = unit;
    }
    return value.length;
  }

  /** Writes a text, and says how many bytes it has; a lone surrogate may stand for one, see name-bytes.ts. */
  #encoded(value: string, at: number): number {
    if (value.isWellFormed()) return utf8.encodeInto(value, this.#bytes.subarray(at)).written;
    const bytes = encodeName(value);
    this.#bytes.set(bytes, at);
    return bytes.length;
  }

  #sized(value: Uint8Array): void {
    this.#grow(2 * word + value.length + word);
    this.number(value.length);
    this.#bytes.set(value, this.length);
    this.#end(value.length);
  }

  #texts(name: string, values: readonly string[]): void {
    this.number(values.length);
    const table = (values.length + 1) * word; // of pointers, ended by NULL
    this.#grow(table);
    this.#bytes.fill(0, this.length, this.length + table);
    this.length += table;
    for (const value of values) this.#text(name, value);
  }

  /** End a text of `size` bytes that was written here: a NUL, and zeros up to the next word. */
  #end(size: number): void {
    const end = this.length + size;
    this.length += (size + word) & ~(word - 1);
    for (let at = end; at < this.length; at++) this.#bytes[at] = 0;
  }

  #grow(by: number): void {
    if (this.length + by <= this.#bytes.length) return;
    if (this.length + by > 0x4000_0000)
      throw new PlanError({
        code: "ERR_PLAN_SIZE",
        step: this.step,
        message: `a plan of more than 1 GiB, at step ${this.step + 1}`,
      });
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + by));
    larger.set(this.bytes());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
