import type { DeviceRule } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { type DeviceException, deviceExceptions } from "./devices.ts";

//   r1 ─▶ struct bpf_cgroup_dev_ctx { access << 16 | type, major, minor }
//   r2 type   r3 access not yet allowed   r4 major   r5 minor   r6 scratch
//
//   last rule ── applies? ── deny:  any of r3 is denied     ─▶ return 0
//       │                    allow: r3 loses what is allowed; nothing left ─▶ return 1
//   …first rule ── nobody allowed the rest                  ─▶ return 0

// <linux/bpf_common.h>, <linux/bpf.h>: class | source | operation
const op = {
  loadWord: 0x61, // BPF_LDX | BPF_MEM | BPF_W
  movReg: 0xbf, // BPF_ALU64 | BPF_MOV | BPF_X
  movImm: 0xb7, // BPF_ALU64 | BPF_MOV | BPF_K
  andImm: 0x57, // BPF_ALU64 | BPF_AND | BPF_K
  rshImm: 0x77, // BPF_ALU64 | BPF_RSH | BPF_K
  jeqImm: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  jneImm: 0x55, // BPF_JMP | BPF_JNE | BPF_K
  exit: 0x95, // BPF_JMP | BPF_EXIT
} as const;

interface Instruction {
  readonly code: number;
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly imm?: number;
}

const typeBits = { b: 1, c: 2 } as const; // BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR

const head: readonly Instruction[] = [
  { code: op.loadWord, dst: 2, src: 1, offset: 0 },
  { code: op.movReg, dst: 3, src: 2 },
  { code: op.andImm, dst: 2, imm: 0xffff },
  { code: op.rshImm, dst: 3, imm: 16 },
  { code: op.loadWord, dst: 4, src: 1, offset: 4 },
  { code: op.loadWord, dst: 5, src: 1, offset: 8 },
];

const result = (allowed: boolean): readonly Instruction[] => [
  { code: op.movImm, dst: 0, imm: allowed ? 1 : 0 },
  { code: op.exit },
];

// What the kernel takes without CAP_BPF (BPF_MAXINSNS), and far beyond any list that is meant.
const maxInstructions = 4096;

/**
 * The eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE) that decides as `rules` do: `struct bpf_insn` after
 * another in little-endian order, as x86-64 and arm64 want it. Each kind of access is decided on its
 * own by the last rule that speaks of it, so `r` from one rule and `w` from another make `rw`.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "Device controller"; Documentation/bpf/standardization/instruction-set.rst
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const blocks = meaningful(deviceExceptions(rules)).map(ruleBlock);
  const instructions = [...head, ...blocks.flat(), ...result(false)];
  if (instructions.length > maxInstructions) throw badValue("devices", `${rules.length} rules are too many`);
  return assemble(instructions);
}

/** Last rule first, down to one that settles everything for both types. */
function meaningful(rules: readonly DeviceException[]): DeviceException[] {
  const reversed = rules.toReversed();
  const isTotal = (it: DeviceException | undefined, like: DeviceException): boolean =>
    it !== undefined && it.allow === like.allow && it.access === 7 && it.major === undefined && it.minor === undefined;
  const end = reversed.findIndex(
    (it, index) => isTotal(it, it) && isTotal(reversed[index + 1], it) && reversed[index + 1]?.type !== it.type,
  );
  return end === -1 ? reversed : reversed.slice(0, end + 2);
}

function ruleBlock(rule: DeviceException): Instruction[] {
  const decision: Instruction[] = rule.allow
    ? [{ code: op.andImm, dst: 3, imm: ~rule.access }, { code: op.jneImm, dst: 3, imm: 0, offset: 2 }, ...result(true)]
    : [
        { code: op.movReg, dst: 6, src: 3 },
        { code: op.andImm, dst: 6, imm: rule.access },
        { code: op.jeqImm, dst: 6, imm: 0, offset: 2 },
        ...result(false),
      ];
  const tests: Instruction[] = [{ code: op.jneImm, dst: 2, imm: typeBits[rule.type] }];
  if (rule.major !== undefined) tests.push({ code: op.jneImm, dst: 4, imm: rule.major });
  if (rule.minor !== undefined) tests.push({ code: op.jneImm, dst: 5, imm: rule.minor });
  const length = tests.length + decision.length;
  // A jump counts from the instruction after it; a rule that does not apply is jumped over.
  return [...tests.map((it, index) => ({ ...it, offset: length - index - 1 })), ...decision];
}

// struct bpf_insn { u8 code; u8 dst:4, src:4; s16 off; s32 imm; }
function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, dst = 0, src = 0, offset = 0, imm = 0 }] of instructions.entries()) {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, dst | (src << 4));
    view.setInt16(index * 8 + 2, offset, true);
    view.setInt32(index * 8 + 4, imm, true);
  }
  return bytes;
}
