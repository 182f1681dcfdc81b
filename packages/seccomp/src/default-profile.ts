import type { Seccomp, SeccompAction, SeccompArgument, SeccompRule } from "@ctr/oci";
import { errnoNumbers } from "./action.ts";
import { entries, type Machine } from "./architectures.ts";
import { groups, type Privilege, privileged } from "./default-calls.ts";

/** Bits of the capabilities that open more calls. @see capabilities(7) */
const privilegeBits: Readonly<Record<Privilege, bigint>> = {
  CAP_DAC_READ_SEARCH: 2n,
  CAP_SYS_MODULE: 16n,
  CAP_SYS_RAWIO: 17n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_PACCT: 20n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_BOOT: 22n,
  CAP_SYS_NICE: 23n,
  CAP_SYS_TIME: 25n,
  CAP_SYS_TTY_CONFIG: 26n,
  CAP_SYSLOG: 34n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
};

/**
 * The profile of a container for which nobody asked for another: an allow-list that lets through what Docker's
 * default does. What it leaves out mostly reaches parts of the kernel that are not separated by namespaces, or that
 * have had bugs a container could use.
 *
 * @param capabilities  The container's bounding set as a mask. A capability opens the calls that exist for it.
 * @see the profile that Docker ships: github.com/moby/profiles, seccomp/default.json
 */
export function defaultProfile(o: { readonly capabilities: bigint; readonly architecture: Machine }): Seccomp {
  const has = (privilege: Privilege): boolean => ((o.capabilities >> privilegeBits[privilege]) & 1n) === 1n;
  const names = groups.flatMap((group) => group.names.split(" "));
  const opened = privileged.filter(({ needs }) => has(needs)).flatMap((group) => group.names.split(" "));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: errnoNumbers.EPERM,
    architectures: [...entries[o.architecture].keys()],
    syscalls: [
      rule([...new Set([...names, ...opened])], "SCMP_ACT_ALLOW"),
      ...socketRules,
      ...personalityRules,
      ...(has("CAP_SYS_ADMIN") ? [] : namespaceRules),
      tooNewRule,
    ],
  };
}

function rule(names: readonly string[], action: SeccompAction, args?: readonly SeccompArgument[]): SeccompRule {
  const errno = action === "SCMP_ACT_ERRNO" ? { errnoRet: errnoNumbers.ENOSYS } : {};
  return { names, action, ...errno, ...(args === undefined ? {} : { args }) };
}

function allowFirst(name: string, op: SeccompArgument["op"], value: number): SeccompRule {
  return rule([name], "SCMP_ACT_ALLOW", [{ index: 0, op, value }]);
}

// Address families, AF_* of <linux/socket.h>. Two are left out for what they reach: AF_ALG (38), the kernel's own
// cryptography, where CVE-2026-31431 wrote into other people's page cache; AF_VSOCK (40), the host of this virtual
// machine, past every network namespace. Others are left out because the kernel no longer has them: DECnet (12),
// Econet (19), ATM SVC (20), IrDA (23), WANPIPE (25), ISDN (34), CAIF (37). Families are listed one by one, since
// `family != 38` would let 2^32 + 38 through, which the kernel cuts to 38.
const firstMissingFamily = 12;
const laterFamilies = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
];
const socketRules: readonly SeccompRule[] = [
  allowFirst("socket", "SCMP_CMP_LT", firstMissingFamily),
  ...laterFamilies.map((family) => allowFirst("socket", "SCMP_CMP_EQ", family)),
];

// PER_LINUX, PER_LINUX32, UNAME26, both together, and the question what it is now. Others switch off protections:
// READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO. @see personality(2)
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];
const personalityRules: readonly SeccompRule[] = personalities.map((persona) =>
  allowFirst("personality", "SCMP_CMP_EQ", persona),
);

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of <linux/sched.h>. */
const newNamespaces = 0x7e020000;

// A new user namespace would give every capability over the other new namespaces, and with them most kernel bugs of
// the last ten years. clone3's flags are behind a pointer that a filter cannot follow: ENOSYS makes C libraries use clone.
const namespaceRules: readonly SeccompRule[] = [
  rule(["clone"], "SCMP_ACT_ALLOW", [{ index: 0, op: "SCMP_CMP_MASKED_EQ", value: newNamespaces, valueTwo: 0 }]),
  rule(["clone3"], "SCMP_ACT_ERRNO"),
];

// Younger than Docker's list, whose runtimes answer ENOSYS to what is younger: programs fall back to older calls.
const tooNewRule: SeccompRule = rule(["open_tree_attr", "file_getattr", "file_setattr"], "SCMP_ACT_ERRNO");
