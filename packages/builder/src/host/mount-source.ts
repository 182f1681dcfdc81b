import type { BindMount, CacheMount } from "@ctr/dockerfile";
import type { Digest } from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";
import { absolutePath, joinPath } from "../container-path.ts";
import type { StepParts } from "../step-parts.ts";
import { type CopyEntry, type CopySource, entryDigest, listEntries } from "./copy-source.ts";
import { sha256 } from "./seal-layer.ts";
import type { Status, Tree } from "./tree.ts";
import { EntryWriter } from "./write-entries.ts";

/** A tree that a mount shows a piece of. */
export interface OpenedSource extends CopySource {
  /** What the tree is made of, when that is layers of the store. */
  readonly layers: { readonly chainId: Digest | undefined; readonly lowers: readonly string[] } | undefined;
  readonly close: () => void;
}

/** What a mount reads, as it is now. */
export interface MountContent {
  readonly source: OpenedSource;
  /** In the source's tree, as written. */
  readonly path: string;
  readonly inputs: StepParts["inputs"];
  /** All that is in it; undefined for layers, which are known by their name. */
  readonly entries: readonly CopyEntry[] | undefined;
}

/**
 * Read what a mount shows, for the key of its step. Layers are taken by their chain id: an image may have a million files.
 *
 * @throws {BuilderError} `ERR_BUILDER_NOT_FOUND`
 */
export async function readContent(
  mount: BindMount | CacheMount,
  source: OpenedSource,
  o: { readonly place: Place; readonly signal: AbortSignal | undefined },
): Promise<MountContent> {
  const path = absolutePath("/", mount.source ?? "/");
  if (source.layers !== undefined) {
    const inputs = [[`--mount from=${mount.from ?? ""}`, source.layers.chainId ?? ""]] as const;
    return { source, path, inputs, entries: undefined };
  }
  const top = find(source, path, o.place);
  const entries = await entriesOf(source, top, o.signal);
  const before = mount.from === undefined ? "" : `--mount from=${mount.from} `;
  const shown = (name: string): string => before + joinPath(path.slice(1), name);
  return {
    source,
    path,
    inputs: entries.map((entry) => [shown(entry.name) || "the context", entryDigest(entry)]),
    entries,
  };
}

/** Tells contents apart. */
export function contentName({ source, inputs }: MountContent): string {
  return source.layers?.chainId ?? `sha256:${sha256(JSON.stringify(inputs))}`;
}

/** Whether a mount of it is one of a directory. @throws {BuilderError} `ERR_BUILDER_NOT_FOUND` */
export function isDirectory({ source, path }: MountContent, place: Place): boolean {
  return find(source, path, place).status.kind === "directory";
}

interface Found {
  readonly path: string;
  readonly status: Status;
}

function find(source: CopySource, path: string, place: Place): Found {
  const { ignore } = source;
  const found = source.tree.resolve(path, (link) => ignore?.ignores(link) !== true);
  if (found !== undefined && !isIgnored(source, found)) return found;
  const message = `failed to compute cache key: failed to calculate checksum: ${JSON.stringify(path)}: not found`;
  throw new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message, place });
}

function isIgnored({ ignore }: CopySource, { path, status }: Found): boolean {
  if (ignore === undefined || path === "") return false;
  return status.kind === "directory" ? ignore.ignoresAllIn(path) : ignore.ignores(path);
}

/** What is to be shown, the top itself first. */
async function entriesOf(source: CopySource, top: Found, signal: AbortSignal | undefined): Promise<CopyEntry[]> {
  const below = await listEntries(source, { name: "", shown: top.path, ...top }, signal);
  if (top.status.kind !== "directory") return below;
  const status = source.keepsOwners ? top.status : { ...top.status, uid: 0, gid: 0 };
  return [{ name: "", path: top.path, status, link: "", content: undefined, xattrs: [] }, ...below];
}

/**
 * Write what a mount shows as `name` into a directory.
 *
 * @param directory  Nobody else writes into it.
 * @throws {BuilderError} `ERR_BUILDER_CHANGED`
 */
export async function copyContent(
  content: MountContent,
  directory: Tree,
  name: string,
  o: { readonly place: Place; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { source } = content;
  const entries = content.entries ?? (await entriesOf(source, find(source, content.path, o.place), o.signal));
  const writer = new EntryWriter({ tree: directory, owner: undefined, mode: undefined, time: 0n, place: o.place });
  for (const entry of entries) {
    o.signal?.throwIfAborted();
    await writer.write(source.tree, entry, joinPath(name, entry.name));
  }
  writer.finish();
}
