import fc from "fast-check";
import { expect, test } from "vitest";
import { isOciError, lookupUser, parseUser } from "../src/index.ts";

const passwd = `
root:x:0:0:root:/root:/bin/sh
node:x:1000:1000::/home/node:/bin/sh
# comment:x:5:5:::
1000:x:0:0:evil:/root:/bin/sh
wrap:x:4294967296:0::/:/bin/sh
word:x:zero:0::/:/bin/sh
odd:x:7:7::home\r:/bin/sh
tab:x:8:8::/ho\tme:/bin/sh
node:x:0:0:second:/root:/bin/sh
broken
`;
const group = `
root:x:0:root
staff:x:50:node,other
audio:x:29:node
bad:x:-1:node
node:x:1000:
50:x:0:
`;

const found = [
  { user: "", is: [0, 0, [0], "/root"], why: "an image without USER runs as root" },
  { user: "root", is: [0, 0, [0], "/root"], why: "by name" },
  {
    user: "node",
    is: [1000, 1000, [1000, 50, 29], "/home/node"],
    why: "CVE-2022-36109: primary group among the additional ones; first entry wins",
  },
  {
    user: "1000",
    is: [1000, 1000, [1000, 50, 29], "/home/node"],
    why: "CVE-2016-3697: digits are an id, never the name of line 4",
  },
  { user: "4242", is: [4242, 0, [0], "/"], why: "an id needs no entry" },
  { user: "node:staff", is: [1000, 50, [50], "/home/node"], why: "an explicit group replaces the others" },
  { user: "node:50", is: [1000, 50, [50], "/home/node"], why: "digits are an id, never the group of that name" },
  { user: "1:2", is: [1, 2, [2], "/"], why: "two ids" },
  { user: "node:", is: [1000, 1000, [1000, 50, 29], "/home/node"], why: "Docker takes an empty group for none" },
  { user: ":50", is: [0, 50, [50], "/root"], why: "Docker takes an empty user for root" },
  { user: "0010", is: [10, 0, [0], "/"], why: "decimal, whatever the zeros" },
  { user: "4294967294", is: [4294967294, 0, [0], "/"], why: "the last id" },
  { user: "odd", is: [7, 7, [7], "/"], why: "a relative home is none" },
  { user: "tab", is: [8, 8, [8], "/"], why: "CVE-2022-4318: control character in HOME" },
] as const;
for (const { user, is, why } of found)
  test(`${JSON.stringify(user)}: ${why}`, () => {
    const { uid, gid, additionalGids, home } = lookupUser({ user, passwd, group });
    expect([uid, gid, additionalGids, home]).toEqual(is);
  });

const refused = [
  { user: "4294967296", code: "ERR_OCI_USER", why: "CVE-2024-40635: would wrap to 0" },
  { user: "4294967295", code: "ERR_OCI_USER", why: "(uid_t) -1" },
  { user: "1000:4294967296", code: "ERR_OCI_USER", why: "the group wraps" },
  { user: "9".repeat(400), code: "ERR_OCI_USER", why: "Infinity" },
  { user: "-1", code: "ERR_OCI_USER", why: "a number elsewhere" },
  { user: "+0", code: "ERR_OCI_USER", why: "a number elsewhere" },
  { user: "0x0", code: "ERR_OCI_USER_NOT_FOUND", why: "a name, not root" },
  { user: " 1000", code: "ERR_OCI_USER", why: "space" },
  { user: "root\n", code: "ERR_OCI_USER", why: "a second line" },
  { user: "root\0", code: "ERR_OCI_USER", why: "NUL" },
  { user: "1:2:3", code: "ERR_OCI_USER", why: "three parts" },
  { user: "a/b", code: "ERR_OCI_USER", why: "a path" },
  { user: "u".repeat(300), code: "ERR_OCI_USER", why: "too long" },
  { user: "nobody", code: "ERR_OCI_USER_NOT_FOUND", why: "unknown user" },
  { user: "node:wheel", code: "ERR_OCI_USER_NOT_FOUND", why: "unknown group" },
  { user: "wrap", code: "ERR_OCI_USER_NOT_FOUND", why: "an entry with an id out of range is none" },
  {
    user: "word",
    code: "ERR_OCI_USER_NOT_FOUND",
    why: "an entry without a number is none: read as 0 it would be root",
  },
  { user: "node:bad", code: "ERR_OCI_USER_NOT_FOUND", why: "a group with a negative id is none" },
];
for (const { user, code, why } of refused)
  test(`refuses ${JSON.stringify(user.slice(0, 20))}: ${why}`, () =>
    expect(() => lookupUser({ user, passwd, group })).toThrow(expect.objectContaining({ code })));

test("--group-add takes names and ids", () =>
  expect(lookupUser({ user: "1", passwd, group, groupAdd: ["audio", "7", "29"] }).additionalGids).toEqual([0, 29, 7]));

test("CVE-2026-47262: limits on what the image supplies", () => {
  const limit = expect.objectContaining({ code: "ERR_OCI_USER" });
  expect(() => lookupUser({ user: "0", passwd: "x".repeat(70_000), group })).toThrow(limit);
  expect(() => lookupUser({ user: "0", passwd, group: "x".repeat(2 ** 21) })).toThrow(limit);
  expect(() => lookupUser({ user: "0", passwd: "a\n".repeat(2 ** 23), group })).toThrow(limit);
});

test("throws nothing but OciError, and never makes an id out of range", () =>
  fc.assert(
    fc.property(
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."ab:0139\n-") }),
      fc.string({ unit: fc.constantFrom(..."ab:0139\n,") }),
      (user, p, g) => {
        try {
          expect(parseUser(user)).toBeDefined();
          const { uid, gid } = lookupUser({ user, passwd: p, group: g });
          for (const id of [uid, gid]) expect(Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1).toBe(true);
        } catch (error) {
          expect(isOciError(error)).toBe(true);
        }
      },
    ),
  ));
