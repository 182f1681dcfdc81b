import { expect, test } from "vitest";
import { compile, defaultProfile, evaluate, groups, privileged } from "../src/index.ts";
import { syscallTable } from "../src/syscall-table.ts";
import { rows as i386 } from "../src/tables/i386.ts";
import { rows as x86_64 } from "../src/tables/x86-64.ts";
import { audit } from "./reference.ts";

const dockerSet = 0xa80425fbn;
const sysAdmin = 1n << 21n;
const numbers = { x86_64: syscallTable(x86_64), i386: syscallTable(i386) } as const;

function decide(
  name: string,
  first: bigint = 0n,
  capabilities: bigint = dockerSet,
  entry: "x86_64" | "i386" = "x86_64",
): string {
  const profile = defaultProfile({ capabilities, architecture: "x86_64" });
  const { program } = compile({ profile, architecture: "x86_64" });
  const number = numbers[entry].get(name);
  if (number === undefined) throw new Error(`${entry} has no ${name}`);
  const { action, data } = evaluate(program, { audit: audit[entry], number, args: [first] });
  return action === "SCMP_ACT_ERRNO" ? String(data) : action.slice("SCMP_ACT_".length);
}

const EPERM = "1";
const ENOSYS = "38";
const verdicts = [
  { call: "read", is: "ALLOW", why: "of course" },
  { call: "chroot", is: "ALLOW", why: "CAP_SYS_CHROOT is in Docker's set" },
  { call: "chroot", capabilities: 0n, is: EPERM, why: "and closed without it" },
  { call: "ptrace", is: "ALLOW", why: "a traced call is filtered again since 4.8" },
  { call: "unshare", is: EPERM, why: "no namespaces" },
  { call: "unshare", capabilities: sysAdmin, is: "ALLOW", why: "but with CAP_SYS_ADMIN" },
  { call: "mount", is: EPERM, why: "no mounts" },
  { call: "clone", first: 0x11n, is: "ALLOW", why: "a child process" },
  { call: "clone", first: 0x10000011n, is: EPERM, why: "CLONE_NEWUSER" },
  { call: "clone", first: 0x20011n, is: EPERM, why: "CLONE_NEWNS" },
  { call: "clone", first: 0x10000011n, capabilities: sysAdmin, is: "ALLOW", why: "with CAP_SYS_ADMIN" },
  { call: "clone3", is: ENOSYS, why: "its flags are behind a pointer; C libraries fall back" },
  { call: "clone3", capabilities: sysAdmin, is: "ALLOW", why: "nothing to hide any more" },
  { call: "socket", first: 2n, is: "ALLOW", why: "AF_INET" },
  { call: "socket", first: 16n, is: "ALLOW", why: "AF_NETLINK" },
  { call: "socket", first: 38n, is: EPERM, why: "AF_ALG (CVE-2026-31431)" },
  { call: "socket", first: (1n << 32n) + 38n, is: EPERM, why: "AF_ALG as the kernel cuts the argument" },
  { call: "socket", first: 40n, is: EPERM, why: "AF_VSOCK" },
  { call: "socket", first: 12n, is: EPERM, why: "a family the kernel no longer has" },
  { call: "socket", first: 46n, is: EPERM, why: "a family of the future" },
  { call: "socket", first: 38n, capabilities: sysAdmin, is: EPERM, why: "no capability opens a family" },
  { call: "personality", first: 0n, is: "ALLOW", why: "PER_LINUX" },
  { call: "personality", first: 0xffffffffn, is: "ALLOW", why: "only a question" },
  { call: "personality", first: 0x40000n, is: EPERM, why: "ADDR_NO_RANDOMIZE" },
  { call: "io_uring_setup", is: EPERM, why: "its operations pass no filter" },
  { call: "io_uring_setup", capabilities: (1n << 41n) - 1n, is: EPERM, why: "whatever the capabilities" },
  { call: "keyctl", is: EPERM, why: "keys have no namespace" },
  { call: "add_key", is: EPERM, why: "as keyctl" },
  { call: "userfaultfd", is: EPERM, why: "makes kernel races easy to win" },
  { call: "bpf", is: EPERM, why: "needs CAP_BPF" },
  { call: "bpf", capabilities: 1n << 39n, is: "ALLOW", why: "has it" },
  { call: "perf_event_open", capabilities: 1n << 38n, is: "ALLOW", why: "CAP_PERFMON" },
  { call: "open_by_handle_at", is: EPERM, why: "walks out of any mount" },
  {
    call: "kexec_load",
    capabilities: (1n << 41n) - 1n,
    is: EPERM,
    why: "another kernel is never a container's business",
  },
  { call: "init_module", is: EPERM, why: "needs CAP_SYS_MODULE" },
  { call: "mseal", is: "ALLOW", why: "new and harmless" },
  { call: "statmount", is: "ALLOW", why: "sees this mount namespace only" },
  { call: "lsm_get_self_attr", is: EPERM, why: "CAP_SYS_ADMIN, as Docker has it" },
  { call: "file_getattr", is: ENOSYS, why: "younger than Docker's list" },
  { call: "open_tree_attr", is: ENOSYS, why: "younger, and a mount" },
  { call: "open_tree_attr", capabilities: sysAdmin, is: "ALLOW", why: "the mount calls are open" },
] as const;
for (const row of verdicts) {
  const { call, is, why } = row;
  const first = "first" in row ? row.first : 0n;
  const capabilities = "capabilities" in row ? row.capabilities : dockerSet;
  test(`${call}(0x${first.toString(16)}) with ${capabilities.toString(16)} → ${is}: ${why}`, () => {
    for (const entry of ["x86_64", "i386"] as const) {
      if (entry === "i386" && (call === "init_module" || first >= 1n << 32n)) continue;
      expect(decide(call, first, capabilities, entry)).toBe(is);
    }
  });
}

test("every name is one that some table knows, or one of another architecture", () => {
  const profile = defaultProfile({ capabilities: (1n << 41n) - 1n, architecture: "x86_64" });
  const { ignoredSyscalls, ignoredArchitectures } = compile({ profile, architecture: "x86_64" });
  expect({ ignoredSyscalls, ignoredArchitectures }).toEqual({
    ignoredSyscalls: ["riscv_hwprobe", "send", "recv"],
    ignoredArchitectures: [],
  });
});

test("no call stands in two groups", () => {
  const names = groups.flatMap((group) => group.names.split(" "));
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  // What a capability opens is not open anyway.
  const open = new Set(names);
  expect(privileged.flatMap((group) => group.names.split(" ")).filter((name) => open.has(name))).toEqual([]);
});

test("the default filter stays small: the kernel checks and translates all of it at every start", () => {
  const sizes = (["x86_64", "aarch64"] as const).map((architecture) => {
    const profile = defaultProfile({ capabilities: dockerSet, architecture });
    return compile({ profile, architecture }).instructions;
  });
  expect(sizes[0]).toBeLessThanOrEqual(160);
  expect(sizes[1]).toBeLessThanOrEqual(80);
});

test("and shallow: no call takes more than 21 instructions, x32 included", () => {
  const profile = defaultProfile({ capabilities: dockerSet, architecture: "x86_64" });
  const { program } = compile({ profile, architecture: "x86_64" });
  let deepest = 0;
  for (const entry of [audit.x86_64, audit.i386])
    for (let number = 0; number < 600; number++)
      for (const bit of [0, 0x40000000])
        deepest = Math.max(deepest, evaluate(program, { audit: entry, number: bit + number, args: [45n] }).steps);
  expect(deepest).toBeLessThanOrEqual(21);
});
