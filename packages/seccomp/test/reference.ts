import type { Seccomp, SeccompArgument } from "@ctr/oci";
import { syscallTable } from "../src/syscall-table.ts";
import { rows as aarch64 } from "../src/tables/aarch64.ts";
import { rows as i386 } from "../src/tables/i386.ts";
import { rows as x32 } from "../src/tables/x32.ts";
import { rows as x86_64 } from "../src/tables/x86-64.ts";

/** What a profile means, read as slowly and plainly as possible. The compiler is compared with it. */
export interface Call {
  readonly audit: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

export const audit = { x86_64: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7 } as const;

const tables = {
  x86_64: invert(syscallTable(x86_64)),
  i386: invert(syscallTable(i386)),
  aarch64: invert(syscallTable(aarch64)),
  x32: invert(syscallTable(x86_64, []), syscallTable(x32)),
} as const;

function invert(...maps: readonly ReadonlyMap<string, number>[]): ReadonlyMap<number, string> {
  return new Map(maps.flatMap((map) => [...map].map(([name, number]) => [number, name] as const)));
}

export function reference(profile: Seccomp, machine: "x86_64" | "aarch64", call: Call): string {
  const enabled = profile.architectures ?? [];
  if (machine === "aarch64")
    return call.audit === audit.aarch64 ? decide(profile, tables.aarch64, call) : "SCMP_ACT_KILL_PROCESS 0";
  if (call.audit === audit.i386 && enabled.includes("SCMP_ARCH_X86")) return decide(profile, tables.i386, call);
  if (call.audit !== audit.x86_64) return "SCMP_ACT_KILL_PROCESS 0";
  if (call.number < 0x40000000) return decide(profile, tables.x86_64, call);
  if (enabled.includes("SCMP_ARCH_X32"))
    return decide(profile, tables.x32, { ...call, number: (call.number & ~0x40000000) >>> 0 });
  return call.number === 0xffffffff ? unknown(profile) : "SCMP_ACT_KILL_PROCESS 0";
}

function decide(profile: Seccomp, names: ReadonlyMap<number, string>, call: Call): string {
  const name = names.get(call.number);
  if (name === undefined) return unknown(profile);
  for (const { names: listed, args = [], action, errnoRet } of profile.syscalls ?? []) {
    if (!listed.includes(name)) continue;
    const repeats = new Set(args.map(({ index }) => index)).size < args.length;
    const match = (argument: SeccompArgument): boolean => holds(argument, call.args[argument.index] ?? 0n);
    if (repeats ? args.some(match) : args.every(match)) return verdict(action, errnoRet);
  }
  return verdict(profile.defaultAction, profile.defaultErrnoRet);
}

function unknown({ defaultAction, defaultErrnoRet }: Seccomp): string {
  const permissive = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(defaultAction);
  return permissive ? verdict(defaultAction, defaultErrnoRet) : "SCMP_ACT_ERRNO 38";
}

function verdict(action: string, errnoRet: number | undefined): string {
  const takesData = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return `${action === "SCMP_ACT_KILL" ? "SCMP_ACT_KILL_THREAD" : action} ${takesData ? (errnoRet ?? 1) : 0}`;
}

function holds({ op, value, valueTwo = 0 }: SeccompArgument, argument: bigint): boolean {
  const limit = BigInt(value);
  if (op === "SCMP_CMP_MASKED_EQ") return (argument & limit) === BigInt(valueTwo);
  const is = { SCMP_CMP_EQ: argument === limit, SCMP_CMP_NE: argument !== limit, SCMP_CMP_LT: argument < limit };
  const or = { SCMP_CMP_LE: argument <= limit, SCMP_CMP_GE: argument >= limit, SCMP_CMP_GT: argument > limit };
  return { ...is, ...or }[op];
}
