import { compile, defaultProfile, evaluate } from "@ctr/seccomp";

const profile = defaultProfile({ capabilities: 0xa80425fbn, architecture: "x86_64" });
const { program } = compile({ profile, architecture: "x86_64" });

const audit = 0xc000003e; // AUDIT_ARCH_X86_64
// getpid, unshare, clone3, and one that no kernel has
for (const number of [39, 272, 435, 9999]) {
  const { action, data } = evaluate(program, { audit, number });
  console.log(number, action, data);
}
// prints: 39 SCMP_ACT_ALLOW 0
// prints: 272 SCMP_ACT_ERRNO 1
// prints: 435 SCMP_ACT_ERRNO 38
// prints: 9999 SCMP_ACT_ERRNO 38
