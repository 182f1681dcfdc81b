import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allCapabilities,
  CapabilitiesError,
  capabilitiesIn,
  capabilityBit,
  capabilityMask,
  capabilityNames,
  findCapability,
  parseCapability,
} from "../src/index.ts";

test("bit numbers are the kernel's ABI", () => {
  const known = { CAP_CHOWN: 0, CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_SYS_RESOURCE: 24, CAP_SETFCAP: 31 } as const;
  for (const [name, bit] of Object.entries(known)) expect(capabilityBit(name as keyof typeof known)).toBe(bit);
  expect(capabilityBit("CAP_CHECKPOINT_RESTORE")).toBe(40);
  expect(allCapabilities).toBe(0x1ffffffffffn);
});

const spellings = [
  { text: "CAP_NET_ADMIN", is: "CAP_NET_ADMIN", why: "the kernel's name" },
  { text: "NET_ADMIN", is: "CAP_NET_ADMIN", why: "Docker's short form" },
  { text: "net_admin", is: "CAP_NET_ADMIN", why: "case does not count" },
  { text: "cap_bpf", is: "CAP_BPF", why: "nor with the prefix" },
  { text: "NET_ADMN", is: /did you mean CAP_NET_ADMIN\?/, why: "a letter is missing" },
  { text: "net-admin", is: /did you mean CAP_NET_ADMIN\?/, why: "a dash for an underscore" },
  { text: "ROOT", is: /capabilities\(7\) lists the names/, why: "nothing is close" },
  { text: "", is: /no such capability/, why: "an empty name" },
  { text: "CAP_", is: /no such capability/, why: "only the prefix" },
  { text: "CAP_CAP_CHOWN", is: /no such capability/, why: "the prefix is taken off once" },
  { text: "__proto__", is: /no such capability/, why: "a name of Object.prototype" },
  {
    text: "A".repeat(1_000_000),
    is: /^capability "A{64}…": no such capability/,
    why: "a megabyte is cut in the message",
  },
] as const;
for (const { text, is, why } of spellings)
  test(`${text.slice(0, 20)}: ${why}`, () => {
    if (is instanceof RegExp) expect(() => parseCapability(text)).toThrow(is);
    else expect(parseCapability(text)).toBe(is);
  });

test("the error carries the suggestion and names the option", () => {
  expect(() => parseCapability("SYS_ADMN", "--cap-drop")).toThrow(
    expect.objectContaining({
      code: "ERR_CAPABILITIES_UNKNOWN",
      suggestion: "CAP_SYS_ADMIN",
      message: '--cap-drop "SYS_ADMN": no such capability; did you mean CAP_SYS_ADMIN?',
    }),
  );
});

test("names and masks are inverse", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, allCapabilities), (mask) => {
      expect(capabilityMask(capabilitiesIn(mask))).toBe(mask);
    }),
  );
  fc.assert(
    fc.property(fc.subarray([...capabilityNames]), (names) => {
      expect(capabilitiesIn(capabilityMask(names))).toEqual(names);
    }),
  );
});

test("a bit without a name is refused, not dropped", () => {
  expect(() => capabilitiesIn(1n << 41n)).toThrow(expect.objectContaining({ code: "ERR_CAPABILITIES_MASK" }));
  expect(() => capabilitiesIn(-1n)).toThrow(expect.objectContaining({ code: "ERR_CAPABILITIES_MASK" }));
});

test("parsing throws nothing but our error", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      try {
        expect(findCapability(text)).toBe(parseCapability(text));
      } catch (error) {
        expect(error).toBeInstanceOf(CapabilitiesError);
      }
    }),
  );
});
