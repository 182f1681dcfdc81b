import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Seccomp } from "@ctr/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, defaultProfile, type Machine } from "../src/index.ts";
import { syscallTable } from "../src/syscall-table.ts";
import { rows as aarch64 } from "../src/tables/aarch64.ts";
import { rows as i386 } from "../src/tables/i386.ts";
import { rows as x86_64 } from "../src/tables/x86-64.ts";

// The real thing: a small C program loads the filter, makes the calls and prints what the kernel answered.
const architecture: Machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const native = syscallTable(architecture === "aarch64" ? aarch64 : x86_64);
const narrow = syscallTable(i386);
const compiler = spawnSync("cc", ["--version"]).status === 0;
const dockerSet = 0xa80425fbn;

let directory = "";
beforeAll(() => {
  if (!compiler) return;
  directory = mkdtempSync(join(tmpdir(), "ctr-seccomp-"));
  const source = new URL("probe.c", import.meta.url).pathname;
  execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-Werror", "-o", join(directory, "probe"), source]);
});
afterAll(() => {
  if (directory !== "") rmSync(directory, { recursive: true });
});

interface Outcome {
  readonly errnos: readonly number[];
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

function run(profile: Seccomp, calls: readonly string[]): Outcome {
  const file = join(directory, "filter");
  writeFileSync(file, compile({ profile, architecture }).program);
  const { stdout, stderr, signal } = spawnSync(join(directory, "probe"), [file, ...calls], { encoding: "utf8" });
  return { errnos: stdout.split("\n").filter(Boolean).map(Number), signal, stderr };
}

const EPERM = 1;
const ENOSYS = 38;
const newUser = 0x10000000;
const calls = [
  { name: "getpid", args: [], is: 0, why: "plainly allowed" },
  { name: "personality", args: [0], is: 0, why: "PER_LINUX" },
  { name: "personality", args: [0x40000], is: EPERM, why: "ADDR_NO_RANDOMIZE" },
  { name: "unshare", args: [newUser], is: EPERM, why: "no user namespaces" },
  { name: "clone", args: [newUser | 17], is: EPERM, why: "nor through clone" },
  { name: "clone3", args: [0, 0], is: ENOSYS, why: "C libraries fall back to clone" },
  { name: 9999, args: [], is: ENOSYS, why: "unknown" },
  { name: "io_uring_setup", args: [1, 0], is: EPERM, why: "refused" },
  { name: "socket", args: [38, 5, 0], is: EPERM, why: "AF_ALG" },
  { name: "socket", args: [2 ** 32 + 38, 5, 0], is: EPERM, why: "AF_ALG, with a bit that the kernel would cut off" },
  { name: "socket", args: [40, 1, 0], is: EPERM, why: "AF_VSOCK" },
  { name: "socket", args: [1, 1, 0], is: 0, why: "AF_UNIX" },
  { name: "keyctl", args: [0, 0], is: EPERM, why: "keys have no namespace" },
  { name: "mount", args: [0, 0, 0, 0, 0], is: EPERM, why: "refused before the kernel looks at the pointers" },
  { name: "file_getattr", args: [-1, 0, 0, 0, 0], is: ENOSYS, why: "younger than Docker's list" },
] as const;

function spell(entry: "syscall" | "int80", name: string | number, args: readonly number[]): string {
  const table = entry === "int80" ? narrow : native;
  return `${entry}:${typeof name === "number" ? name : table.get(name)}:${args.join(",")}`;
}

// Some kernels have no 32-bit entry: int 0x80 is then a segmentation fault.
const hasInt80 = (): boolean =>
  architecture === "x86_64" &&
  run({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"] }, ["int80:20"]).signal === null;

describe.skipIf(!compiler)("in the kernel (needs cc)", () => {
  test("the default profile through the native entry", () => {
    const { errnos, signal, stderr } = run(
      defaultProfile({ capabilities: dockerSet, architecture }),
      calls.map(({ name, args }) => spell("syscall", name, args)),
    );
    expect({ stderr, signal }).toEqual({ stderr: "", signal: null });
    expect(calls.map((call, at) => ({ ...call, is: errnos[at] }))).toEqual(calls);
  });

  test("the default profile through int 0x80", (context) => {
    if (!hasInt80()) context.skip("this kernel has no 32-bit entry");
    const rows = calls.filter(({ args }) => args.every((value) => value < 2 ** 32));
    const { errnos, signal, stderr } = run(
      defaultProfile({ capabilities: dockerSet, architecture }),
      rows.map(({ name, args }) => spell("int80", name, args)),
    );
    expect({ stderr, signal }).toEqual({ stderr: "", signal: null });
    expect(rows.map((call, at) => ({ ...call, is: errnos[at] }))).toEqual(rows);
  });

  test("the default profile through x32: refused by the filter, or not there", (context) => {
    if (architecture !== "x86_64") context.skip("only x86-64 has it");
    const bit = 0x40000000;
    const { errnos, signal } = run(defaultProfile({ capabilities: dockerSet, architecture }), [
      `syscall:${bit + native.get("unshare")!}:${newUser}`,
      `syscall:${bit + native.get("socket")!}:38,5,0`,
      `syscall:${bit + native.get("clone3")!}:0,0`,
    ]);
    expect({ errnos, signal }).toEqual({ errnos: [EPERM, EPERM, ENOSYS], signal: null });
  });

  test("an entry that the profile does not list kills", (context) => {
    if (!hasInt80()) context.skip("this kernel has no 32-bit entry");
    const { errnos, signal } = run({ defaultAction: "SCMP_ACT_ALLOW" }, ["int80:20"]);
    expect({ errnos, signal }).toEqual({ errnos: [], signal: "SIGSYS" });
  });

  test("the kernel takes a program of thousands of instructions with far jumps", () => {
    const names = ["getppid", "getuid", "geteuid", "getgid", "getegid"];
    const syscalls = names.flatMap((name, at) =>
      Array.from({ length: 300 }, (_, value) => ({
        names: [name],
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet: 100 + 2 * at + (value % 2),
        args: [{ index: 0, value: value * 2, op: "SCMP_CMP_EQ" as const }],
      })),
    );
    const { errnos, stderr } = run(
      { defaultAction: "SCMP_ACT_ALLOW", syscalls },
      names.flatMap((name) => [
        spell("syscall", name, [596]),
        spell("syscall", name, [598]),
        spell("syscall", name, [599]),
      ]),
    );
    expect(stderr).toBe("");
    expect(errnos).toEqual(names.flatMap((_, at) => [100 + 2 * at, 101 + 2 * at, 0]));
  });

  test("actions the kernel acts on itself", () => {
    const number = native.get("getppid")!;
    for (const [action, signal] of [
      ["SCMP_ACT_KILL_PROCESS", "SIGSYS"],
      ["SCMP_ACT_KILL", "SIGSYS"],
      ["SCMP_ACT_TRAP", "SIGSYS"],
      ["SCMP_ACT_LOG", null],
    ] as const) {
      const profile: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["getppid"], action }] };
      expect({ action, signal: run(profile, [`syscall:${number}`]).signal }).toEqual({ action, signal });
    }
    // Nobody traces, so the kernel answers ENOSYS in the tracer's place (seccomp(2)).
    const traced: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getppid"], action: "SCMP_ACT_TRACE" }],
    };
    expect(run(traced, [`syscall:${number}`]).errnos).toEqual([ENOSYS]);
  });
});
