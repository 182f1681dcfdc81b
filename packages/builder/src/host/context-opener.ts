import { createIgnoreMatcher } from "@ctr/dockerfile";
import { detectCompression } from "@ctr/layers";
import { BuilderError } from "../builder-error.ts";
import { type GitReference, parseGitReference, withoutPassword } from "../git-reference.ts";
import type { BuildGrants } from "../secret-source.ts";
import { isArchive } from "./archive-file.ts";
import type { CopySource } from "./copy-source.ts";
import type { Downloads } from "./downloads.ts";
import { gitAccess } from "./git-access.ts";
import { type GitCheckouts, gitOwnFiles } from "./git-checkouts.ts";
import { Tree } from "./tree.ts";
import { unpackArchive } from "./unpack-archive.ts";
import type { Workspace } from "./workspace.ts";

/** A tar archive of files, or a Dockerfile alone. Can be read more than once. */
export interface ContextArchive {
  readonly archive: () => AsyncIterable<Uint8Array>;
}

/** What a context turned out to be. */
export interface OpenedTree {
  readonly source: CopySource;
  /** Patterns of what is not meant, beside those of an ignore file. */
  readonly hidden: readonly string[];
  /** It was no archive but a text: a Dockerfile without files. */
  readonly text: string | undefined;
}

const maxTextBytes = 8 << 20;

/** Opens contexts: what lies here where it lies, everything else unpacked in a directory of the build's own. */
export class ContextOpener implements Disposable {
  readonly #workspace: Workspace;
  readonly #downloads: Downloads;
  readonly #checkouts: GitCheckouts;
  readonly #grants: BuildGrants;
  readonly #signal: AbortSignal | undefined;
  readonly #trees: Tree[] = [];

  constructor(o: {
    readonly workspace: Workspace;
    readonly downloads: Downloads;
    readonly checkouts: GitCheckouts;
    readonly grants: BuildGrants;
    readonly signal: AbortSignal | undefined;
  }) {
    this.#workspace = o.workspace;
    this.#downloads = o.downloads;
    this.#checkouts = o.checkouts;
    this.#grants = o.grants;
    this.#signal = o.signal;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.splice(0)) tree[Symbol.dispose]();
  }

  /**
   * @param context  A directory, the address of a repository or of a file, or an archive.
   * @throws {BuilderError} `ERR_BUILDER_CONTEXT`, `ERR_BUILDER_DOWNLOAD`; {LayerError} for a damaged archive
   */
  async open(context: string | ContextArchive): Promise<OpenedTree> {
    if (typeof context !== "string") return this.#openStream("the archive", context.archive);
    if (isAddress(context)) {
      const git = contextRepository(context);
      return git === undefined ? this.#openUrl(context) : this.#openRepository(git);
    }
    return { ...this.#sourceOf(Tree.open(context)), text: undefined };
  }

  async #openRepository(git: GitReference): Promise<OpenedTree> {
    const access = await gitAccess(git, this.#grants, { ownKeys: true });
    const source = await this.#checkouts.open(await this.#checkouts.resolve(git, access));
    return { source, hidden: git.keepGitDir === true ? [] : gitOwnFiles, text: undefined };
  }

  async #openUrl(address: string): Promise<OpenedTree> {
    const download = await this.#downloads.find(new URL(address), undefined);
    await download.ready();
    return this.#openStream(withoutPassword(address), () => download.content());
  }

  async #openStream(shown: string, archive: () => AsyncIterable<Uint8Array>): Promise<OpenedTree> {
    const directory = this.#workspace.newDirectory("context");
    const tree = Tree.open(directory);
    const opened = this.#sourceOf(tree);
    if (!(await isArchive({ content: archive }, shown))) {
      const text = await readText(archive(), shown);
      return { ...opened, text };
    }
    await unpackArchive({
      archive: archive(),
      view: tree,
      target: "",
      time: 0n,
      withoutDevices: true,
      option: "context",
      signal: this.#signal,
    });
    return { ...opened, text: undefined };
  }

  #sourceOf(tree: Tree): Pick<OpenedTree, "source" | "hidden"> {
    this.#trees.push(tree);
    return { source: { tree, ignore: createIgnoreMatcher([]), keepsOwners: false }, hidden: [] };
  }
}

/** Whether a context is somewhere else: an address, and no path. */
export function isAddress(context: string): boolean {
  return /^https?:\/\//i.test(context) || contextRepository(context) !== undefined;
}

/** @see https://docs.docker.com/build/concepts/context/#git-repositories */
function contextRepository(context: string): GitReference | undefined {
  // The oldest form; nothing tells it from a path, which is why only contexts have it.
  const full = context.startsWith("github.com/") ? `https://${withGit(context)}` : context;
  return parseGitReference(full);
}

function withGit(context: string): string {
  const [path] = context.split(/[#?]/, 1);
  return path!.endsWith(".git") ? context : `${path}.git${context.slice(path!.length)}`;
}

async function readText(chunks: AsyncIterable<Uint8Array>, shown: string): Promise<string> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    read.push(chunk);
    length += chunk.length;
    if (length > maxTextBytes) throw refuse(shown, `it is no archive, and has too many bytes for a Dockerfile`);
  }
  const bytes = Buffer.concat(read);
  const text = bytes.toString("utf8");
  if (length === 0) throw refuse(shown, "it is empty");
  if (text.includes("\0") || detectCompression(bytes) !== "none")
    throw refuse(shown, "it is neither a tar archive nor a Dockerfile");
  return text;
}

function refuse(shown: string, why: string): BuilderError {
  return new BuilderError({ code: "ERR_BUILDER_CONTEXT", message: `unable to prepare context: ${shown}: ${why}` });
}
