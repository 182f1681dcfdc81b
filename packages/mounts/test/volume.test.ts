import fc from "fast-check";
import { expect, test } from "vitest";
import { MountsError, parseTmpfs, parseVolume, volumeMount } from "../src/steps.ts";

const cases: readonly {
  text: string;
  is: readonly [string | undefined, string, boolean, string[]] | RegExp;
  why: string;
}[] = [
  { text: "/data", is: [undefined, "/data", false, []], why: "an anonymous volume" },
  { text: "/src:/app", is: ["/src", "/app", false, []], why: "a directory of the host" },
  { text: "./src:/app:ro", is: ["./src", "/app", true, ["ro"]], why: "relative; read-only" },
  { text: "cache:/var/cache:nocopy", is: ["cache", "/var/cache", false, ["nocopy"]], why: "a volume by its name" },
  { text: "/a:/b:rw,z,rslave", is: ["/a", "/b", false, ["rw", "z", "rslave"]], why: "several options" },
  { text: "/a:/b:", is: ["/a", "/b", false, []], why: "no options after the colon" },
  { text: "/a:/b c/ü", is: ["/a", "/b c/ü", false, []], why: "any characters but colons" },
  { text: "", is: /absolute path/, why: "nothing" },
  { text: "data", is: /absolute path/, why: "a target must be absolute" },
  { text: ":/b", is: /the source is empty/, why: "no source before the colon" },
  { text: "/a:", is: /absolute path/, why: "no target" },
  { text: "/a:b", is: /absolute path/, why: "a relative target" },
  { text: "/a:/", is: /cannot be the root/, why: "the root" },
  { text: "/a:/./", is: /cannot be the root/, why: "the root in other words" },
  { text: "/a:/b/..", is: /cannot be the root/, why: "and in others" },
  { text: "/a:/../..", is: /cannot be the root/, why: "above the root is the root" },
  { text: "/a:/b:ro:rw", is: /too many colons/, why: "four parts" },
  { text: "/a:/b:wo", is: /unknown option "wo"/, why: "no such option" },
  { text: "/a:/b\0c", is: /NUL/, why: "the kernel would cut it" },
];
for (const { text, is, why } of cases)
  test(`-v ${JSON.stringify(text)}: ${why}`, () => {
    if (is instanceof RegExp) {
      expect(() => parseVolume(text)).toThrow(is);
      expect(() => parseVolume(text)).toThrow(expect.objectContaining({ code: "ERR_MOUNTS_VOLUME" }));
    } else {
      const { source, target, readOnly, options } = parseVolume(text);
      expect([source, target, readOnly, options]).toEqual(is);
    }
  });

const mounts = [
  { text: "/a:/b", is: ["rbind", "rw", "rprivate"], why: "what is mounted later stays apart" },
  { text: "/a:/b:ro", is: ["rbind", "rro", "rprivate"], why: "read-only with all below" },
  {
    text: "/a:/b:rslave,z",
    is: ["rbind", "rw", "rslave"],
    why: "a propagation of one's own; SELinux words mean nothing",
  },
  { text: "/a:/b:bind,ro,noexec", is: ["bind", "rro", "noexec", "rprivate"], why: "without what is mounted below" },
] as const;
for (const { text, is, why } of mounts)
  test(`the mount of -v ${text}: ${why}`, () => {
    expect(volumeMount(parseVolume(text), "/resolved")).toEqual({
      destination: "/b",
      type: "bind",
      source: "/resolved",
      options: is,
    });
  });

const tmpfs = [
  { text: "/run", is: ["noexec", "nosuid", "nodev"], why: "closed by default" },
  {
    text: "/run:size=64m,mode=755,exec",
    is: ["noexec", "nosuid", "nodev", "size=64m", "mode=755", "exec"],
    why: "later words win",
  },
  { text: "run", is: /absolute path/, why: "a relative target" },
  { text: "/r\0", is: /absolute path/, why: "the kernel would cut it" },
] as const;
for (const { text, is, why } of tmpfs)
  test(`--tmpfs ${JSON.stringify(text)}: ${why}`, () => {
    if (is instanceof RegExp) expect(() => parseTmpfs(text)).toThrow(is);
    else expect(parseTmpfs(text)).toEqual({ destination: "/run", type: "tmpfs", source: "tmpfs", options: is });
  });

test("whatever is written, nothing but a MountsError is thrown", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[./a:,]{0,12}$/)), (text) => {
      for (const parse of [parseVolume, parseTmpfs])
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MountsError);
        }
    }),
  );
});
