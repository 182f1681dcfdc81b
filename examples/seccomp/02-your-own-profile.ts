import { compile } from "@ctr/seccomp";

const { instructions, ignoredSyscalls } = compile({
  architecture: "x86_64",
  profile: {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      { names: ["ptrace", "not_a_call"], action: "SCMP_ACT_ERRNO" },
      { names: ["ioctl"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, op: "SCMP_CMP_EQ", value: 0x5412 }] },
    ],
  },
});

console.log(`${instructions} instructions, ignored: ${ignoredSyscalls}`);
// prints: 14 instructions, ignored: not_a_call
