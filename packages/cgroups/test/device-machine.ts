/** What a device program is asked: bits and numbers as <linux/bpf.h> has them. */
export interface Request {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly access: number;
}

/** Run a device program as the kernel would, on the few instructions that it is made of. */
export function runDeviceProgram(program: Uint8Array, request: Request): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const context = [(request.access << 16) | (request.type === "b" ? 1 : 2), request.major, request.minor];
  const registers = new Array<bigint>(11).fill(0n);
  for (let at = 0; ; at++) {
    const code = view.getUint8(at * 8);
    const dst = view.getUint8(at * 8 + 1) & 15;
    const src = view.getUint8(at * 8 + 1) >> 4;
    const offset = view.getInt16(at * 8 + 2, true);
    const imm = BigInt.asUintN(64, BigInt(view.getInt32(at * 8 + 4, true)));
    const value = registers[dst]!;
    if (code === 0x61) registers[dst] = BigInt(context[offset / 4]!);
    else if (code === 0xbf) registers[dst] = registers[src]!;
    else if (code === 0xb7) registers[dst] = imm;
    else if (code === 0x57) registers[dst] = value & imm;
    else if (code === 0x77) registers[dst] = value >> imm;
    else if (code === 0x15) at += value === imm ? offset : 0;
    else if (code === 0x55) at += value !== imm ? offset : 0;
    else if (code === 0x95) return Number(registers[0]);
    else throw new Error(`no such instruction: ${code}`);
  }
}
