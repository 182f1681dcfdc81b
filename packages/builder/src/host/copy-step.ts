import { createHash } from "node:crypto";
import { type AddFields, type CopyFields, isDockerfileError } from "@ctr/dockerfile";
import type { JsonValue } from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";
import { absolutePath, joinPath, namesDirectory } from "../container-path.ts";
import { type CopyItem, copyTargets } from "../copy-targets.ts";
import { type EntryFilter, entryFilter, parentsSource } from "../entry-filter.ts";
import { parseGitReference } from "../git-reference.ts";
import { type ModeChange, parseModeChange } from "../mode-change.ts";
import { checkChecksum, parseRemoteSource, type RemoteSource } from "../remote-source.ts";
import { type ContentSource, isArchive } from "./archive-file.ts";
import {
  type CopyEntry,
  type CopySource,
  entryDigest,
  listEntries,
  type Selected,
  select,
  shownPath,
} from "./copy-source.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { changed, type Tree } from "./tree.ts";
import { unpackArchive } from "./unpack-archive.ts";
import { EntryWriter, type Owner, resolveTarget } from "./write-entries.ts";

export type TransferFields = CopyFields<string> | AddFields<string>;

/** Files that a COPY or ADD takes, read and hashed. */
export interface CollectedItem {
  readonly selected: Selected;
  readonly entries: readonly CopyEntry[];
  /** An archive whose files are meant. */
  readonly unpack: boolean;
  readonly content: ContentSource;
}

/** What is somewhere else: enough for the step's key, the rest when it runs. */
export interface PendingItem {
  /** What the flags make of it. */
  readonly operation: JsonValue;
  readonly inputs: Collected["inputs"];
  readonly prepare: () => Promise<CollectedItem>;
}

/** All sources of a COPY or ADD; nothing is written yet. */
export interface Collected {
  readonly items: readonly (CollectedItem | PendingItem)[];
  /** For the step's key: what the flags make of each source. */
  readonly operation: readonly JsonValue[];
  /** For the step's key. */
  readonly inputs: readonly (readonly [path: string, digest: string])[];
}

export interface CollectOptions {
  /** Put before paths for people: `--from=build ` for files of another stage. */
  readonly shownBefore: string;
  /** Reads what ADD takes from elsewhere. */
  readonly remote?: RemoteFiles | undefined;
  readonly place: Place;
  readonly signal: AbortSignal | undefined;
}

/**
 * Find what the sources of an instruction mean.
 *
 * @throws {BuilderError} `ERR_BUILDER_NOT_FOUND`, `ERR_BUILDER_OPERAND`, `ERR_BUILDER_UNSUPPORTED`,
 *   `ERR_BUILDER_DOWNLOAD`
 */
export async function collectFiles(it: TransferFields, source: CopySource, o: CollectOptions): Promise<Collected> {
  if (it.name === "ADD") checkChecksum(it.sources, it.checksum, o.place);
  const items: (CollectedItem | PendingItem)[] = [];
  let found = it.files.length;
  for (const pattern of it.sources) {
    const remote = remoteOf(it, pattern, o.place);
    if (remote !== undefined && it.name === "ADD") {
      items.push(await o.remote!.find(remote, it, o));
      found++;
      continue;
    }
    const selected = selectOne(it, source, pattern, o.place);
    found += selected.length;
    for (const one of selected) items.push(...(await collect(it, source, one, o)));
  }
  if (found === 0) throw noSources(it.name, o.place);
  const operation = items.map((item) => (isPending(item) ? item.operation : item.unpack));
  return { items, operation, inputs: items.flatMap((item) => inputsOf(it, item, o.shownBefore)) };
}

const isPending = (item: CollectedItem | PendingItem): item is PendingItem => "prepare" in item;

/** A source that is filtered: what `--parents` looks for in it. */
interface Found extends Selected {
  readonly include?: string;
}

async function collect(
  it: TransferFields,
  source: CopySource,
  { include, ...selected }: Found,
  o: CollectOptions,
): Promise<CollectedItem[]> {
  const filter = filterOf(it, include, o.place);
  const entries = await listEntries(source, selected, o.signal, filter);
  if (selected.status.kind !== "directory" && entries.length === 0) return []; // --exclude means the file itself
  if (include !== undefined && include !== "" && entries.length === 0) return [];
  const unpack =
    it.name === "ADD" &&
    it.unpack !== false &&
    selected.status.kind === "file" &&
    (await isArchive(source.tree, selected.path, o.place));
  return [{ selected, entries, unpack, content: source.tree }];
}

/** @throws {BuilderError} `ERR_BUILDER_OPERAND` for a malformed pattern */
export function filterOf(
  { exclude }: TransferFields,
  include: string | undefined,
  place: Place,
): EntryFilter | undefined {
  if (exclude.length === 0 && include === undefined) return undefined;
  try {
    return entryFilter({ exclude, ...(include === undefined ? {} : { include }) });
  } catch (cause) {
    if (!isDockerfileError(cause)) throw cause;
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: `${cause.file}: ${cause.message}`, place, cause });
  }
}

function inputsOf(it: TransferFields, item: CollectedItem | PendingItem, shownBefore: string): Collected["inputs"] {
  if (isPending(item)) return item.inputs;
  const { selected, entries } = item;
  // With --parents, it is where the search began, and the directories that are kept are entries.
  const isCopied = selected.status.kind === "directory" && !(it.name === "COPY" && it.parents);
  const top = isCopied ? [[`${shownBefore}${selected.shown}/`, "directory"] as const] : [];
  return [...top, ...entries.map((entry) => [shownBefore + shownPath(selected, entry), entryDigest(entry)] as const)];
}

function remoteOf(it: TransferFields, source: string, place: Place): RemoteSource | undefined {
  if (it.name === "ADD") return parseRemoteSource(source, it, place);
  if (it.from !== undefined) return undefined;
  const what = parseGitReference(source) !== undefined ? "git ref" : /^https?:\/\//.test(source) ? "URL" : undefined;
  if (what === undefined) return undefined;
  const message = `source can't be a ${what} for COPY`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
}

function selectOne(it: TransferFields, source: CopySource, pattern: string, place: Place): Found[] {
  if (it.name === "COPY" && it.parents) return selectParents(it, source, pattern, place);
  const selected = selectPattern(it, source, pattern, place);
  // A pattern beside other sources may match nothing; a name may not.
  if (selected.length > 0 || /[*?[]/.test(pattern)) return selected;
  throw notFound(it, source, pattern, place);
}

function selectPattern(it: TransferFields, source: CopySource, pattern: string, place: Place): Selected[] {
  const selected = select(source, pattern);
  if (selected !== undefined) return selected;
  const message = `${it.name}: ${JSON.stringify(pattern)} is a malformed pattern`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
}

/** Directories where the names begin that `--parents` keeps. */
function selectParents(it: TransferFields, source: CopySource, pattern: string, place: Place): Found[] {
  const { base, include, required } = parentsSource(pattern);
  if (required !== undefined && selectPattern(it, source, required, place).length === 0)
    throw notFound(it, source, pattern, place);
  const directories = selectPattern(it, source, base, place).filter(({ status }) => status.kind === "directory");
  return directories.map((directory) => ({ ...directory, include }));
}

function notFound(it: TransferFields, source: CopySource, pattern: string, place: Place): BuilderError {
  const excluded = source.ignore === undefined ? "file not found in the stage or image" : notInContext;
  const message = `${it.name} failed: ${excluded}: stat ${pattern}: file does not exist`;
  return new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message, place });
}

const notInContext = "file not found in build context or excluded by .dockerignore";

function noSources(name: string, place: Place): BuilderError {
  const message = `${name} failed: no source files were specified: no pattern matches anything`;
  return new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message, place });
}

/** @throws {BuilderError} `ERR_BUILDER_OPERAND` */
export function modeOf(chmod: string | undefined, place: Place): ModeChange | undefined {
  if (chmod === undefined || chmod === "") return undefined;
  const change = parseModeChange(chmod);
  if (change !== undefined) return change;
  const message = `invalid chmod parameter: ${JSON.stringify(chmod)}; it should be octal, or symbolic such as u=rwX,go=rX`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
}

/**
 * Write collected files into a view.
 *
 * @throws {BuilderError} `ERR_BUILDER_COPY`, `ERR_BUILDER_CHANGED`, `ERR_BUILDER_DOWNLOAD`
 */
export async function copyFiles(it: TransferFields, collected: Collected, o: CopyOptions): Promise<void> {
  const mode = modeOf(it.chmod, o.place);
  const writer = new EntryWriter({ tree: o.view, owner: o.owner, mode, time: o.time, place: o.place });
  const items: CollectedItem[] = [];
  for (const item of collected.items) items.push(isPending(item) ? await item.prepare() : item);
  const targets = targetsOf(it, items, o);
  for (const [index, { selected, entries, unpack, content }] of items.entries()) {
    const target = targets[index]!;
    if (unpack) {
      writer.makeDirectories(target);
      writer.handOver();
      await unpackInto(target, content, entries[0]!, { ...o, mode });
      continue;
    }
    if (selected.status.kind === "directory") writer.makeDirectories(target);
    for (const entry of entries) {
      o.signal?.throwIfAborted();
      await writer.write(content, entry, joinPath(target, entry.name));
    }
  }
  for (const [index, file] of it.files.entries()) writer.writeText(targets[items.length + index]!, file.content);
  writer.finish();
}

export interface CopyOptions {
  readonly view: Tree;
  readonly workdir: string;
  readonly owner: Owner | undefined;
  readonly time: bigint;
  readonly place: Place;
  readonly signal: AbortSignal | undefined;
}

// Targets in the view: no slash in front, links followed.
function targetsOf(it: TransferFields, collected: readonly CollectedItem[], o: CopyOptions): string[] {
  const items: CopyItem[] = [
    ...collected.map(({ selected, unpack }) => ({
      name: selected.name,
      isDirectory: unpack || selected.status.kind === "directory",
    })),
    ...it.files.map(({ path }) => ({ name: path, isDirectory: false })),
  ];
  const path = resolveTarget(o.view, absolutePath(o.workdir, it.destination));
  const kind = o.view.status(path)?.kind;
  const exists = kind === undefined || kind === "directory" ? kind : "other";
  const destination = { path, namesDirectory: namesDirectory(it.destination), exists } as const;
  const targets = copyTargets(items, destination, it.name, it.sources.length + it.files.length);
  if ("wrong" in targets) throw new BuilderError({ code: "ERR_BUILDER_COPY", message: targets.wrong, place: o.place });
  return targets.map((target) => resolveTarget(o.view, target));
}

async function unpackInto(
  target: string,
  source: ContentSource,
  { path, content }: CopyEntry,
  o: CopyOptions & { readonly mode: ModeChange | undefined },
): Promise<void> {
  const { file, line } = o.place;
  const hash = createHash("sha256");
  async function* archive(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source.content(path)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  await unpackArchive({ ...o, archive: archive(), target, option: `${file}:${line}` });
  if (hash.digest("hex") !== content) throw changed(path);
}
