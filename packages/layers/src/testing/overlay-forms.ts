import type { Attempt, Tree } from "./hostile-archive.ts";
import type { RawEntry } from "./raw-archive.ts";

//  what overlay understands, and nobody but the engine may say: whiteouts, opaque marks, its xattrs, 0:0

const d: RawEntry = { name: "d/", flag: "5" };

const whiteouts: { is: string; why: string; entries: readonly RawEntry[]; expect: "refused" | Tree }[] = [
  { is: "of nothing", why: "umoci once read it as opaque", entries: [{ name: ".wh." }], expect: "refused" },
  { is: "of `.`", why: "would remove its directory", entries: [{ name: ".wh.." }], expect: "refused" },
  { is: "of `..`", why: "would remove the parent", entries: [{ name: ".wh..." }], expect: "refused" },
  { is: "of `..` in a directory", why: "would remove the root", entries: [d, { name: "d/.wh..." }], expect: "refused" },
  { is: "with a slash behind the mark", why: "names nothing", entries: [{ name: ".wh./x" }], expect: "refused" },
  { is: "with a slash in its name", why: "lies below a whiteout", entries: [{ name: ".wh.d/x" }], expect: "refused" },
  {
    is: "with a way out of it",
    why: "is another name",
    entries: [{ name: ".wh.d/../x", body: "x" }],
    expect: { x: "file x" },
  },
  { is: "of a whiteout", why: "is a name like another", entries: [{ name: ".wh..wh.x" }], expect: {} },
  { is: "of AUFS", why: "is not for us", entries: [{ name: ".wh..wh.plnk/1.2", body: "x" }], expect: {} },
  { is: "of AUFS, a directory", why: "is not for us", entries: [{ name: ".wh..wh.orph/", flag: "5" }], expect: {} },
  {
    is: "before its name",
    why: "the last holds",
    entries: [{ name: ".wh.x" }, { name: "x", body: "new" }],
    expect: { x: "file new" },
  },
  {
    is: "after its name",
    why: "the last holds",
    entries: [{ name: "x", body: "new" }, { name: ".wh.x" }],
    expect: { x: "whiteout" },
  },
  {
    is: "after a full directory",
    why: "the last holds",
    entries: [{ name: "d/e/f" }, { name: ".wh.d" }],
    expect: { d: "whiteout" },
  },
  {
    is: "before a directory",
    why: "the directory must go on hiding",
    entries: [{ name: ".wh.d" }, d, { name: "d/f", body: "new" }],
    expect: { d: "directory opaque", "d/f": "file new" },
  },
  {
    is: "before a directory that is only passed through",
    why: "the directory must go on hiding",
    entries: [{ name: ".wh.d" }, { name: "d/f", body: "new" }],
    expect: { d: "directory opaque", "d/f": "file new" },
  },
  { is: "twice", why: "says it twice", entries: [{ name: ".wh.x" }, { name: ".wh.x" }], expect: { x: "whiteout" } },
  {
    is: "with content",
    why: "has none to speak of",
    entries: [{ name: ".wh.x", body: "text" }],
    expect: { x: "whiteout" },
  },
  {
    is: "as a directory",
    why: "the name says it",
    entries: [{ name: ".wh.x/", flag: "5" }],
    expect: { x: "whiteout" },
  },
  {
    is: "as a symlink",
    why: "the name says it",
    entries: [{ name: ".wh.x", flag: "2", link: "/" }],
    expect: { x: "whiteout" },
  },
  {
    is: "as a hard link",
    why: "the name says it",
    entries: [{ name: ".wh.x", flag: "1", link: "y" }],
    expect: { x: "whiteout" },
  },
  {
    is: "as a device",
    why: "the name says it",
    entries: [{ name: ".wh.x", flag: "3", major: 1, minor: 3 }],
    expect: { x: "whiteout" },
  },
  {
    is: "of a name of 251 bytes",
    why: "fits",
    entries: [{ gnuName: `.wh.${"n".repeat(251)}` }],
    expect: { ["n".repeat(251)]: "whiteout" },
  },
  {
    is: "of a name of 252 bytes",
    why: "does not fit",
    entries: [{ gnuName: `.wh.${"n".repeat(252)}` }],
    expect: "refused",
  },
  {
    is: "of everything, twice",
    why: "says it twice",
    entries: [{ name: "d/.wh..wh..opq" }, { name: "d/.wh..wh..opq" }],
    expect: { d: "directory opaque" },
  },
  {
    is: "of everything, as a directory",
    why: "the name says it",
    entries: [{ name: "d/.wh..wh..opq/", flag: "5" }],
    expect: { d: "directory opaque" },
  },
  {
    is: "of everything, with a file in it",
    why: "is not for us",
    entries: [d, { name: "d/.wh..wh..opq/f", body: "x" }],
    expect: { d: "directory" },
  },
  {
    is: "of everything, after the files",
    why: "hides only what is below",
    entries: [{ name: "d/f", body: "new" }, { name: "d/.wh..wh..opq" }],
    expect: { d: "directory opaque", "d/f": "file new" },
  },
  {
    is: "of everything, in a file's place",
    why: "the last holds",
    entries: [{ name: "d", body: "file" }, { name: "d/.wh..wh..opq" }],
    expect: { d: "directory opaque" },
  },
];

const xattrs: { key: string; why: string; value?: string | Uint8Array; flag?: string; expect: "refused" | Tree }[] = [
  {
    key: "trusted.overlay.redirect",
    why: "would show another layer's directory",
    value: "/../../..",
    flag: "5",
    expect: "refused",
  },
  { key: "trusted.overlay.opaque", why: "is said by a mark", value: "y", flag: "5", expect: "refused" },
  { key: "trusted.overlay.metacopy", why: "would show another layer's content", value: "", expect: "refused" },
  { key: "trusted.overlay.whiteout", why: "is a whiteout too", value: "y", expect: "refused" },
  {
    key: "trusted.overlay.origin",
    why: "is a file handle of the host",
    value: Uint8Array.of(0, 0xfb),
    expect: "refused",
  },
  {
    key: "trusted.overlay.overlay.opaque",
    why: "is escaped for an overlay inside",
    value: "y",
    flag: "5",
    expect: "refused",
  },
  {
    key: "user.overlay.redirect",
    why: "the same for rootless mounts",
    value: "/../../..",
    flag: "5",
    expect: "refused",
  },
  { key: "user.overlay.opaque", why: "the same for rootless mounts", value: "y", flag: "5", expect: "refused" },
  { key: "user.overlay.metacopy", why: "the same for rootless mounts", value: "", expect: "refused" },
  { key: "user.overlay.whiteout", why: "the same for rootless mounts", value: "y", expect: "refused" },
  { key: "nonsense", why: "is in no namespace", value: "x", expect: "refused" },
  { key: "", why: "has no name", value: "x", expect: "refused" },
  { key: "user.", why: "has no name", value: "x", expect: "refused" },
  { key: "user.a\0b", why: "the kernel would see a shorter one", value: "x", expect: "refused" },
  { key: `user.${"n".repeat(255)}`, why: "is longer than any", value: "x", expect: "refused" },
  { key: "user.big", why: "is larger than any", value: new Uint8Array(65_537), expect: "refused" },
  { key: "system.posix_acl_access", why: "the kernel does not take it", value: "garbage", expect: "refused" },
  { key: "security.capability", why: "the kernel does not take it", value: "garbage", expect: "refused" },
];

/** Attempts to speak overlay's language. */
export function* overlayForms(): Generator<Attempt, void> {
  for (const { is, why, entries, expect } of whiteouts) yield { name: `whiteout ${is}`, why, entries, expect };
  for (const { key, why, value = "", flag = "0", expect } of xattrs)
    yield {
      name: `xattr ${JSON.stringify(key.slice(0, 40))}`,
      why,
      entries: [{ name: "x", flag, pax: [[`SCHILY.xattr.${key}`, value]] }],
      expect,
    };
  const devices: [is: string, entry: RawEntry][] = [
    ["character device 0:0", { flag: "3", major: 0, minor: 0 }],
    ["character device without numbers", { flag: "3", magic: "\0\0\0\0\0\0\0\0" }],
    ["device of a major number that is none", { flag: "4", major: 0o17777, minor: 0 }],
    ["device of a minor number that is none", { flag: "4", major: 8, minor: 0o7777777 }],
  ];
  for (const [is, entry] of devices)
    yield {
      name: is,
      why: "is overlay's whiteout, or nobody's",
      entries: [{ name: "x", ...entry }],
      expect: "refused",
    };
}
