import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allCapabilities,
  type CapabilityName,
  capabilityMask,
  capabilitySteps,
  defaultCapabilities,
  processCapabilities,
} from "../src/index.ts";

const because = { option: "process.capabilities", why: "test" };
const bit = (...names: CapabilityName[]): bigint => capabilityMask(names);

test("an engine's default: limits before the user changes, sets after, nothing inheritable (CVE-2022-24769)", () => {
  expect(capabilitySteps({ capabilities: processCapabilities(defaultCapabilities), because })).toEqual({
    beforeUser: [{ do: "limitCapabilities", bounding: defaultCapabilities, because }],
    afterUser: [
      {
        do: "setCapabilities",
        effective: defaultCapabilities,
        permitted: defaultCapabilities,
        inheritable: 0n,
        ambient: 0n,
        because,
      },
    ],
    ignored: [],
  });
});

const net = ["CAP_NET_ADMIN"];
const cases = [
  { capabilities: undefined, is: {}, ignored: [], why: "no capabilities: none" },
  { capabilities: {}, is: {}, ignored: [], why: "no set listed: none" },
  {
    capabilities: { bounding: net, permitted: net, effective: net },
    is: { bounding: bit("CAP_NET_ADMIN"), permitted: bit("CAP_NET_ADMIN"), effective: bit("CAP_NET_ADMIN") },
    ignored: [],
    why: "the three usual sets",
  },
  {
    capabilities: { permitted: net, inheritable: net, ambient: net },
    is: { permitted: bit("CAP_NET_ADMIN"), inheritable: bit("CAP_NET_ADMIN"), ambient: bit("CAP_NET_ADMIN") },
    ignored: [],
    why: "ambient for a user other than root",
  },
  {
    capabilities: { permitted: net, ambient: net },
    is: { permitted: bit("CAP_NET_ADMIN") },
    ignored: ["ambient CAP_NET_ADMIN: it is not both permitted and inheritable"],
    why: "prctl(2) would answer EPERM; nothing becomes inheritable by itself",
  },
  {
    capabilities: { effective: net },
    is: {},
    ignored: ["effective CAP_NET_ADMIN: it is not in the permitted set"],
    why: "capset(2) would answer EPERM",
  },
  {
    capabilities: { bounding: ["CAP_UNHEARD_OF", "CAP_KILL"] },
    is: { bounding: bit("CAP_KILL") },
    ignored: ['bounding "CAP_UNHEARD_OF": no such capability'],
    why: "the runtime-spec wants a warning, not a failure",
  },
  {
    capabilities: { bounding: ["CAP_SYS_RESOURCE", "CAP_KILL"] },
    is: { bounding: bit("CAP_KILL") },
    ignored: ["bounding CAP_SYS_RESOURCE: this machine does not have it"],
    why: "a machine that lacks one",
  },
] as const;
for (const { capabilities, is, ignored, why } of cases)
  test(why, () => {
    const available = allCapabilities & ~bit("CAP_SYS_RESOURCE");
    const plan = capabilitySteps({ capabilities, because, available });
    const { bounding = 0n, ...sets } = is as Record<string, bigint>;
    expect(plan.beforeUser).toEqual([{ do: "limitCapabilities", bounding, because }]);
    const none = { effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n };
    expect(plan.afterUser).toEqual([{ do: "setCapabilities", ...none, ...sets, because }]);
    expect(plan.ignored).toEqual(ignored);
  });

test("whatever is asked, the kernel's subset rules hold and nothing throws", () => {
  const names = fc.array(fc.oneof(fc.constantFrom("CAP_KILL", "CAP_CHOWN", "CAP_BPF"), fc.string()));
  const capabilities = fc.record({
    bounding: names,
    permitted: names,
    effective: names,
    inheritable: names,
    ambient: names,
  });
  fc.assert(
    fc.property(capabilities, (wanted) => {
      const [step] = capabilitySteps({ capabilities: wanted, because }).afterUser;
      if (step?.do !== "setCapabilities") throw new Error("no setCapabilities step");
      expect(step.effective & ~step.permitted).toBe(0n);
      expect(step.ambient & ~(step.permitted & step.inheritable)).toBe(0n);
    }),
  );
});

test("ambient is a part of what is granted", () => {
  expect(processCapabilities(bit("CAP_KILL"), allCapabilities)).toEqual({
    bounding: ["CAP_KILL"],
    effective: ["CAP_KILL"],
    permitted: ["CAP_KILL"],
    inheritable: ["CAP_KILL"],
    ambient: ["CAP_KILL"],
  });
});
