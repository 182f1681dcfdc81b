import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync } from "node:fs";
import { listXattrs } from "@ctr/kernel";
import { decodeName } from "@ctr/layers";
import { openBeneath, pathBytes, treeError } from "./open-beneath.ts";

//  A name in a stack of layers, as overlay looks it up, newest layer first:
//
//     layer 3   a/          opaque: nothing below is seen      the search for a/ ends here
//     layer 2   a  (0:0)    a whiteout: gone, with all below   … or here
//     layer 1   a/x         a file: it is what is seen         … or here, when nothing was found above
//
//  Directories that are found on the way are merged; the first decides mode, owner and times.
//  @see Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"

/** A directory that is merged into one. */
export interface Part {
  /** The top directory of its layer, as the caller wrote it. */
  readonly layer: string;
  /** fd of that directory. */
  readonly root: number;
  /** From there, without a slash at the start; "" is the top itself. */
  readonly name: string;
}

export interface Found extends Part {
  readonly stat: BigIntStats;
  /** What is merged, when it is a directory, itself first. */
  readonly parts: readonly Part[];
}

/**
 * The top directories of layers, opened once each, until the end of a `using` block.
 * Short paths leave room: a path in a layer may be as long as the kernel takes.
 */
export class OpenLayers implements Disposable {
  readonly #fds: Map<string, number> = new Map();

  /** @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE` */
  open(layer: string): Part {
    let root = this.#fds.get(layer);
    if (root === undefined) {
      try {
        root = openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      } catch (cause) {
        throw treeError(layer, cause);
      }
      this.#fds.set(layer, root);
    }
    return { layer, root, name: "" };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }
}

export const isSamePart = (a: Part, b: Part): boolean => a.root === b.root && a.name === b.name;

/** The layers below are complete and change no more, so their names may be asked about by path. */
export const pathOf = ({ root, name }: Part): string => `/proc/self/fd/${root}/${name === "" ? "." : name}`;

/** A stack's top directory: overlay merges it from all layers, whatever marks are on it. */
export function topOf(parts: readonly Part[]): Found | undefined {
  const [first] = parts;
  return first === undefined ? undefined : { ...first, stat: statOf(first)!, parts };
}

/** What overlay shows of `name` in a directory that is merged of `parts`, newest first. */
export function lookUp(parts: readonly Part[], name: string): Found | undefined {
  const found: Part[] = [];
  let first: BigIntStats | undefined;
  for (const [index, part] of parts.entries()) {
    const here: Part = { layer: part.layer, root: part.root, name: part.name === "" ? name : `${part.name}/${name}` };
    const stat = statOf(here);
    if (stat === undefined) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) {
      if (first === undefined) return { ...here, stat, parts: [] };
      break;
    }
    first ??= stat;
    found.push(here);
    if (index < parts.length - 1 && isOpaque(here)) break;
  }
  return first === undefined ? undefined : { ...found[0]!, stat: first, parts: found };
}

/** The names in a directory of one layer, whiteouts too. */
export function namesIn(part: Part): string[] {
  try {
    return (readdirSync(pathBytes(pathOf(part)), { encoding: "buffer" }) as Uint8Array[]).map(decodeName);
  } catch (cause) {
    throw treeError(part.name, cause);
  }
}

/** To be read and closed by the caller. @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE` */
export const openPart = ({ root, name }: Part): number => openBeneath(root, name);

/** Without overlay's own notes, and the labels and measurements that this machine's policy put there. */
export function xattrsOf(part: Part): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(Object.entries(allXattrs(part)).filter(([name]) => !hostXattrs.test(name)));
}

const hostXattrs = /^(?:trusted\.overlay\.|user\.overlay\.|security\.(?:selinux|ima|evm|SMACK64))/;

function statOf(part: Part): BigIntStats | undefined {
  try {
    return lstatSync(pathBytes(pathOf(part)), { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw treeError(part.name, cause);
  }
}

function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

function isOpaque(part: Part): boolean {
  const xattrs = allXattrs(part);
  const value = xattrs["trusted.overlay.opaque"] ?? xattrs["user.overlay.opaque"];
  return value !== undefined && value.length === 1 && value[0] === 0x79; // "y"
}

function allXattrs(part: Part): Record<string, Uint8Array> {
  try {
    return listXattrs({ path: pathOf(part) });
  } catch (cause) {
    throw treeError(part.name, cause);
  }
}
