import type { Seccomp, SeccompArgument } from "@ctr/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, evaluate, SeccompError, seccompSteps } from "../src/index.ts";
import { audit } from "./reference.ts";

const base: Seccomp = { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] };
const allowRead: Seccomp = { ...base, syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] };

function decide(profile: Seccomp, number: number, args: readonly bigint[] = [], entry: number = audit.x86_64): string {
  const { program } = compile({ profile, architecture: "x86_64" });
  const { action, data } = evaluate(program, { audit: entry, number, args });
  return data === 0 ? action : `${action} ${data}`;
}

const kill = "SCMP_ACT_KILL_PROCESS";
const calls = [
  { entry: audit.x86_64, number: 0, is: "SCMP_ACT_ALLOW", why: "read is 0 on x86-64" },
  { entry: audit.x86_64, number: 1, is: "SCMP_ACT_ERRNO 1", why: "write is known and not allowed: EPERM" },
  { entry: audit.x86_64, number: 400, is: "SCMP_ACT_ERRNO 38", why: "a hole in the table is unknown: ENOSYS" },
  { entry: audit.x86_64, number: 9999, is: "SCMP_ACT_ERRNO 38", why: "a call of the future" },
  { entry: audit.x86_64, number: 514, is: "SCMP_ACT_ERRNO 38", why: "x32's numbers without its bit" },
  { entry: audit.x86_64, number: 0x40000000, is: "SCMP_ACT_ALLOW", why: "read through x32" },
  { entry: audit.x86_64, number: 0x40000000 + 514, is: "SCMP_ACT_ERRNO 1", why: "x32's own ioctl" },
  { entry: audit.x86_64, number: 0xffffffff, is: "SCMP_ACT_ERRNO 38", why: "a tracer skipped the call" },
  { entry: audit.i386, number: 3, is: "SCMP_ACT_ALLOW", why: "read is 3 on i386" },
  { entry: audit.i386, number: 0, is: "SCMP_ACT_ERRNO 1", why: "0 is restart_syscall there: tables must not mix" },
  { entry: audit.aarch64, number: 63, is: kill, why: "an entry that this machine does not have" },
  { entry: 0, number: 0, is: kill, why: "no architecture at all" },
] as const;
for (const { entry, number, is, why } of calls)
  test(`arch ${entry.toString(16)} nr ${number}: ${why}`, () => {
    expect(decide(allowRead, number, [], entry)).toBe(is);
  });

test("entries that a profile does not list kill, but not a call that a tracer skipped", () => {
  const native: Seccomp = { ...allowRead, architectures: [] };
  expect(decide(native, 0)).toBe("SCMP_ACT_ALLOW");
  expect(decide(native, 3, [], audit.i386)).toBe(kill);
  expect(decide(native, 0x40000000)).toBe(kill);
  expect(decide(native, 0xffffffff)).toBe("SCMP_ACT_ERRNO 38");
});

test("unknown calls: a permissive default lets the kernel answer, a killing one becomes ENOSYS", () => {
  expect(decide({ ...base, defaultAction: "SCMP_ACT_LOG" }, 9999)).toBe("SCMP_ACT_LOG");
  expect(decide({ ...base, defaultAction: "SCMP_ACT_KILL" }, 9999)).toBe("SCMP_ACT_ERRNO 38");
});

const high = 1n << 32n;
const all = 2n ** 64n - 1n;
const arg = (op: SeccompArgument["op"], value: bigint, valueTwo: bigint = 0n): SeccompArgument => ({
  index: 0,
  op,
  value,
  valueTwo,
});
const comparisons = [
  { args: [arg("SCMP_CMP_EQ", 38n)], yes: [38n], no: [37n, high + 38n], why: "the high half counts" },
  { args: [arg("SCMP_CMP_NE", 38n)], yes: [high + 38n], no: [38n], why: "why families are not excluded by NE" },
  { args: [arg("SCMP_CMP_LT", high)], yes: [0n, high - 1n], no: [high, all], why: "a border between the halves" },
  { args: [arg("SCMP_CMP_LE", high)], yes: [high], no: [high + 1n], why: "one past the border" },
  { args: [arg("SCMP_CMP_GT", all)], yes: [], no: [0n, all], why: "nothing is above the largest value" },
  { args: [arg("SCMP_CMP_GE", 0n)], yes: [0n, all], no: [], why: "always" },
  { args: [arg("SCMP_CMP_LT", 0n)], yes: [], no: [0n, all], why: "never" },
  { args: [arg("SCMP_CMP_MASKED_EQ", 6n, 2n)], yes: [2n, 3n, high + 2n], no: [0n, 6n], why: "bits of the low half" },
  { args: [arg("SCMP_CMP_MASKED_EQ", 6n * high, 2n * high)], yes: [2n * high + 1n], no: [2n], why: "of the high half" },
  { args: [arg("SCMP_CMP_MASKED_EQ", 0n, 0n)], yes: [0n, all], no: [], why: "an empty mask" },
  { args: [arg("SCMP_CMP_MASKED_EQ", 1n, 2n)], yes: [], no: [0n, 2n, 3n], why: "a bit outside the mask" },
  {
    args: [arg("SCMP_CMP_EQ", 1n), arg("SCMP_CMP_EQ", 5n)],
    yes: [1n, 5n],
    no: [3n],
    why: "one argument twice: either",
  },
] as const;
for (const { args, yes, no, why } of comparisons)
  test(`${args.map(({ op, value }) => `${op} ${value}`).join(", ")}: ${why}`, () => {
    const profile: Seccomp = { ...base, syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args }] };
    for (const value of yes) expect(decide(profile, 0, [value])).toBe("SCMP_ACT_ALLOW");
    for (const value of no) expect(decide(profile, 0, [value])).toBe("SCMP_ACT_ERRNO 1");
  });

test("different arguments of one rule must all match; the first rule that matches decides", () => {
  const both = [arg("SCMP_CMP_EQ", 1n), { ...arg("SCMP_CMP_EQ", 2n), index: 1 }];
  const syscalls: Seccomp["syscalls"] = [
    { names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 22, args: both },
    { names: ["read"], action: "SCMP_ACT_ALLOW" },
    { names: ["read"], action: "SCMP_ACT_KILL" },
  ];
  expect(decide({ ...base, syscalls }, 0, [1n, 2n])).toBe("SCMP_ACT_ERRNO 22");
  expect(decide({ ...base, syscalls }, 0, [1n, 3n])).toBe("SCMP_ACT_ALLOW");
});

test("names and architectures that cannot be compiled are returned", () => {
  const profile: Seccomp = {
    ...base,
    architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_S390X"],
    syscalls: [{ names: ["read", "socketcall", "__proto__", "sys_from_the_future"], action: "SCMP_ACT_ALLOW" }],
  };
  expect(compile({ profile, architecture: "x86_64" })).toMatchObject({
    ignoredSyscalls: ["__proto__", "sys_from_the_future"],
    ignoredArchitectures: ["SCMP_ARCH_S390X"],
  });
});

const rule = (more: object): Seccomp => ({
  ...base,
  syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...more }],
});
const refused = [
  {
    profile: rule({ action: "SCMP_ACT_NOTIFY" }),
    is: /syscalls\[0\]: SCMP_ACT_NOTIFY .* not supported/,
    why: "no listener",
  },
  { profile: rule({ action: "SCMP_ACT_WHAT" }), is: /unknown action "SCMP_ACT_WHAT"/, why: "unknown action" },
  { profile: rule({ action: "toString" }), is: /unknown action/, why: "a name of Object.prototype" },
  { profile: rule({ errnoRet: 1 }), is: /SCMP_ACT_ALLOW takes no errnoRet/, why: "the runtime-spec wants an error" },
  { profile: { ...base, defaultErrnoRet: 4096 }, is: /defaultAction: errnoRet 4096/, why: "MAX_ERRNO" },
  {
    profile: rule({ args: [{ ...arg("SCMP_CMP_EQ", 1n), index: 6 }] }),
    is: /args\[0\]\.index 6/,
    why: "six arguments",
  },
  { profile: rule({ args: [arg("SCMP_CMP_EQ", -1n)] }), is: /value -1/, why: "registers are unsigned" },
  {
    profile: rule({ args: [{ ...arg("SCMP_CMP_EQ", 1n), value: 2 ** 64 }] }),
    is: /only a bigint is exact/,
    why: "JSON rounds",
  },
  { profile: rule({ args: [{ ...arg("SCMP_CMP_EQ", 1n), value: 1.5 }] }), is: /not a whole number/, why: "a fraction" },
  {
    profile: rule({ args: [{ ...arg("SCMP_CMP_EQ", 1n), op: "valueOf" }] }),
    is: /unknown operator/,
    why: "unknown operator",
  },
  {
    profile: { ...base, flags: ["SECCOMP_FILTER_FLAG_NEW_LISTENER"] },
    is: /flags: .* not supported/,
    why: "no listener",
  },
] as const;
for (const { profile, is, why } of refused)
  test(`refused, ${why}: ${is.source}`, () => {
    const attempt = (): unknown => compile({ profile: profile as Seccomp, architecture: "x86_64" });
    expect(attempt).toThrow(SeccompError);
    expect(attempt).toThrow(is);
  });

test("flags", () => {
  const flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"];
  expect(compile({ profile: base, architecture: "x86_64" }).flags).toBe(0);
  expect(compile({ profile: { ...base, flags }, architecture: "x86_64" }).flags).toBe(6);
});

test("the step carries the program and its reason", () => {
  const because = { option: "linux.seccomp", why: "test" };
  const { program } = compile({ profile: base, architecture: "x86_64" });
  expect(seccompSteps({ profile: base, architecture: "x86_64", because })).toEqual([
    { do: "loadSeccomp", program, flags: 0, because },
  ]);
});

/** A rule that no other shares code with: `name` gives `errno` for every second value of its argument. */
function stripes(name: string, many: number, errno: number): NonNullable<Seccomp["syscalls"]> {
  return Array.from({ length: many }, (_, at) => ({
    names: [name],
    action: "SCMP_ACT_ERRNO" as const,
    errnoRet: errno + (at % 2),
    args: [arg("SCMP_CMP_EQ", BigInt(at * 2))],
  }));
}

test("programs with targets more than 255 instructions away", () => {
  const syscalls = ["read", "write", "open", "close", "mseal"].flatMap((name, at) => stripes(name, 400, 100 + 2 * at));
  const profile = { ...base, syscalls };
  const { instructions } = compile({ profile, architecture: "x86_64" });
  expect(instructions).toBeGreaterThan(2000);
  for (const [at, number] of [0, 1, 2, 3, 462].entries())
    for (const value of [0, 1, 2, 399, 400, 798, 799, 800]) {
      const hit = value % 2 === 0 && value < 800;
      const is = hit ? `SCMP_ACT_ERRNO ${100 + 2 * at + ((value / 2) % 2)}` : "SCMP_ACT_ERRNO 1";
      expect(decide(profile, number, [BigInt(value)])).toBe(is);
    }
});

const tooMuch = [
  {
    syscalls: ["read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap"].flatMap(
      (name, at) => stripes(name, 500, 10 * at),
    ),
    why: "a program too long",
  },
  { syscalls: stripes("read", 600, 1), why: "too many rules for one call" },
] as const;
for (const { syscalls, why } of tooMuch)
  test(`refused: ${why}`, () => {
    const attempt = (): unknown => compile({ profile: { ...base, syscalls }, architecture: "x86_64" });
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_SECCOMP_TOO_LONG" }));
  });

const brokenPrograms = [
  { bytes: [], why: "empty" },
  { bytes: [0x20, 0, 0, 0, 0, 0, 0, 0], why: "falls off its end" },
  { bytes: [0x15, 0, 200, 0, 0, 0, 0, 0], why: "jumps past its end" },
  { bytes: [0x20, 0, 0, 0, 64, 0, 0, 0], why: "reads past the call" },
  { bytes: [0x99, 0, 0, 0, 0, 0, 0, 0], why: "unknown operation" },
  { bytes: [0x06, 0, 0, 0, 0, 0, 0x12, 0x34], why: "returns no action" },
] as const;
for (const { bytes, why } of brokenPrograms)
  test(`evaluate refuses a program: ${why}`, () => {
    const run = (): unknown => evaluate(Uint8Array.from(bytes), { audit: 0, number: 0 });
    expect(run).toThrow(expect.objectContaining({ code: "ERR_SECCOMP_PROGRAM" }));
  });

test("evaluate throws nothing but our error, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        evaluate(bytes, { audit: audit.x86_64, number: 1 });
      } catch (error) {
        expect(error).toBeInstanceOf(SeccompError);
      }
    }),
  );
});
