import { constants } from "node:fs";
import { isKernelError, openIn } from "@ctr/kernel";
import { extractArchive, LayerError, type Ownership, type TarEntry, TreeWriter } from "@ctr/layers";
import { BuilderError, type Place } from "../builder-error.ts";
import { changeMode, type ModeChange } from "../mode-change.ts";
import { Tree } from "./tree.ts";
import type { Owner } from "./write-entries.ts";

export interface UnpackOptions {
  /** A tar archive, plain or packed with gzip, bzip2, xz or zstd. Chunks must not change once they are given. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly view: Tree;
  /** A directory of the view, no link in it: the archive's root, which stays as it is. */
  readonly target: string;
  /** Default: whoever the archive says. */
  readonly owner?: Owner | undefined;
  readonly mode?: ModeChange | undefined;
  /** Nanoseconds since the epoch: of directories that the archive only passes through. */
  readonly time: bigint;
  /** Leave device nodes out. */
  readonly withoutDevices?: boolean;
  /** The instruction or option that asked for it. */
  readonly option: string;
  readonly place?: Place | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A layer writes holes as zeros: 100 GiB of them fit into an archive of 1 KB. */
const maxHoles = 4 * 2 ** 30;

/**
 * Unpack an archive over what is there, so that the same archive makes the same layer whenever it is done. After a
 * failure a part of it is there.
 *
 * @throws {LayerError} for an archive that is damaged or over its limits; {BuilderError} `ERR_BUILDER_COPY` for what
 *   cannot be written, or may not be; {KernelError} when the disk is full
 */
export async function unpackArchive(o: UnpackOptions): Promise<void> {
  const { archive, view, target, owner, mode, time, withoutDevices, option, place, signal } = o;
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  using tree = new Tree(openIn({ root: view.fd, path: `/${target}`, flags }));
  const into = new TreeWriter({
    directory: tree.fd,
    ownership: (entry) => ownershipOf(entry, owner, mode),
    passed: { ...(owner ?? { uid: 0, gid: 0 }), time },
    keepRoot: true,
    withoutDevices,
    maxHoles,
    option,
  });
  try {
    await extractArchive({ archive, into, accept: "any", signal });
  } catch (error) {
    throw asCopyError(error, place);
  }
}

function ownershipOf(entry: TarEntry, owner: Owner | undefined, mode: ModeChange | undefined): Ownership {
  const { uid, gid } = owner ?? entry;
  const isDirectory = entry.type === "directory";
  return { uid, gid, mode: mode === undefined ? entry.mode : changeMode(mode, entry.mode, isDirectory) };
}

function asCopyError(error: unknown, place: Place | undefined): unknown {
  if (!(error instanceof LayerError) || !["ERR_LAYERS_ENTRY", "ERR_LAYERS_WRITE"].includes(error.code)) return error;
  const { entry, reason, cause = error } = error;
  if (isKernelError(cause) && ["ENOSPC", "EDQUOT"].includes(cause.symbol)) return cause; // no fault of the archive
  const message = entry === undefined ? reason : `archive entry ${JSON.stringify(entry)} is refused: ${reason}`;
  return new BuilderError({ code: "ERR_BUILDER_COPY", message, place, cause });
}
