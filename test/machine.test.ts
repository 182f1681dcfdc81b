// What set-up says about a machine before it changes anything.
import { expect, test } from "vitest";
import { problems } from "../scripts/machine.mjs";

const good = {
  platform: "linux",
  kernel: "6.1.0-18-amd64",
  node: "20.11.0",
  npm: true,
  compiler: "cc",
  compilerRuns: true,
  compiles: true,
  uid: 0,
  maxUserNamespaces: 15000,
  unprivilegedUserNamespaces: 1,
  apparmorRestriction: undefined,
};

const cases = [
  { why: "nothing is missing", facts: {}, says: [] },
  { why: "the first kernel with mount_setattr", facts: { kernel: "5.12.0" }, says: [] },
  { why: "one before it", facts: { kernel: "5.11.22-generic" }, says: [/5\.11\.22-generic is too old.*5\.12/] },
  { why: "an enterprise kernel", facts: { kernel: "4.18.0-553.el8" }, says: [/too old/] },
  { why: "two numbers only", facts: { kernel: "6.18" }, says: [] },
  { why: "another system: nothing else matters", facts: { platform: "darwin", compilerRuns: false }, says: [/darwin/] },
  { why: "an old Node", facts: { node: "18.20.4" }, says: [/Node 18\.20\.4 is too old.*Node 20/] },
  { why: "no npm beside node", facts: { npm: false }, says: [/npm is missing.*apt-get install npm/] },
  { why: "no compiler", facts: { compilerRuns: false, compiles: false }, says: [/no C compiler \(cc\).*gcc/] },
  { why: "a compiler without headers", facts: { compiles: false }, says: [/kernel headers.*libc6-dev/] },
  { why: "a user", facts: { uid: 1000 }, says: [/needs root for now.*sudo/] },
  { why: "no user namespaces", facts: { uid: 1000, maxUserNamespaces: 0 }, says: [/user\.max_user_namespaces is 0/] },
  { why: "Debian's switch", facts: { uid: 1000, unprivilegedUserNamespaces: 0 }, says: [/unprivileged_userns_clone/] },
  { why: "Ubuntu's AppArmor", facts: { uid: 1000, apparmorRestriction: 1 }, says: [/AppArmor.*apparmor_restrict/] },
  { why: "root is not bound by switches for users", facts: { apparmorRestriction: 1 }, says: [] },
  { why: "all at once", facts: { kernel: "5.4.0", npm: false, uid: 1000 }, says: [/too old/, /npm/, /root/] },
] as const;

test.each(cases)("$why", ({ facts, says }) => {
  const found = problems({ ...good, ...facts }, true);
  expect(found).toEqual(says.map((pattern) => expect.stringMatching(pattern)));
  for (const line of found) expect(line).not.toContain("\n");
});

test("a test run does not ask for root: its tests skip by themselves", () => {
  expect(problems({ ...good, uid: 1000 }, false)).toEqual([]);
});
