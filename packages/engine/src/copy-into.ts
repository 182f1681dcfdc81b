import { LayerError, type Ownership, type TarEntry, TreeWriter, type TreeWriterOptions } from "@ctr/layers";
import { EngineError } from "./engine-error.ts";

export interface CopyIntoOptions extends Pick<TreeWriterOptions, "directory" | "option" | "withoutDevices"> {
  /** Who owns what is written; default whoever the entry says. */
  readonly owner?: Owner | undefined;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Write files into a tree as Docker's `cp` does: a directory stays a directory, and a file is worth more than an
 * attribute of it that cannot be kept.
 *
 * @param write  What gives the files to the writer.
 * @throws {EngineError} `ERR_ENGINE_COPY` for what cannot be written, or may not be
 */
export async function copyInto<Result>(
  { directory, option, withoutDevices, owner }: CopyIntoOptions,
  write: (into: TreeWriter) => Promise<Result>,
): Promise<Result> {
  const into = new TreeWriter({
    directory,
    option,
    withoutDevices,
    ownership: owner && ((entry) => ownedBy(owner, entry)),
    keepKinds: true,
    losesXattrs: true,
  });
  try {
    return await write(into);
  } catch (error) {
    throw asCopyError(error);
  }
}

/** A program that runs with its owner's rights must not come to have another owner's: as chown(2) has it. */
function ownedBy({ uid, gid }: Owner, entry: TarEntry): Ownership {
  const isProgram = entry.type === "file" && (uid !== entry.uid || gid !== entry.gid);
  return { uid, gid, mode: isProgram ? entry.mode & 0o1777 : entry.mode };
}

function asCopyError(error: unknown): unknown {
  if (!(error instanceof LayerError) || !["ERR_LAYERS_ENTRY", "ERR_LAYERS_WRITE"].includes(error.code)) return error;
  const { entry, reason, cause = error } = error;
  const message = entry === undefined ? reason : `entry ${JSON.stringify(entry)} is refused: ${reason}`;
  return new EngineError("ERR_ENGINE_COPY", message, { cause, exitCode: 1 });
}
