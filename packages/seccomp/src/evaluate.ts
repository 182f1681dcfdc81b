import type { SeccompAction } from "@ctr/oci";
import { readReturnValue } from "./action.ts";
import { dataOffsets, decodeProgram, instructionSize, opcodes } from "./instruction.ts";
import { SeccompError } from "./seccomp-error.ts";

/** A system call as a filter sees it: struct seccomp_data without the instruction pointer. */
export interface SystemCall {
  /** AUDIT_ARCH_* of the entry that was used. */
  readonly audit: number;
  /** As an unsigned 32-bit number. */
  readonly number: number;
  /** Six registers, each 0 to 2^64-1; missing ones are 0. */
  readonly args?: readonly bigint[];
}

export interface Verdict {
  readonly action: SeccompAction;
  /** The errno of ERRNO, the message of TRACE, else 0. */
  readonly data: number;
  /** How many instructions it took. */
  readonly steps: number;
}

/**
 * Run a filter on one call, as the kernel would: to explain a refusal, or to test a profile without a kernel.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROGRAM` when the program leaves its own bounds or uses an operation that
 *   `compile` never makes.
 */
export function evaluate(program: Uint8Array, call: SystemCall): Verdict {
  const instructions = decodeProgram(program);
  const data = encodeCall(call);
  let accumulator = 0;
  for (let at = 0, steps = 1; ; at++, steps++) {
    const instruction = instructions[at];
    if (instruction === undefined) throw badProgram(`runs past its end at instruction ${at}`);
    const { code, k, jumpTrue, jumpFalse } = instruction;
    const skip = (condition: boolean): number => (condition ? jumpTrue : jumpFalse);
    switch (code) {
      case opcodes.return:
        return { ...readReturnValue(k), steps };
      case opcodes.load:
        if (k % 4 !== 0 || k >= data.byteLength) throw badProgram(`reads offset ${k} of the call`);
        accumulator = data.getUint32(k, true);
        break;
      case opcodes.and:
        accumulator = (accumulator & k) >>> 0;
        break;
      case opcodes.goto:
        at += k;
        break;
      case opcodes.equal:
        at += skip(accumulator === k);
        break;
      case opcodes.atLeast:
        at += skip(accumulator >= k);
        break;
      case opcodes.anyBit:
        at += skip((accumulator & k) !== 0);
        break;
      default:
        throw badProgram(`has the operation 0x${code.toString(16)} at instruction ${at}`);
    }
  }
}

/** struct seccomp_data of <linux/seccomp.h>, 64 bytes. */
function encodeCall({ audit, number, args = [] }: SystemCall): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(dataOffsets.number, number, true);
  data.setUint32(dataOffsets.architecture, audit, true);
  for (const [index, value] of args.slice(0, 6).entries())
    data.setBigUint64(dataOffsets.arguments + index * 8, value, true);
  return data;
}

const badProgram = (what: string): SeccompError =>
  new SeccompError(
    "ERR_SECCOMP_PROGRAM",
    `the filter ${what}; programs are whole ${instructionSize}-byte instructions`,
  );
