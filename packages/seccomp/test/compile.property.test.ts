import type { Seccomp, SeccompAction, SeccompArgument } from "@ctr/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, defaultProfile, evaluate } from "../src/index.ts";
import { audit, type Call, reference } from "./reference.ts";

// Few names and near values, so that rules and calls meet.
const names = [
  "read",
  "write",
  "open",
  "socket",
  "clone",
  "ioctl",
  "personality",
  "execve",
  "umount",
  "ptrace",
  "mseal",
];
const interesting = [0n, 1n, 2n, 7n, 8n, 38n, 0x7e020000n, 0xfffffffen, 0xffffffffn, 1n << 32n, (1n << 32n) + 38n];
const word = fc.oneof(
  fc.constantFrom(...interesting),
  fc.constantFrom(2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n ** 32n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);

const operators: readonly SeccompArgument["op"][] = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
];
const argument: fc.Arbitrary<SeccompArgument> = fc.record({
  index: fc.constantFrom(0, 0, 0, 1, 5),
  op: fc.constantFrom(...operators),
  value: word,
  valueTwo: fc.oneof(fc.constant(0n), word),
});

const plainActions: readonly SeccompAction[] = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRAP",
];
const action = fc.oneof(
  fc.record({ action: fc.constantFrom(...plainActions) }),
  fc.record({
    action: fc.constantFrom<SeccompAction[]>("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"),
    errnoRet: fc.integer({ min: 0, max: 4095 }),
  }),
);
const rule = fc
  .tuple(fc.subarray(names, { minLength: 1 }), action, fc.array(argument, { maxLength: 3 }))
  .map(([listed, act, args]) => ({ names: listed, ...act, args }));

const profile: fc.Arbitrary<Seccomp> = fc
  .tuple(action, fc.array(rule, { maxLength: 8 }), fc.subarray(["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"]))
  .map(([{ action: defaultAction, ...rest }, syscalls, architectures]) => ({
    defaultAction,
    ...("errnoRet" in rest ? { defaultErrnoRet: rest.errnoRet as number } : {}),
    syscalls,
    architectures,
  }));

const number = fc.oneof(
  fc.integer({ min: 0, max: 560 }),
  fc.integer({ min: 0x40000000, max: 0x40000000 + 560 }),
  fc.constantFrom(0xffffffff, 0xfffffffe, 0x3fffffff, 0x80000000, 0xc0000000, 9999),
);
const call: fc.Arbitrary<Call> = fc
  .record({
    audit: fc.constantFrom(audit.x86_64, audit.x86_64, audit.i386, audit.aarch64, 0),
    number,
    args: fc.array(word, { minLength: 6, maxLength: 6 }),
  })
  // The kernel widens a 32-bit register with zeroes.
  .map((it) => (it.audit === audit.i386 ? { ...it, args: it.args.map((value) => BigInt.asUintN(32, value)) } : it));

function show(program: Uint8Array, it: Call): string {
  const verdict = evaluate(program, it);
  return `${verdict.action} ${verdict.data}`.replace("SCMP_ACT_KILL ", "SCMP_ACT_KILL_THREAD ");
}

for (const machine of ["x86_64", "aarch64"] as const) {
  test(`${machine}: any profile decides every call as its plain reading does`, () => {
    fc.assert(
      fc.property(profile, fc.array(call, { minLength: 40, maxLength: 40 }), (rules, calls) => {
        const { program } = compile({ profile: rules, architecture: machine });
        for (const it of calls) expect(show(program, it)).toBe(reference(rules, machine, it));
      }),
      { numRuns: 300 },
    );
  });

  test(`${machine}: the default profile, every number of every entry`, () => {
    for (const capabilities of [0n, 0xa80425fbn, (1n << 41n) - 1n]) {
      const rules = defaultProfile({ capabilities, architecture: machine });
      const { program } = compile({ profile: rules, architecture: machine });
      for (const entry of Object.values(audit))
        for (let index = 0; index < 600; index++)
          for (const bit of [0, 0x40000000])
            for (const first of [0n, 2n, 38n, 40n, 17n, 0x10000000n, (1n << 32n) + 38n]) {
              const value = entry === audit.i386 ? BigInt.asUintN(32, first) : first;
              const it = { audit: entry, number: bit + index, args: [value] };
              if (show(program, it) !== reference(rules, machine, it)) expect(it).toBe(reference(rules, machine, it));
            }
    }
  });
}
