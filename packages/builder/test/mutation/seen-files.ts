import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join, posix } from "node:path";
import { createIgnoreMatcher, parseIgnore } from "@ctr/dockerfile";

/** A name and a digest of what counts of it. */
export type SeenFile = readonly [path: string, digest: string];

/** A tree as COPY sees it. */
export interface SeenTree {
  readonly root: string;
  readonly isIgnored: (path: string) => boolean;
  /** Everything from a context belongs to root. */
  readonly keepsOwners: boolean;
}

export function contextTree(root: string): SeenTree {
  const matcher = createIgnoreMatcher(parseIgnore(textOf(join(root, ".dockerignore"))));
  return { root, isIgnored: (path) => matcher.ignores(path), keepsOwners: false };
}

export const layersTree = (root: string): SeenTree => ({ root, isIgnored: () => false, keepsOwners: true });

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What a source of COPY means: each with all that is in it. */
export function filesOf(tree: SeenTree, source: string, exclude: readonly string[] = []): SeenFile[] {
  const excluded = createIgnoreMatcher(exclude);
  return namesOf(tree, posix.normalize(`/${source}`).slice(1).replace(/\/$/, "")).flatMap((path) => {
    if (!statusOf(tree, path).isDirectory()) return excluded.ignores(posix.basename(path)) ? [] : [fileOf(tree, path)];
    const wanted = below(tree, path).filter(([name]) => !excluded.ignores(posix.relative(path, name)));
    return [[`${path || "."}/`, "directory"] as const, ...wanted];
  });
}

/** The directories above, which `--parents` makes too. */
export function parentsOf(tree: SeenTree, files: readonly SeenFile[]): SeenFile[] {
  const above = (path: string): string[] => {
    const parent = posix.dirname(path);
    return parent === "." ? [] : [...above(parent), parent];
  };
  const names = new Set(files.flatMap(([path]) => above(path)));
  return [...names].map((path) => fileOf(tree, path));
}

// With a slash: the root may be a link to a directory.
const statusOf = (tree: SeenTree, path: string): Stats => lstatSync(`${tree.root}/${path}`);

/** Wildcards in any part but none across a slash. */
function namesOf(tree: SeenTree, pattern: string): string[] {
  let found = [""];
  for (const part of pattern.split("/").filter((one) => one !== "")) {
    const matches = new RegExp(
      `^${part
        .replace(/[.+^$(){}|\\]/g, "\\$&")
        .replaceAll("*", ".*")
        .replaceAll("?", ".")}$`,
    );
    found = found.flatMap((directory) =>
      childrenOf(tree, directory)
        .filter((name) => matches.test(name))
        .map((name) => posix.join(directory, name)),
    );
  }
  return found.filter((path) => isThere(tree, path));
}

function childrenOf(tree: SeenTree, directory: string): string[] {
  return statusOf(tree, directory).isDirectory() ? readdirSync(`${tree.root}/${directory}`).sort() : [];
}

// A directory that is ignored is there all the same when something in it is not.
function isThere(tree: SeenTree, path: string): boolean {
  if (path === "" || !tree.isIgnored(path)) return true;
  return childrenOf(tree, path).some((name) => isThere(tree, posix.join(path, name)));
}

function below(tree: SeenTree, directory: string): SeenFile[] {
  return childrenOf(tree, directory).flatMap((name) => {
    const path = posix.join(directory, name);
    if (!isThere(tree, path)) return [];
    const isDirectory = statusOf(tree, path).isDirectory();
    return [fileOf(tree, path), ...(isDirectory ? below(tree, path) : [])];
  });
}

/** Content, kind, mode and owner; never a time. */
function fileOf(tree: SeenTree, path: string): SeenFile {
  const full = join(tree.root, path);
  const status = lstatSync(full);
  const content = status.isFile() ? readFileSync(full, "latin1") : status.isSymbolicLink() ? readlinkSync(full) : "";
  const owner = tree.keepsOwners ? [status.uid, status.gid] : [0, 0];
  const digest = createHash("sha256")
    .update(JSON.stringify([status.mode, owner, content]))
    .digest("hex");
  return [path, digest];
}
