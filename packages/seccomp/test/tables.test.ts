import { expect, test } from "vitest";
import { type SyscallRow, syscallTable } from "../src/syscall-table.ts";
import { rows as aarch64 } from "../src/tables/aarch64.ts";
import { rows as i386 } from "../src/tables/i386.ts";
import { rows as x32 } from "../src/tables/x32.ts";
import { rows as x86_64 } from "../src/tables/x86-64.ts";

const tables: Readonly<Record<string, readonly SyscallRow[]>> = { x86_64, i386, x32, aarch64 };

const known = [
  { table: "x86_64", name: "read", is: 0, why: "the first" },
  { table: "x86_64", name: "seccomp", is: 317, why: "before the gap" },
  { table: "x86_64", name: "uprobe", is: 336, why: "6.18, in x86's own range" },
  { table: "x86_64", name: "pidfd_send_signal", is: 424, why: "the first that all architectures share" },
  { table: "x86_64", name: "file_setattr", is: 469, why: "the newest of 6.18" },
  { table: "x86_64", name: "socketcall", is: undefined, why: "only 32-bit x86 has it" },
  { table: "i386", name: "socketcall", is: 102, why: "several calls behind one number" },
  { table: "i386", name: "socket", is: 359, why: "directly since 4.3" },
  { table: "i386", name: "clock_gettime64", is: 403, why: "time after 2038" },
  { table: "i386", name: "mseal", is: 462, why: "shared numbers" },
  { table: "x32", name: "ioctl", is: 514, why: "x32's second number" },
  { table: "x32", name: "read", is: undefined, why: "shares x86-64's number" },
  { table: "aarch64", name: "read", is: 63, why: "the generic list" },
  { table: "aarch64", name: "newfstatat", is: 79, why: "a name behind a second macro" },
  { table: "aarch64", name: "renameat", is: 38, why: "kept by arm64" },
  { table: "aarch64", name: "open", is: undefined, why: "the generic list has only openat" },
  { table: "aarch64", name: "mseal", is: 462, why: "shared numbers" },
] as const;
for (const { table, name, is, why } of known)
  test(`${table} ${name}: ${why}`, () => {
    expect(syscallTable(tables[table]!).get(name)).toBe(is);
  });

test("a name and a number each stand once, in order", () => {
  for (const rows of Object.values(tables)) {
    const table = syscallTable(rows);
    const names = rows.flatMap(([, text]) => text.split(" "));
    expect(table.size).toBe(names.length);
    const numbers = [...table.values()];
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  }
});
