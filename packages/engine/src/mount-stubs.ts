import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, rmdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isKernelError, listXattrs, openIn } from "@ctr/kernel";
import { openOverlay } from "@ctr/overlayfs";
import { defaultMounts } from "@ctr/rootfs";

/** Where every build container has something mounted that its image may have no place for. */
export const mountPlaces: readonly string[] = [
  ...defaultMounts({ shmBytes: 0, privileged: false }).map((mount) => mount.destination),
  ...["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console"],
];

/** What a start makes of a tree so that it can mount there; paths in the upper directory, from its top. */
export interface MountStubs {
  /** Made by the start: these are the image's own only if somebody puts something there. Deepest first. */
  readonly made: readonly string[];
  /** Directories that are there already, and that the start has to copy up to make something in. Deepest first. */
  readonly copied: readonly string[];
}

const pathOnly = 0o10000000; // O_PATH, <asm-generic/fcntl.h>; Node has no name for it

/** The mount points that a start is going to make. They would be part of the image otherwise. */
export function mountStubs(o: {
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly targets: readonly string[];
}): MountStubs {
  const made = new Set<string>();
  const copied = new Set<string>();
  const root = openOverlay({ lowers: [o.upper, ...o.lowers] });
  try {
    for (const place of [...mountPlaces, ...o.targets]) {
      const { above, missing } = lookFor(root, place);
      if (missing.length === 0) continue;
      for (const [index] of missing.entries()) made.add(join(above, ...missing.slice(0, index + 1)));
      for (let parent = above; parent !== "/"; parent = dirname(parent)) copied.add(parent);
    }
  } finally {
    closeSync(root);
  }
  const deepest = (paths: ReadonlySet<string>): string[] => [...paths].sort((a, b) => b.length - a.length);
  return { made: deepest(made), copied: deepest(copied) };
}

/** How far a path is there, with links followed inside the tree, and what is missing of it. */
function lookFor(root: number, place: string): { readonly above: string; readonly missing: readonly string[] } {
  const parts = place.split("/").filter((part) => part !== "");
  for (let length = parts.length; length > 0; length--) {
    const fd = tryOpening(root, `/${parts.slice(0, length).join("/")}`, pathOnly);
    if (fd === undefined) continue;
    // A tree that is mounted nowhere begins at its own top.
    const above = readlinkSync(`/proc/self/fd/${fd}`);
    closeSync(fd);
    return { above, missing: parts.slice(length) };
  }
  return { above: "/", missing: parts };
}

/**
 * Take the mount points away again, as far as nobody put anything there, and the directories that were only copied for
 * them. Names are opened one by one and no link is followed: what a command puts in a place's stead stays (CVE-2024-23652).
 */
export function removeStubs(o: {
  readonly upper: string;
  readonly lowers: readonly string[];
  readonly stubs: MountStubs;
}): void {
  const [lowest = "/"] = o.lowers;
  const root = o.lowers.length > 1 ? openOverlay({ lowers: o.lowers }) : openDirectory(lowest);
  const upper = openDirectory(o.upper);
  try {
    for (const path of o.stubs.made) atName(upper, path, removeIfEmpty);
    for (const path of o.stubs.copied) atName(upper, path, (place) => isCopy(place, root, path) && rmdirSync(place));
  } finally {
    closeSync(upper);
    closeSync(root);
  }
}

function removeIfEmpty(place: string): void {
  const status = lstatSync(place, { throwIfNoEntry: false });
  if (status?.isDirectory() && readdirSync(place).length === 0) rmdirSync(place);
  else if (status?.isFile() && status.size === 0) unlinkSync(place);
}

/** Is a directory of the upper the same as the one below it, with nothing in it? */
function isCopy(place: string, root: number, path: string): boolean {
  const now = lstatSync(place, { throwIfNoEntry: false });
  if (!now?.isDirectory() || readdirSync(place).length > 0) return false;
  if (Object.hasOwn(listXattrs({ path: place }), "trusted.overlay.opaque")) return false;
  const fd = tryOpening(root, path, pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  if (fd === undefined) return false;
  try {
    const below = `/proc/self/fd/${fd}/.`;
    const before = lstatSync(below);
    const isSame = now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
    return isSame && ownXattrs(place) === ownXattrs(below);
  } finally {
    closeSync(fd);
  }
}

/** Those that are not overlay's notes. */
function ownXattrs(path: string): string {
  const own = Object.entries(listXattrs({ path })).filter(([name]) => !name.startsWith("trusted.overlay."));
  return JSON.stringify(own.map(([name, value]) => [name, Buffer.from(value).toString("hex")]).sort());
}

/** Do something with the name at the end of `path`, unless a link or nothing is on the way. */
function atName(root: number, path: string, work: (place: string) => unknown): void {
  let directory = root;
  try {
    for (const part of dirname(path).split("/")) {
      if (part === "") continue;
      const next = tryOpening(directory, `/${part}`, pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      if (directory !== root) closeSync(directory);
      directory = root;
      if (next === undefined) return;
      directory = next;
    }
    work(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    if (directory !== root) closeSync(directory);
  }
}

const openDirectory = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);

function tryOpening(root: number, path: string, flags: number): number | undefined {
  try {
    return openIn({ root, path, flags });
  } catch (error) {
    if (isKernelError(error) && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.symbol)) return undefined;
    throw error;
  }
}
