/** The classic BPF operations that a filter needs, as opcodes. @see Linux Documentation/networking/filter.rst, "BPF engine and instruction set" */
export const opcodes = {
  /** A = 32 bits of struct seccomp_data at offset k */
  load: 0x20,
  /** A &= k */
  and: 0x54,
  /** Skip k instructions. */
  goto: 0x05,
  equal: 0x15,
  atLeast: 0x35,
  anyBit: 0x45,
  return: 0x06,
} as const;

/** struct sock_filter of <linux/filter.h>: u16 code, u8 jt, u8 jf, u32 k. */
export interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly k: number;
}

export const instructionSize: number = 8;

/** BPF_MAXINSNS of <linux/bpf_common.h>: the kernel refuses a longer program. */
export const longestProgram: number = 4096;

/** Where struct seccomp_data keeps things. @see seccomp(2) */
export const dataOffsets = { number: 0, architecture: 4, arguments: 16 } as const;

/** The 32-bit half of an argument; every supported machine is little-endian. */
export function argumentOffset(index: number, half: "low" | "high"): number {
  return dataOffsets.arguments + index * 8 + (half === "high" ? 4 : 0);
}

export function encodeProgram(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * instructionSize);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jumpTrue, jumpFalse, k }] of instructions.entries()) {
    const at = index * instructionSize;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jumpTrue);
    view.setUint8(at + 3, jumpFalse);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}

export function decodeProgram(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let at = 0; at + instructionSize <= bytes.length; at += instructionSize)
    instructions.push({
      code: view.getUint16(at, true),
      jumpTrue: view.getUint8(at + 2),
      jumpFalse: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    });
  return instructions;
}
