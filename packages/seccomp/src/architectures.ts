import { type SyscallTable, syscallTable } from "./syscall-table.ts";
import { rows as aarch64 } from "./tables/aarch64.ts";
import { rows as i386 } from "./tables/i386.ts";
import { rows as x32 } from "./tables/x32.ts";
import { rows as x86_64 } from "./tables/x86-64.ts";

/** The machines that filters are made for, as `uname -m` prints them. */
export type Machine = "x86_64" | "aarch64";

/** One way into the kernel: what the filter sees as `arch` and which calls there are. */
export interface Architecture {
  /** AUDIT_ARCH_* of <linux/audit.h>. */
  readonly audit: number;
  readonly table: SyscallTable;
  /** Arguments are 32 bits wide; the high half is always zero. */
  readonly narrow: boolean;
}

const x86_64Architecture: Architecture = { audit: 0xc000003e, table: syscallTable(x86_64), narrow: false };
const i386Architecture: Architecture = { audit: 0x40000003, table: syscallTable(i386), narrow: true };
const aarch64Architecture: Architecture = { audit: 0xc00000b7, table: syscallTable(aarch64), narrow: false };

/**
 * x32 arrives with x86-64's audit value and this bit in the number. The low bits are x86-64's numbers, except that
 * 36 calls have a second number from 512 on that only x32 may use. Old kernels answered those by either
 * number, newer ones say ENOSYS after the filter, so both get the action of their name.
 */
export const x32Bit: number = 0x40000000;
export const firstX32Number: number = 512;
export const x32Architecture: Architecture = { ...x86_64Architecture, table: syscallTable(x32) };

/** Entries of a machine by their OCI name, the native one first. */
export const entries: Readonly<Record<Machine, ReadonlyMap<string, Architecture>>> = {
  x86_64: new Map([
    ["SCMP_ARCH_X86_64", x86_64Architecture],
    ["SCMP_ARCH_X86", i386Architecture],
    ["SCMP_ARCH_X32", x32Architecture],
  ]),
  aarch64: new Map([["SCMP_ARCH_AARCH64", aarch64Architecture]]),
};
