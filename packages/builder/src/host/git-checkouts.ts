import { closeSync, constants } from "node:fs";
import { createIgnoreMatcher } from "@ctr/dockerfile";
import { openIn } from "@ctr/kernel";
import { BuilderError } from "../builder-error.ts";
import { joinPath } from "../container-path.ts";
import { type GitReference, isCommit, withoutPassword } from "../git-reference.ts";
import type { CopySource } from "./copy-source.ts";
import { type GitAccess, type GitOptions, GitRefusal, runGit } from "./git-program.ts";
import { type Status, Tree } from "./tree.ts";
import type { Workspace } from "./workspace.ts";

/** A commit of a repository, not fetched yet. */
export interface ResolvedGit {
  readonly git: GitReference;
  readonly access: GitAccess;
  readonly commit: string;
  /** What to ask for: servers give out names sooner than commits. */
  readonly ref: string;
}

/** The repositories that a build reads, each commit at most once. */
export class GitCheckouts implements Disposable {
  readonly #workspace: Workspace;
  readonly #signal: AbortSignal | undefined;
  readonly #trees: Tree[] = [];
  readonly #checkouts = new Map<string, Promise<{ readonly directory: string; readonly time: bigint }>>();

  constructor(workspace: Workspace, signal: AbortSignal | undefined) {
    this.#workspace = workspace;
    this.#signal = signal;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.splice(0)) tree[Symbol.dispose]();
  }

  /** Ask the repository what a reference means now. @throws {BuilderError} `ERR_BUILDER_DOWNLOAD` */
  async resolve(git: GitReference, access: GitAccess): Promise<ResolvedGit> {
    const { remote, ref, checksum } = git;
    if (ref !== undefined && isCommit(ref)) {
      checkCommit(git, [ref]);
      return { git, access, commit: ref, ref };
    }
    const names = namesOf(ref);
    const args = ["ls-remote", "--quiet", "--", remote, ...names.flatMap((name) => [name, `${name}^{}`])];
    const found = readRefs(await runGit(args, this.#options(remote, access, this.#workspace.directory)));
    const name = names.find((one) => found.has(one));
    if (name === undefined) {
      const message = `repository ${withoutPassword(remote)} does not contain ref ${ref ?? "HEAD"}`;
      throw new BuilderError({ code: "ERR_BUILDER_DOWNLOAD", message });
    }
    const tagOrCommit = found.get(name)!;
    const commit = found.get(`${name}^{}`) ?? tagOrCommit;
    if (checksum !== undefined) checkCommit(git, [commit, tagOrCommit]);
    return { git, access, commit, ref: name };
  }

  /**
   * The files of a commit: as a source to copy from, whose times are the commit's, and without what git keeps for itself
   * unless `keepGitDir` asks for it.
   *
   * @throws {BuilderError} `ERR_BUILDER_DOWNLOAD`, `ERR_BUILDER_NOT_FOUND` for a subdirectory that is none
   */
  async open(resolved: ResolvedGit): Promise<CopySource> {
    const { git, commit } = resolved;
    const key = JSON.stringify([git.remote, commit, git.submodules]);
    const checkout = this.#checkouts.get(key) ?? this.#checkOut(resolved);
    this.#checkouts.set(key, checkout);
    const { directory, time } = await checkout;
    const tree = openSubdirectory(directory, git);
    this.#trees.push(tree);
    return {
      tree,
      ignore: git.keepGitDir === true ? undefined : createIgnoreMatcher(gitOwnFiles),
      keepsOwners: false,
      seen: (status) => ({ ...status, mode: modeOf(status), mtime: time }),
    };
  }

  async #checkOut({ git, access, commit, ref }: ResolvedGit): Promise<{ directory: string; time: bigint }> {
    const directory = this.#workspace.newDirectory("git");
    const { remote } = git;
    const at = this.#options(remote, access, directory);
    const format = commit.length === 64 ? ["--object-format=sha256"] : [];
    await runGit(["init", "--quiet", "--template=", ...format], at);
    await runGit(["remote", "add", "origin", remote], at);
    await fetchCommit(commit, ref, at);
    await runGit(["checkout", "--quiet", "--force", "--detach", commit], at);
    using tree = Tree.open(directory);
    if (git.submodules && tree.status(".gitmodules")?.kind === "file") await fetchSubmodules(at);
    const seconds = (await runGit(["show", "--no-patch", "--format=%ct", commit], at)).trim();
    return { directory, time: /^[0-9]{1,11}$/.test(seconds) ? BigInt(seconds) * 1_000_000_000n : 0n };
  }

  #options(remote: string, access: GitAccess, directory: string): GitOptions {
    return { directory, remote, access, signal: this.#signal };
  }
}

/** Patterns of what git puts beside the files, in the repository and in each of its submodules. */
export const gitOwnFiles: readonly string[] = ["**/.git"];

// Branches before tags, as git-checkout(1) has it.
function namesOf(ref: string | undefined): string[] {
  if (ref === undefined || ref === "HEAD") return ["HEAD"];
  return ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`];
}

function readRefs(text: string): ReadonlyMap<string, string> {
  const refs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]+)\t(.+)$/.exec(line);
    if (match !== null && isCommit(match[1]!)) refs.set(match[2]!, match[1]!);
  }
  return refs;
}

function checkCommit({ checksum, remote }: GitReference, found: readonly string[]): void {
  if (checksum === undefined || found.some((one) => one.startsWith(checksum))) return;
  const message = `${withoutPassword(remote)}: expected checksum to match ${checksum}, got ${found[0]}`;
  throw new BuilderError({ code: "ERR_BUILDER_DOWNLOAD", message });
}

/** As little as the server lets us have: one commit; that commit with its past; everything that has a name. */
async function fetchCommit(commit: string, ref: string, at: GitOptions): Promise<void> {
  const fetch = ["fetch", "--quiet", "--no-recurse-submodules", "--no-tags"];
  const everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  const ways = [
    [...fetch, "--depth=1", "origin", ref],
    [...fetch, "origin", ref],
    [...fetch, "origin", ...everything],
  ];
  let refusal: GitRefusal | undefined;
  for (const way of ways) {
    try {
      await runGit(way, at);
      await runGit(["cat-file", "-e", `${commit}^{commit}`], at);
      return;
    } catch (error) {
      if (!(error instanceof GitRefusal) || !mayHelp.test(error.message)) throw error;
      refusal = error;
    }
  }
  throw refusal!;
}

/** It was the way of asking that the server did not like, or the name means another commit meanwhile. */
const mayHelp = /--depth|shallow|not our ref|unadvertised object|couldn't find remote ref|cat-file/i;

async function fetchSubmodules(at: GitOptions): Promise<void> {
  const update = ["submodule", "--quiet", "update", "--init", "--recursive"];
  try {
    await runGit([...update, "--depth=1"], at);
  } catch (error) {
    if (!(error instanceof GitRefusal) || !mayHelp.test(error.message)) throw error;
    await runGit(update, at);
  }
}

/** A subdirectory, and never what a link of the repository makes of it (CVE-2026-33748). */
function openSubdirectory(directory: string, { subdir, remote }: GitReference): Tree {
  const top = Tree.open(directory);
  let path = "";
  for (const part of subdir.split("/")) {
    if (part === "" || part === ".") continue;
    path = joinPath(path, part);
    const kind = part === ".." || part === ".git" ? undefined : top.status(path)?.kind;
    if (kind === "directory") continue;
    top[Symbol.dispose]();
    const why = kind === undefined ? "not found" : `a ${kind}, not a directory`;
    const message = `subdirectory ${JSON.stringify(subdir)} of ${withoutPassword(remote)}: ${why}`;
    throw new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message });
  }
  if (path === "") return top;
  try {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    return new Tree(openIn({ root: top.fd, path: `/${path}`, flags }));
  } finally {
    closeSync(top.fd);
  }
}

// Git knows of a mode only whether somebody may execute it; the rest is the umask of whoever checked it out.
function modeOf({ kind, mode }: Status): number {
  if (kind === "symlink") return mode;
  return kind === "directory" || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}
