import { createHash } from "node:crypto";
import { closeSync, constants } from "node:fs";
import type { AddFields, CopyFields } from "@ctr/dockerfile";
import { openIn } from "@ctr/kernel";
import { applyLayer } from "@ctr/layers";
import { BuilderError, type Place } from "../builder-error.ts";
import { absolutePath, joinPath, namesDirectory } from "../container-path.ts";
import { type CopyItem, copyTargets } from "../copy-targets.ts";
import { type ModeChange, parseModeChange } from "../mode-change.ts";
import { remoteSource } from "../unsupported.ts";
import { isArchive } from "./archive-file.ts";
import {
  type CopyEntry,
  type CopySource,
  entryDigest,
  listEntries,
  type Selected,
  select,
  shownPath,
} from "./copy-source.ts";
import { changed, type Tree } from "./tree.ts";
import { EntryWriter, type Owner, resolveTarget } from "./write-entries.ts";

export type TransferFields = CopyFields<string> | AddFields<string>;

/** Files that a COPY or ADD takes, read and hashed; nothing is written yet. */
export interface Collected {
  readonly source: CopySource;
  readonly items: readonly {
    readonly selected: Selected;
    readonly entries: readonly CopyEntry[];
    readonly unpack: boolean;
  }[];
  /** For the step's key. */
  readonly inputs: readonly (readonly [path: string, digest: string])[];
}

/**
 * Find what the sources of an instruction mean.
 *
 * @param shownBefore  Put before paths for people: `--from=build ` for files of another stage.
 * @throws {BuilderError} `ERR_BUILDER_NOT_FOUND`, `ERR_BUILDER_OPERAND`, `ERR_BUILDER_UNSUPPORTED`
 */
export async function collectFiles(
  it: TransferFields,
  source: CopySource,
  o: { readonly shownBefore: string; readonly place: Place; readonly signal: AbortSignal | undefined },
): Promise<Collected> {
  const items: Collected["items"][number][] = [];
  for (const pattern of it.sources) {
    const selected = selectOne(it, source, pattern, o.place);
    for (const one of selected) {
      const entries = await listEntries(source, one, o.signal);
      const unpack =
        it.name === "ADD" &&
        it.unpack !== false &&
        one.status.kind === "file" &&
        (await isArchive(source.tree, one.path, o.place));
      items.push({ selected: one, entries, unpack });
    }
  }
  if (items.length === 0 && it.files.length === 0) throw noSources(it.name, o.place);
  const inputs = items.flatMap(({ selected, entries }) => {
    const top =
      selected.status.kind === "directory" ? [[`${o.shownBefore}${selected.shown}/`, "directory"] as const] : [];
    return [
      ...top,
      ...entries.map((entry) => [o.shownBefore + shownPath(selected, entry), entryDigest(entry)] as const),
    ];
  });
  return { source, items, inputs };
}

function selectOne(it: TransferFields, source: CopySource, pattern: string, place: Place): Selected[] {
  const remote = it.name === "ADD" ? remoteSource(pattern) : undefined;
  if (remote !== undefined) {
    const message = `ADD of a ${remote} is not supported yet: ${pattern}`;
    throw new BuilderError({ code: "ERR_BUILDER_UNSUPPORTED", message, place });
  }
  const selected = select(source, pattern);
  if (selected === undefined) {
    const message = `${it.name}: ${JSON.stringify(pattern)} is a malformed pattern`;
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
  }
  // A pattern beside other sources may match nothing; a name may not.
  if (selected.length > 0 || /[*?[]/.test(pattern)) return selected;
  const excluded = source.ignore === undefined ? "file not found in the stage or image" : notInContext;
  const message = `${it.name} failed: ${excluded}: stat ${pattern}: file does not exist`;
  throw new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message, place });
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

/** Write collected files into a view. @throws {BuilderError} `ERR_BUILDER_COPY`, `ERR_BUILDER_CHANGED` */
export async function copyFiles(
  it: TransferFields,
  collected: Collected,
  o: {
    readonly view: Tree;
    readonly workdir: string;
    readonly owner: Owner | undefined;
    readonly time: bigint;
    readonly place: Place;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const mode = modeOf(it.chmod, o.place);
  const writer = new EntryWriter({ tree: o.view, owner: o.owner, mode, time: o.time, place: o.place });
  const targets = targetsOf(it, collected, o);
  const tree = collected.source.tree;
  for (const [index, { selected, entries, unpack }] of collected.items.entries()) {
    const target = targets[index]!;
    if (unpack) {
      if (it.chown !== undefined || it.chmod !== undefined) throw refuseOwner(o.place);
      writer.makeDirectories(target);
      writer.handOver();
      await unpackInto(o.view, target, tree, selected.path, entries[0]!.content!, o.signal);
      continue;
    }
    if (selected.status.kind === "directory") writer.makeDirectories(target);
    for (const entry of entries) {
      o.signal?.throwIfAborted();
      await writer.write(tree, entry, joinPath(target, entry.name));
    }
  }
  for (const [index, file] of it.files.entries())
    writer.writeText(targets[collected.items.length + index]!, file.content);
  writer.finish();
}

// Targets in the view: no slash in front, links followed.
function targetsOf(
  it: TransferFields,
  collected: Collected,
  o: { readonly view: Tree; readonly workdir: string; readonly place: Place },
): string[] {
  const items: CopyItem[] = [
    ...collected.items.map(({ selected, unpack }) => ({
      name: selected.name,
      isDirectory: unpack || selected.status.kind === "directory",
    })),
    ...it.files.map(({ path }) => ({ name: path, isDirectory: false })),
  ];
  const path = resolveTarget(o.view, absolutePath(o.workdir, it.destination));
  const kind = o.view.status(path)?.kind;
  const exists = kind === undefined || kind === "directory" ? kind : "other";
  const targets = copyTargets(items, { path, namesDirectory: namesDirectory(it.destination), exists }, it.name);
  if ("wrong" in targets) throw new BuilderError({ code: "ERR_BUILDER_COPY", message: targets.wrong, place: o.place });
  return targets.map((target) => resolveTarget(o.view, target));
}

function refuseOwner(place: Place): BuilderError {
  const message = "ADD --chown and --chmod of an archive are not supported yet";
  return new BuilderError({ code: "ERR_BUILDER_UNSUPPORTED", message, place });
}

async function unpackInto(
  view: Tree,
  target: string,
  tree: Tree,
  path: string,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash("sha256");
  async function* archive(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of tree.content(path)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const fd = openIn({ root: view.fd, path: `/${target}`, flags: constants.O_RDONLY | constants.O_DIRECTORY });
  try {
    const directory = `/proc/self/fd/${fd}`;
    await applyLayer({ archive: archive(), accept: "any", directory, lowers: [directory], ...(signal && { signal }) });
  } finally {
    closeSync(fd);
  }
  if (hash.digest("hex") !== digest) throw changed(path);
}
