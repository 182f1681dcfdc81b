import { expect, test } from "vitest";
import {
  adjustCapabilities,
  allCapabilities,
  type CapabilityName,
  capabilityMask,
  defaultCapabilities,
  privilegedCapabilities,
} from "../src/index.ts";

const bit = (...names: CapabilityName[]): bigint => capabilityMask(names);
const noResource = allCapabilities & ~bit("CAP_SYS_RESOURCE");

const cases = [
  { add: [], drop: [], is: defaultCapabilities, why: "the default set" },
  { add: ["NET_ADMIN"], drop: [], is: defaultCapabilities | bit("CAP_NET_ADMIN"), why: "one more" },
  { add: [], drop: ["mknod"], is: defaultCapabilities & ~bit("CAP_MKNOD"), why: "one less" },
  { add: [], drop: ["SYS_ADMIN"], is: defaultCapabilities, why: "dropping what was not there" },
  { add: ["MKNOD"], drop: ["CAP_MKNOD"], is: defaultCapabilities, why: "named on both sides: added, as Docker does" },
  { add: [], drop: ["ALL"], is: 0n, why: "nothing" },
  { add: ["CHOWN"], drop: ["all"], is: bit("CAP_CHOWN"), why: "exactly what is added" },
  { add: ["ALL"], drop: [], is: allCapabilities, why: "everything" },
  { add: ["ALL"], drop: ["SYS_ADMIN"], is: allCapabilities & ~bit("CAP_SYS_ADMIN"), why: "everything but one" },
  { add: ["ALL", "MKNOD"], drop: ["MKNOD"], is: allCapabilities & ~bit("CAP_MKNOD"), why: "with ALL, drop wins" },
  { add: ["ALL"], drop: ["ALL"], is: allCapabilities, why: "Docker reads ALL in --cap-add first" },
  { add: ["NOPE"], drop: [], is: /^--cap-add "NOPE": no such capability/, why: "unknown name" },
  { add: [], drop: ["SYS_ADMN"], is: /^--cap-drop .* did you mean CAP_SYS_ADMIN\?/, why: "a slip in --cap-drop" },
  { add: ["CAP_ALL"], drop: [], is: /no such capability/, why: "ALL is a word of its own, not a capability" },
] as const;
for (const { add, drop, is, why } of cases)
  test(`add [${add}] drop [${drop}]: ${why}`, () => {
    const adjust = (): bigint => adjustCapabilities({ base: defaultCapabilities, add, drop });
    if (is instanceof RegExp) expect(adjust).toThrow(is);
    else expect(adjust()).toBe(is);
  });

const limited = [
  { add: ["ALL"], base: defaultCapabilities, is: noResource, why: "ALL is what there is" },
  { add: [], base: bit("CAP_SYS_RESOURCE", "CAP_KILL"), is: bit("CAP_KILL"), why: "nobody named it: cut silently" },
  {
    add: ["SYS_RESOURCE"],
    base: 0n,
    is: /--cap-add CAP_SYS_RESOURCE: not in this machine's own bounding set/,
    why: "named",
  },
  { add: ["ALL", "SYS_RESOURCE"], base: 0n, is: /CAP_SYS_RESOURCE/, why: "named beside ALL is still named" },
] as const;
for (const { add, base, is, why } of limited)
  test(`a machine without SYS_RESOURCE, add [${add}]: ${why}`, () => {
    const adjust = (): bigint => adjustCapabilities({ base, add, available: noResource });
    if (is instanceof RegExp) expect(adjust).toThrow(is);
    else expect(adjust()).toBe(is);
  });

test("privileged is the intersection with what the machine has", () => {
  expect(privilegedCapabilities(noResource)).toBe(noResource);
  expect(privilegedCapabilities(~0n)).toBe(allCapabilities);
});

test("the default set is the mask that Docker's documentation shows", () => {
  expect(defaultCapabilities.toString(16)).toBe("a80425fb");
});
