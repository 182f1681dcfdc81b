import fc from "fast-check";
import { expect, test } from "vitest";
import { MountsError, type ParsedOptions, parseOptions } from "../src/steps.ts";

const nothing: ParsedOptions = {
  ...{ set: [], clear: [], recursiveSet: [], recursiveClear: [], data: [] },
  ...{ propagation: "keep", propagationRecursive: false, bind: false, recursive: false },
};

const cases: readonly { type: string; options: string[]; is: Partial<ParsedOptions> | RegExp; why: string }[] = [
  { type: "proc", options: [], is: {}, why: "nothing asked" },
  { type: "proc", options: ["nosuid", "noexec", "nodev"], is: { set: ["noSuid", "noExec", "noDev"] }, why: "flags" },
  {
    type: "tmpfs",
    options: ["mode=1777", "size=64m"],
    is: { data: ["mode=1777", "size=64m"] },
    why: "the file system's own",
  },
  {
    type: "tmpfs",
    options: ["strictatime", "mode=755"],
    is: { set: ["strictAtime"], data: ["mode=755"] },
    why: "both",
  },
  { type: "none", options: ["bind"], is: { bind: true }, why: "a bind mount by option" },
  { type: "bind", options: [], is: { bind: true }, why: "a bind mount by type" },
  { type: "none", options: ["rbind"], is: { bind: true, recursive: true }, why: "with all mounts below" },
  {
    type: "none",
    options: ["rbind", "rro"],
    is: { bind: true, recursive: true, recursiveSet: ["readOnly"] },
    why: "read-only for all below",
  },
  {
    type: "none",
    options: ["bind", "rw", "exec"],
    is: { bind: true, clear: ["readOnly", "noExec"] },
    why: "flags taken away",
  },
  {
    type: "none",
    options: ["rbind", "rslave"],
    is: { bind: true, recursive: true, propagation: "slave", propagationRecursive: true },
    why: "propagation for all below",
  },
  {
    type: "none",
    options: ["bind", "shared"],
    is: { bind: true, propagation: "shared" },
    why: "propagation of the top alone",
  },
  { type: "none", options: ["bind", "rrelatime", "defaults", "relatime"], is: /rrelatime/, why: "no word of ours" },
  { type: "proc", options: ["defaults", "relatime", "async"], is: {}, why: "fstab's words for nothing" },
  {
    type: "bind",
    options: ["size=64m"],
    is: /a bind mount knows no option "size=64m"/,
    why: "there is no file system that could take it",
  },
  { type: "bind", options: ["toString"], is: /knows no option "toString"/, why: "a name that every object has" },
  { type: "tmpfs", options: ["__proto__"], is: { data: ["__proto__"] }, why: "the kernel will say what it thinks" },
  { type: "proc", options: ["ro", "ro"], is: { set: ["readOnly"] }, why: "said twice" },
  {
    type: "none",
    options: ["bind", "ro", "rw"],
    is: { bind: true, clear: ["readOnly"] },
    why: "the last word counts, as in mount(8)",
  },
  { type: "none", options: ["bind", "rw", "ro"], is: { bind: true, set: ["readOnly"] }, why: "the other way round" },
  {
    type: "none",
    options: ["rbind", "rro", "rrw"],
    is: { bind: true, recursive: true, recursiveClear: ["readOnly"] },
    why: "for the recursive ones too",
  },
];
for (const { type, options, is, why } of cases)
  test(`${type} ${options.join(",")}: ${why}`, () => {
    const parse = (): ParsedOptions => parseOptions(options, type);
    if (is instanceof RegExp) {
      expect(parse).toThrow(is);
      expect(parse).toThrow(expect.objectContaining({ code: "ERR_MOUNTS_OPTION" }));
    } else expect(parse()).toEqual({ ...nothing, ...is });
  });

test("whatever the words are, nothing but a MountsError is thrown, and no flag is both set and cleared", () => {
  const words = fc.constantFrom(
    "ro",
    "rw",
    "rro",
    "rrw",
    "nosuid",
    "suid",
    "exec",
    "noexec",
    "rbind",
    "bind",
    "shared",
    "rslave",
    "size=1",
    "",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string())), fc.constantFrom("bind", "tmpfs", "none"), (options, type) => {
      try {
        const { set, clear } = parseOptions(options, type);
        expect(set.filter((flag) => clear.includes(flag))).toEqual([]);
        expect(new Set(set).size).toBe(set.length);
      } catch (error) {
        expect(error).toBeInstanceOf(MountsError);
      }
    }),
  );
});
