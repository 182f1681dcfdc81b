import { createHash } from "node:crypto";
import type { IgnoreMatcher } from "@ctr/dockerfile";
import { baseName, joinPath } from "../container-path.ts";
import type { EntryFilter } from "../entry-filter.ts";
import { hasWildcard, matchesName, parseNamePattern } from "../glob.ts";
import type { Status, Tree } from "./tree.ts";

/** A tree that COPY and ADD take files from. */
export interface CopySource {
  readonly tree: Tree;
  readonly ignore: IgnoreMatcher | undefined;
  /** Files of the context become root's, those of a stage or an image stay whose they are. */
  readonly keepsOwners: boolean;
  /** What an entry is taken for, where the tree says what is not meant: its times may be those of a download. */
  readonly seen?: (status: Status) => Status;
}

/** What one source of a COPY means in its tree. */
export interface Selected {
  /** The last part as written or matched. */
  readonly name: string;
  /** As written or matched, for people. */
  readonly shown: string;
  /** Links followed. */
  readonly path: string;
  readonly status: Status;
}

/** A name that is copied. */
export interface CopyEntry {
  /** Below the selected name; "" is the selected file itself. */
  readonly name: string;
  /** In the source's tree. */
  readonly path: string;
  readonly status: Status;
  /** Text of a symlink. */
  readonly link: string;
  /** SHA-256 of a file's content, in hexadecimal. */
  readonly content: string | undefined;
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[];
}

/**
 * What a source means: one name with its links followed inside the tree, or all that match its wildcards.
 * Nothing that is ignored is found, nor anything through a link that is.
 *
 * @returns undefined for a malformed pattern.
 */
export function select(source: CopySource, pattern: string): Selected[] | undefined {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..")
      parts.pop(); // the context is the root of all paths, as for the kernel
    else parts.push(part);
  }
  return expand(source, "", parts);
}

function expand(source: CopySource, prefix: string, parts: readonly string[]): Selected[] | undefined {
  const at = parts.findIndex(hasWildcard);
  if (at < 0) return found(source, parts.reduce(joinPath, prefix));
  const directory = parts.slice(0, at).reduce(joinPath, prefix);
  const pattern = parseNamePattern(parts[at]!);
  if (pattern === undefined) return undefined;
  const resolved = resolve(source, directory);
  if (resolved?.status.kind !== "directory") return [];
  const matches: Selected[] = [];
  for (const name of source.tree.names(resolved.path)) {
    if (!matchesName(pattern, name)) continue;
    const below = expand(source, joinPath(directory, name), parts.slice(at + 1));
    if (below === undefined) return undefined;
    matches.push(...below);
  }
  return matches;
}

function found(source: CopySource, path: string): Selected[] {
  const resolved = resolve(source, path);
  if (resolved === undefined || !isWanted(source, resolved.path, resolved.status)) return [];
  return [{ name: baseName(path), shown: path === "" ? "." : path, ...resolved }];
}

function resolve(source: CopySource, path: string): { path: string; status: Status } | undefined {
  return source.tree.resolve(path, (link) => source.ignore?.ignores(link) !== true);
}

function isWanted({ ignore }: CopySource, path: string, status: Status): boolean {
  if (ignore === undefined || path === "") return true;
  return status.kind === "directory" ? !ignore.ignoresAllIn(path) : !ignore.ignores(path);
}

/**
 * Everything that is copied for a selected name: a file itself, a directory's contents, directories before what is in
 * them. Nothing else is read.
 *
 * @param filter  Of what is in a directory; a file goes by its name.
 */
export async function listEntries(
  source: CopySource,
  selected: Selected,
  signal?: AbortSignal,
  filter?: EntryFilter,
): Promise<CopyEntry[]> {
  const { name, path, status } = selected;
  if (status.kind === "directory") return listDirectory({ source, signal, filter }, "", path);
  return filter?.takes(name) === false ? [] : [await entryOf(source, "", path, status)];
}

interface Walk {
  readonly source: CopySource;
  readonly filter: EntryFilter | undefined;
  readonly signal: AbortSignal | undefined;
}

async function listDirectory(walk: Walk, name: string, path: string): Promise<CopyEntry[]> {
  const { source, filter, signal } = walk;
  const entries: CopyEntry[] = [];
  for (const child of source.tree.names(path)) {
    signal?.throwIfAborted();
    const childPath = joinPath(path, child);
    const childName = joinPath(name, child);
    const status = source.tree.status(childPath);
    // A socket is nothing without its process.
    if (status === undefined || status.kind === "socket" || !isWanted(source, childPath, status)) continue;
    const isTaken = filter?.takes(childName) !== false;
    if (status.kind !== "directory") {
      if (isTaken) entries.push(await entryOf(source, childName, childPath, status));
      continue;
    }
    if (filter?.enters(childName) === false) continue;
    const below = await listDirectory(walk, childName, childPath);
    // A directory that is not wanted itself is there only for what is wanted in it.
    if (below.length === 0 && (!isTaken || source.ignore?.ignores(childPath) === true)) continue;
    entries.push(await entryOf(source, childName, childPath, status), ...below);
  }
  return entries;
}

async function entryOf(source: CopySource, name: string, path: string, status: Status): Promise<CopyEntry> {
  const { tree, keepsOwners, seen } = source;
  const seenStatus = seen === undefined ? status : seen(status);
  return {
    name,
    path,
    status: keepsOwners ? seenStatus : { ...seenStatus, uid: 0, gid: 0 },
    link: status.kind === "symlink" ? tree.readLink(path) : "",
    content: status.kind === "file" ? await digestOf(tree, path) : undefined,
    xattrs: Object.entries(tree.xattrs(path))
      .filter(([key]) => isCopied(key))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

// Labels and measurements are this machine's policy, overlay's notes are about another mount.
const isCopied = (xattr: string): boolean =>
  xattr === "security.capability" || (xattr.startsWith("user.") && !xattr.startsWith("user.overlay."));

async function digestOf(tree: Tree, path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of tree.content(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Digest of what an image keeps of an entry, its time left out: `touch` is no change. */
export function entryDigest({ status, link, content, xattrs }: CopyEntry): string {
  const { kind, mode, uid, gid, major, minor } = status;
  const attributes = xattrs.map(([name, value]) => [name, Buffer.from(value).toString("base64")]);
  const text = JSON.stringify([kind, mode, uid, gid, major, minor, link, content ?? "", attributes]);
  return createHash("sha256").update(text).digest("hex");
}

/** A path for people: in its source's tree. */
export function shownPath(selected: Selected, entry: CopyEntry): string {
  return entry.name === "" ? selected.shown : joinPath(selected.shown === "." ? "" : selected.shown, entry.name);
}
