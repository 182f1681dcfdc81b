import fc from "fast-check";
import { expect, test } from "vitest";
import { mountTable } from "../src/index.ts";
import { MountsError, parseMountInfo } from "../src/steps.ts";

test("a line, as proc_pid_mountinfo(5) has it", () => {
  expect(
    parseMountInfo("36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n"),
  ).toEqual([
    {
      ...{ id: 36, parent: 35, device: "98:0", root: "/mnt1", target: "/mnt2", options: ["rw", "noatime"] },
      ...{ tags: ["shared:1", "master:2"], type: "ext3", source: "/dev/root", superOptions: ["rw", "errors=continue"] },
    },
  ]);
});

const lines = [
  { line: "1 0 0:1 / /a\\040b rw - tmpfs tmpfs rw", is: { target: "/a b", tags: [] }, why: "a space; no tags" },
  {
    line: "1 0 0:1 / /a\\011\\012\\134 rw - tmpfs t\\040s rw",
    is: { target: "/a\t\n\\", source: "t s" },
    why: "tab, newline, backslash",
  },
  {
    line: "1 0 0:1 /\\134040 /x rw - tmpfs tmpfs rw",
    is: { root: "/\\040" },
    why: "an escaped backslash is read once",
  },
  { line: "1 0 0:1 / /ü漢 rw - tmpfs tmpfs rw", is: { target: "/ü漢" }, why: "other characters are themselves" },
  { line: "1 0 0:1 / /- rw - - - rw", is: { target: "/-", type: "-", source: "-" }, why: "dashes are names too" },
  { line: "1 0 0:1 / /x rw - tmpfs  rw", is: { source: "" }, why: "an empty source" },
] as const;
for (const { line, is, why } of lines) test(`${line}: ${why}`, () => expect(parseMountInfo(line)[0]).toMatchObject(is));

for (const line of [
  "nonsense",
  "1 0 0:1 / /x rw shared:1 ext3 a b",
  "x 0 0:1 / /x rw - tmpfs tmpfs rw",
  "1 0 0:1 / /x rw - tmpfs",
])
  test(`no line of mountinfo: ${line}`, () => {
    expect(() => parseMountInfo(line)).toThrow(expect.objectContaining({ code: "ERR_MOUNTS_TABLE" }));
  });

test("whatever the text is, nothing but a MountsError is thrown", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d /\\a:-]{0,60}$/)), (text) => {
      try {
        parseMountInfo(text);
      } catch (error) {
        expect(error).toBeInstanceOf(MountsError);
      }
    }),
  );
});

test("this process's own table has a root", () => {
  expect(mountTable().some(({ target }) => target === "/")).toBe(true);
  expect(mountTable(process.pid)).toEqual(mountTable());
});
