import type { MountAttribute, NamespaceType, Propagation, ResourceLimit, StepName, StepOf } from "./step.ts";

/**
 * How a field travels: every scalar is one little-endian 64-bit word; `text` is a length and its bytes
 * with a NUL, padded to a word; `texts` leaves room for a C pointer table in front, so that the
 * interpreter hands the very bytes of the plan to execve(2) and allocates nothing.
 */
export type FieldKind =
  | "number"
  | "bigint"
  | "boolean"
  | "text"
  | "texts"
  | "numbers"
  | "bytes"
  | { readonly one: Readonly<Record<string, number>> }
  | { readonly flags: Readonly<Record<string, number>> };

/** CLONE_NEW* of <linux/sched.h>. */
export const namespaceFlags: Readonly<Record<NamespaceType, number>> = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
};

/** MOUNT_ATTR_* of <linux/mount.h>. */
export const mountAttributeFlags: Readonly<Record<MountAttribute, number>> = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  noAtime: 0x10,
  strictAtime: 0x20,
  noDirAtime: 0x80,
  noSymlinkFollow: 0x200000,
};

/** MS_* of <linux/mount.h>. */
export const propagationFlags: Readonly<Record<Propagation, number>> = {
  keep: 0,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
};

/** RLIMIT_* of <asm-generic/resource.h>. */
export const limitNumbers: Readonly<Record<ResourceLimit, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
};

const namespaceType: FieldKind = { one: namespaceFlags };
const namespaceTypes: FieldKind = { flags: namespaceFlags };
const attributes: FieldKind = { flags: mountAttributeFlags };
const propagation: FieldKind = { one: propagationFlags };
const tree: FieldKind = { one: { host: 0, rootfs: 1 } };
const missing: FieldKind = { one: { refuse: 0, directory: 1, file: 2, fixed: 3 } };
const nodeKind: FieldKind = { one: { fifo: 0o010000, character: 0o020000, block: 0o060000 } };

type Layout = { readonly [Name in StepName]: Readonly<Record<Exclude<keyof StepOf<Name>, "do">, FieldKind>> };

/**
 * The fields of every step in the order in which they are encoded. A step's place in this table is its
 * number on the wire, so new steps go to the end.
 */
export const layout: Layout = {
  write: { path: "text", text: "text" },
  joinNamespace: { type: namespaceType, path: "text" },
  joinProcess: { pidfd: "number", types: namespaceTypes },
  unshare: { types: namespaceTypes },
  barrier: { name: "text" },
  fork: {},
  newSession: {},
  newKeyring: { name: "text" },
  setHostname: { name: "text" },
  setDomainname: { name: "text" },
  setLimit: { type: { one: limitNumbers }, soft: "bigint", hard: "bigint" },
  setUmask: { mask: "number" },
  sendNetlink: { protocol: "number", messages: "bytes" },
  mount: { type: "text", source: "text", options: "texts", attributes, in: tree, target: "text", missing },
  bind: {
    from: tree,
    source: "text",
    recursive: "boolean",
    set: attributes,
    clear: attributes,
    propagation,
    idmap: "number",
    in: tree,
    target: "text",
    missing,
  },
  attach: { fd: "number", in: tree, target: "text" },
  setMount: { in: tree, target: "text", recursive: "boolean", set: attributes, clear: attributes, propagation },
  unmount: { in: tree, target: "text", detach: "boolean" },
  mask: { target: "text" },
  makeReadOnly: { target: "text" },
  enterRootfs: { path: "text" },
  pivotRoot: {},
  makeDirectory: { in: tree, path: "text", mode: "number", uid: "number", gid: "number" },
  makeFile: { in: tree, path: "text", mode: "number", uid: "number", gid: "number", bytes: "bytes" },
  extendFile: { in: tree, path: "text", offset: "bigint", size: "bigint", bytes: "bytes" },
  makeSymlink: { in: tree, path: "text", text: "text", uid: "number", gid: "number" },
  makeHardlink: { in: tree, path: "text", existing: "text" },
  makeNode: {
    in: tree,
    path: "text",
    kind: nodeKind,
    mode: "number",
    uid: "number",
    gid: "number",
    major: "number",
    minor: "number",
  },
  setXattr: { in: tree, path: "text", name: "text", value: "bytes" },
  setTime: { in: tree, path: "text", time: "bigint" },
  remove: { in: tree, path: "text" },
  empty: { in: tree, path: "text" },
  setSysctl: { name: "text", value: "text" },
  openTerminal: { send: "number", rows: "number", columns: "number", uid: "number" },
  limitCapabilities: { bounding: "bigint" },
  setUser: { uid: "number", gid: "number", groups: "numbers" },
  setCapabilities: { effective: "bigint", permitted: "bigint", inheritable: "bigint", ambient: "bigint" },
  setNoNewPrivileges: {},
  loadSeccomp: { program: "bytes", flags: "number" },
  changeDirectory: { path: "text", create: "boolean" },
  closeOthers: { from: "number" },
  exec: { argv: "texts", env: "texts" },
  becomeInit: {},
};
