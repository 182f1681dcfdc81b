import type { AddFields } from "@ctr/dockerfile";
import type { JsonValue } from "@ctr/oci";
import type { Place } from "../builder-error.ts";
import type { EntryFilter } from "../entry-filter.ts";
import { withoutPassword } from "../git-reference.ts";
import type { RemoteSource } from "../remote-source.ts";
import type { BuildGrants } from "../secret-source.ts";
import { isArchive } from "./archive-file.ts";
import { type CopyEntry, entryDigest, listEntries } from "./copy-source.ts";
import { type CollectedItem, filterOf, type PendingItem } from "./copy-step.ts";
import type { Download, Downloads } from "./downloads.ts";
import { gitAccess } from "./git-access.ts";
import type { GitCheckouts, ResolvedGit } from "./git-checkouts.ts";

/** What ADD takes from elsewhere: known for the step's key at once, brought here when the step runs. */
export class RemoteFiles {
  readonly #downloads: Downloads;
  readonly #checkouts: GitCheckouts;
  readonly #grants: BuildGrants;

  constructor(o: { readonly downloads: Downloads; readonly checkouts: GitCheckouts; readonly grants: BuildGrants }) {
    this.#downloads = o.downloads;
    this.#checkouts = o.checkouts;
    this.#grants = o.grants;
  }

  /** @throws {BuilderError} `ERR_BUILDER_DOWNLOAD` */
  async find(
    source: RemoteSource,
    it: AddFields<string>,
    o: { readonly place: Place; readonly signal: AbortSignal | undefined },
  ): Promise<PendingItem> {
    if (source.kind === "url") {
      const download = await this.#downloads.find(source.url, source.sha256);
      return pendingDownload(download, source.url, it.unpack === true, o.place);
    }
    const access = await gitAccess(source.git, this.#grants, { ownKeys: false });
    const filter = filterOf(it, undefined, o.place);
    return this.#pendingCheckout(await this.#checkouts.resolve(source.git, access), filter, o.signal);
  }

  #pendingCheckout(
    resolved: ResolvedGit,
    filter: EntryFilter | undefined,
    signal: AbortSignal | undefined,
  ): PendingItem {
    const { git, commit } = resolved;
    const shown = `${withoutPassword(git.remote)}#${git.ref ?? "HEAD"}${git.subdir === "" ? "" : `:${git.subdir}`}`;
    const operation: JsonValue = ["git", git.subdir, git.keepGitDir ?? false, git.submodules];
    return {
      operation,
      inputs: [[shown, commit]],
      prepare: async () => {
        const source = await this.#checkouts.open(resolved);
        const status = source.tree.status("")!;
        const selected = { name: "", shown, path: "", status };
        const entries = await listEntries(source, selected, signal, filter);
        return { selected, entries, unpack: false, content: source.tree };
      },
    };
  }
}

function pendingDownload(download: Download, url: URL, unpack: boolean, place: Place): PendingItem {
  const { sha256, name } = download;
  const shown = withoutPassword(url.href);
  const entryOf = (mtime: bigint): CopyEntry => {
    const numbers = { mode: 0o600, uid: 0, gid: 0, size: 0, major: 0, minor: 0, mtime } as const;
    const status = { kind: "file", ...numbers, inode: undefined } as const;
    return { name: "", path: shown, status, link: "", content: sha256, xattrs: [] };
  };
  return {
    operation: ["url", name, unpack],
    inputs: [[shown, entryDigest(entryOf(0n))]],
    prepare: async (): Promise<CollectedItem> => {
      const entry = entryOf(await download.ready());
      const content = { content: () => download.content() };
      const selected = { name, shown, path: shown, status: entry.status };
      return { selected, entries: [entry], unpack: unpack && (await isArchive(content, shown, place)), content };
    },
  };
}
