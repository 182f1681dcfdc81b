import { expect, test } from "vitest";
import { classify, entryPath } from "../src/entry-name.ts";
import { codeOf } from "./collect.ts";

const names = [
  { name: "app/run.js", is: ["app", "run.js"], why: "as it is" },
  { name: "./app/", is: ["app"], why: "what tar writes for the current directory" },
  { name: "/etc/passwd", is: ["etc", "passwd"], why: "absolute means absolute in the container" },
  { name: "a//b/./c", is: ["a", "b", "c"], why: "doubled slashes and dots say nothing" },
  { name: "a/../b", is: ["b"], why: "stays inside" },
  { name: "./", is: [], why: "the root itself" },
  { name: "..", is: undefined, why: "the parent of the root" },
  { name: "../etc/passwd", is: undefined, why: "leaves at once" },
  { name: "a/../../etc/passwd", is: undefined, why: "leaves later (CVE-2014-9357)" },
  { name: "/../etc/passwd", is: undefined, why: "leaves from the root" },
  { name: "", is: undefined, why: "names nothing" },
  { name: "a\0b", is: undefined, why: "the kernel would read another name" },
  { name: "x".repeat(256), is: undefined, why: "NAME_MAX" },
  { name: "é".repeat(128), is: undefined, why: "NAME_MAX counts bytes" },
  { name: "x/".repeat(2100), is: undefined, why: "PATH_MAX" },
] as const;
for (const { name, is, why } of names)
  test(`${JSON.stringify(name.slice(0, 30))}: ${why}`, () => {
    if (is === undefined) expect(codeOf(() => entryPath(name))).toBe("ERR_LAYERS_ENTRY");
    else expect(entryPath(name)).toEqual(is);
  });

const lasts = [
  { last: "app.js", is: { kind: "name", name: "app.js" }, why: "no prefix" },
  { last: ".wh.app.js", is: { kind: "whiteout", name: "app.js" }, why: "hides one name below" },
  { last: ".wh..app", is: { kind: "whiteout", name: ".app" }, why: "hides a dot file" },
  { last: ".wh..wh..opq", is: { kind: "opaque" }, why: "hides everything below" },
  { last: ".wh..wh.plnk", is: { kind: "aufs" }, why: "AUFS's own" },
  { last: ".wh.", is: undefined, why: "names nothing" },
  { last: ".wh..", is: undefined, why: "would hide the directory itself" },
  { last: ".wh...", is: undefined, why: "would remove the parent" },
] as const;
for (const { last, is, why } of lasts)
  test(`${last}: ${why}`, () => {
    if (is === undefined) expect(codeOf(() => classify(last))).toBe("ERR_LAYERS_ENTRY");
    else expect(classify(last)).toEqual(is);
  });
