import { closeSync } from "node:fs";
import { basename } from "node:path";
import { extractArchive, extractMembers, writeArchive } from "@ctr/layers";
import type { ContainerRecord } from "./container-record.ts";
import { type ContainerTree, openContainerTree } from "./container-tree.ts";
import type { Context } from "./context.ts";
import { type CopyIntoOptions, copyInto } from "./copy-into.ts";
import { findPlace, inTree, type OpenDirectory, onHost, type Place, readPath, type WrittenPath } from "./copy-place.ts";
import { EngineError } from "./engine-error.ts";
import { placeMembers } from "./place-members.ts";

export interface CopyOptions {
  /** Keep owners. Without it files belong to root in a container, and to the caller on the host. */
  readonly archive?: boolean;
  /** A source that is a symlink means what it points to. */
  readonly followLink?: boolean;
  readonly signal?: AbortSignal;
}

export interface Copied {
  /** Bytes of the files that were copied. */
  readonly bytes: number;
  /** Device nodes, which are only copied out of a container with `archive`. */
  readonly skipped: readonly string[];
}

/**
 * Copy a file or directory out of a container, as Docker's `cp` does.
 *
 * @param o.from  a path in the container; `/.` at the end means what the directory holds
 * @param o.to  a path of the host
 * @throws {EngineError} `ERR_ENGINE_PATH`, `ERR_ENGINE_COPY`
 */
export async function copyFromContainer(
  context: Context,
  record: ContainerRecord,
  o: CopyOptions & { readonly from: string; readonly to: string },
): Promise<Copied> {
  using tree = await openContainerTree(context, record, { volumes: true });
  using source = findSource(inContainer(record, tree), readPath(o.from, "/"), o);
  using target = findTarget(theHost, readPath(o.to, process.cwd()), source);
  return await copy(source, target, {
    option: `cp ${record.name}:${o.from}`,
    owner: o.archive ? undefined : { uid: process.geteuid!(), gid: process.getegid!() },
    withoutDevices: !o.archive,
    signal: o.signal,
  });
}

/**
 * Copy a file or directory of the host into a container, as Docker's `cp` does.
 *
 * @param o.from  a path of the host; `/.` at the end means what the directory holds
 * @param o.to  a path in the container
 * @throws {EngineError} `ERR_ENGINE_PATH`, `ERR_ENGINE_COPY`
 */
export async function copyToContainer(
  context: Context,
  record: ContainerRecord,
  o: CopyOptions & { readonly from: string; readonly to: string },
): Promise<Copied> {
  using source = findSource(theHost, readPath(o.from, process.cwd()), o);
  using tree = await openContainerTree(context, record, { volumes: true });
  using target = findTarget(inContainer(record, tree), readPath(o.to, "/"), source);
  return await copy(source, target, {
    option: `cp to ${record.name}:${o.to}`,
    owner: o.archive ? undefined : rootOf(record),
    signal: o.signal,
  });
}

/**
 * A file or directory of a container as a tar archive.
 *
 * @throws {EngineError} `ERR_ENGINE_PATH`, also while it is read
 */
export async function* readFromContainer(
  context: Context,
  record: ContainerRecord,
  o: Pick<CopyOptions, "followLink" | "signal"> & { readonly from: string },
): AsyncGenerator<Uint8Array, void, undefined> {
  using tree = await openContainerTree(context, record, { volumes: true });
  using source = findSource(inContainer(record, tree), readPath(o.from, "/"), o);
  yield* writeArchive(
    placeMembers(source.place, { name: source.contents ? undefined : source.name, signal: o.signal }),
  );
}

/**
 * Unpack a tar archive in a directory of a container. Owners are those that the archive says.
 *
 * @returns bytes of the archive without its compression
 * @throws {EngineError} `ERR_ENGINE_PATH` when there is no such directory; `ERR_ENGINE_COPY` for an entry that cannot be written
 * @throws {LayerError} for an archive that cannot be read
 */
export async function unpackInContainer(
  context: Context,
  record: ContainerRecord,
  o: Pick<CopyOptions, "signal"> & { readonly to: string; readonly archive: AsyncIterable<Uint8Array> },
): Promise<number> {
  using tree = await openContainerTree(context, record, { volumes: true });
  using place = findPlace(inTree(tree.fd), readPath(o.to, "/").path, true);
  if (!place?.status()?.isDirectory()) throw wrongPath(`destination "${record.name}:${o.to}" must be a directory`);
  const directory = place.openDirectory();
  try {
    const { archive, signal } = o;
    return await copyInto({ directory, option: `cp - ${record.name}:${o.to}` }, (into) =>
      extractArchive({ archive, into, signal }),
    );
  } finally {
    closeSync(directory);
  }
}

/** Who is root in the container. */
function rootOf({ options }: ContainerRecord): { uid: number; gid: number } {
  const id = options.userNamespace?.hostID ?? 0;
  return { uid: id, gid: id };
}

/** One side of a copy. */
interface Side {
  readonly open: OpenDirectory;
  /** For a path of which nothing is there. */
  readonly missing: (path: string) => EngineError;
  /** For a target whose directory is not there. */
  readonly missingParent: (path: string) => EngineError;
}

const theHost: Side = {
  open: onHost,
  missing: (path) => wrongPath(`lstat ${path}: no such file or directory`),
  missingParent: (path) => wrongPath(`invalid output path: directory ${JSON.stringify(path)} does not exist`),
};

function inContainer(record: ContainerRecord, tree: ContainerTree): Side {
  const missing = (path: string): EngineError =>
    wrongPath(`Could not find the file ${path} in container ${record.name}`);
  return { open: inTree(tree.fd), missing, missingParent: missing };
}

/** What is copied. */
interface Source extends Disposable {
  readonly place: Place;
  readonly contents: boolean;
  readonly isDirectory: boolean;
  /** What the copy is called where nobody names it. */
  readonly name: string;
}

function findSource(side: Side, written: WrittenPath, o: Pick<CopyOptions, "followLink">): Source {
  const { path, directory } = written;
  const place = findPlace(side.open, path, directory || (o.followLink ?? false));
  const status = place?.status();
  if (place === undefined || status === undefined) {
    place?.[Symbol.dispose]();
    throw side.missing(path);
  }
  const isDirectory = status.isDirectory();
  const contents = written.contents || place.name === "";
  if (directory && !isDirectory) {
    place[Symbol.dispose]();
    throw wrongPath(`${path}: not a directory`);
  }
  return { place, contents, isDirectory, name: basename(path), [Symbol.dispose]: () => place[Symbol.dispose]() };
}

/** Where the copy goes: a name in a directory, or what a directory holds. */
interface Target extends Disposable {
  readonly directory: number;
  /** Undefined: the source's contents go straight into the directory. */
  readonly name: string | undefined;
}

/** Docker's table: does the source be a file or a directory, does the target exist, and as what. */
function findTarget(side: Side, written: WrittenPath, source: Source): Target {
  const { path, directory } = written;
  const place = findPlace(side.open, path, true);
  if (place === undefined) throw side.missingParent(path.slice(0, path.lastIndexOf("/")) || "/");
  const status = place.status();
  const target = (fd: number, name: string | undefined): Target => ({
    directory: fd,
    name,
    [Symbol.dispose]: () => closeSync(fd),
  });
  if (status?.isDirectory()) {
    const fd = place.openDirectory();
    place[Symbol.dispose]();
    return target(fd, source.contents ? undefined : source.name);
  }
  const conflict =
    status === undefined
      ? directory && !source.isDirectory && "no such directory"
      : (source.isDirectory && "cannot copy directory") || (directory && "not a directory");
  if (!conflict) return target(place.fd, place.name);
  place[Symbol.dispose]();
  throw wrongPath(`${conflict}: ${path}`);
}

async function copy(
  source: Source,
  target: Target,
  o: Omit<CopyIntoOptions, "directory"> & { readonly signal?: AbortSignal | undefined },
): Promise<Copied> {
  const members = placeMembers(source.place, { name: target.name, signal: o.signal });
  return await copyInto({ ...o, directory: target.directory }, async (into) => {
    const bytes = await extractMembers(members, into);
    return { bytes, skipped: into.skipped };
  });
}

function wrongPath(message: string): EngineError {
  return new EngineError("ERR_ENGINE_PATH", message, { exitCode: 1 });
}
