import type { BigIntStats } from "node:fs";
import { constants } from "node:os";
import { isKernelError, listXattrs } from "@ctr/kernel";
import type { OverlayXattrs } from "../layer-steps.ts";
import { LayerError } from "../layers-error.ts";
import { type EntryType, type TarEntry, tarEntry } from "../tar-entry.ts";
import type { ArchiveMember } from "../write-archive.ts";
import { readContent, readLink, type Visit, walkTree } from "./walk-tree.ts";

export interface TreeMembersOptions {
  readonly directory: string;
  /** Of what the directory holds, tell of no other name. */
  readonly only?: string | undefined;
  /** The archive is no layer: a name that starts with `.wh.` is one like any other. */
  readonly plainNames?: boolean | undefined;
  /** Read `directory` as the upper directory of an overlay mount that keeps its notes in these xattrs. */
  readonly overlayXattrs?: OverlayXattrs | undefined;
  /** Seconds since the epoch: later times are set to it, so that what was made during a build has one time. */
  readonly sourceDateEpoch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A tree as the members of an archive, in the order of their bytes. Sockets are left out, tar has none.
 * @throws {LayerError} `ERR_LAYERS_SOURCE`
 */
export async function* treeMembers(options: TreeMembersOptions): AsyncGenerator<ArchiveMember, void> {
  const { directory, only, plainNames, overlayXattrs, sourceDateEpoch, signal } = options;
  const latest = sourceDateEpoch === undefined ? undefined : BigInt(Math.floor(sourceDateEpoch)) * 1_000_000_000n;
  const firstNames = new Map<string, string>(); // of files with several names
  for (const visit of walkTree(directory, only)) {
    signal?.throwIfAborted();
    if (!plainNames) checkName(visit.name);
    if (visit.stat.isSocket()) continue;
    if (overlayXattrs !== undefined && isWhiteout(visit.stat)) {
      yield { entry: marker(hiding(visit.name)) };
      continue;
    }
    const link = visit.stat.isSymbolicLink() ? readLink(visit) : "";
    if (link === undefined) continue;
    const xattrs = readXattrs(visit);
    const entry = entryOf(visit, link, withoutHostXattrs(xattrs), latest);
    const first = visit.stat.isDirectory() || visit.stat.nlink < 2n ? undefined : nameBefore(firstNames, visit);
    if (first !== undefined) yield { entry: { ...entry, type: "hardlink", size: 0, link: first, xattrs: new Map() } };
    else yield { entry, content: entry.type === "file" ? readContent(visit) : [] };
    if (overlayXattrs !== undefined && isOpaque(visit, xattrs, overlayXattrs))
      yield { entry: marker(`${visit.name}${visit.name === "" ? "" : "/"}.wh..wh..opq`) };
  }
}

/** Whether overlay hides a name of the layers below with this one: a character device 0:0. @see Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories" */
export function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

/**
 * Whether overlay shows nothing of the layers below in this directory.
 * @throws {LayerError} `ERR_LAYERS_SOURCE` for a mount whose upper directory alone does not say what changed.
 */
export function isOpaque(visit: Visit, xattrs: Readonly<Record<string, Uint8Array>>, overlay: OverlayXattrs): boolean {
  for (const feature of ["redirect", "metacopy"])
    if (Object.hasOwn(xattrs, `${overlay}.overlay.${feature}`))
      throw new LayerError({
        code: "ERR_LAYERS_SOURCE",
        entry: visit.name,
        message: `overlay keeps its content or its old name elsewhere (${feature}); mount without redirect_dir and metacopy`,
      });
  return visit.stat.isDirectory() && hasOpaqueMark(xattrs, overlay);
}

/** Whether a directory's attributes say that it is opaque. */
export function hasOpaqueMark(xattrs: Readonly<Record<string, Uint8Array>>, overlay: OverlayXattrs): boolean {
  const value = xattrs[`${overlay}.overlay.opaque`];
  return value !== undefined && value.length === 1 && value[0] === 0x79; // "y"
}

export function readXattrs(visit: Visit): Readonly<Record<string, Uint8Array>> {
  try {
    return listXattrs({ path: visit.path });
  } catch (cause) {
    const { EOPNOTSUPP, ENOENT } = constants.errno;
    // The file system has none; or the name is gone since it was visited, and its attributes with it.
    if (isKernelError(cause) && (cause.errno === EOPNOTSUPP || cause.errno === ENOENT)) return {};
    throw new LayerError({
      code: "ERR_LAYERS_SOURCE",
      entry: visit.name || ".",
      message: `its extended attributes cannot be read: ${(cause as Error).message}`,
      cause,
    });
  }
}

// Overlay's notes are about this mount, labels and measurements about this machine's policy.
const hostXattrs =
  /^(?:trusted\.overlay\.|user\.overlay\.|security\.(?:selinux|ima|evm|SMACK64)|system\.(?!posix_acl_))/;

function withoutHostXattrs(xattrs: Readonly<Record<string, Uint8Array>>): Map<string, Uint8Array> {
  return new Map(Object.entries(xattrs).filter(([name]) => !hostXattrs.test(name)));
}

function entryOf(visit: Visit, link: string, xattrs: Map<string, Uint8Array>, latest: bigint | undefined): TarEntry {
  const { stat } = visit;
  const type = typeOf(stat);
  const isDevice = type === "character" || type === "block";
  return {
    name: type !== "directory" ? visit.name : visit.name === "" ? "./" : `${visit.name}/`,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtime: latest !== undefined && stat.mtimeNs > latest ? latest : stat.mtimeNs,
    link,
    // The kernel's encoding of a device number for user space: linux/kdev_t.h, new_encode_dev.
    major: isDevice ? Number((stat.rdev >> 8n) & 0xfffn) : 0,
    minor: isDevice ? Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)) : 0,
    xattrs,
  };
}

function typeOf(stat: BigIntStats): EntryType {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  return stat.isBlockDevice() ? "block" : "character";
}

function nameBefore(firstNames: Map<string, string>, { name, stat }: Visit): string | undefined {
  const key = `${stat.dev}:${stat.ino}`;
  const first = firstNames.get(key);
  if (first === undefined) firstNames.set(key, name);
  return first;
}

const marker = (name: string): TarEntry => tarEntry({ name, type: "file", mode: 0o600 });

function hiding(name: string): string {
  const cut = name.lastIndexOf("/") + 1;
  return `${name.slice(0, cut)}.wh.${name.slice(cut)}`;
}

// Read back, it would be a whiteout: a program in a container could make other files disappear.
function checkName(name: string): void {
  if (name.slice(name.lastIndexOf("/") + 1).startsWith(".wh."))
    throw new LayerError({
      code: "ERR_LAYERS_SOURCE",
      entry: name,
      message: "a layer cannot hold a name that starts with .wh.: it means a removed file there; rename it",
    });
}
