export type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block";

/** What can differ between two files of one name. */
export type Aspect = "type" | "content" | "target" | "device" | "mode" | "owner" | "xattrs" | "time";

/** A file as a stack of layers shows it. */
export interface FileFacts {
  readonly type: FileType;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 for what is no regular file. */
  readonly size: number;
  /** The directory of the stack that it lies in. */
  readonly layer: string;
  /** Equal for names of one file. */
  readonly inode: string;
  /** Names that the file has in its layer. */
  readonly links: number;
}

/** What became of a name. */
export interface TreeChange {
  /** `copied`: nothing about it differs, and yet its content is stored again. */
  readonly kind: "added" | "changed" | "deleted" | "copied";
  /** With a slash at the start. A byte that is no UTF-8 is a lone surrogate, see `@ctr/layers` encodeName. */
  readonly path: string;
  /** Absent when it was not there. */
  readonly before?: FileFacts;
  /** Absent when it is gone. */
  readonly after?: FileFacts;
  /** Empty unless `kind` is `changed`; `type` stands alone. */
  readonly differs: readonly Aspect[];
  /** Bytes of content that were not at this path before. A file of several names counts at the first. */
  readonly addedBytes: number;
  /** Bytes of content that nobody sees any more. A file of several names counts when the last is gone. */
  readonly removedBytes: number;
  /** Bytes that are stored again though they are the same as before. A file of several names counts at the first. */
  readonly copiedBytes: number;
}

/** Numbers of a comparison. */
export interface ChangeSummary {
  readonly added: number;
  readonly changed: number;
  readonly deleted: number;
  /** Names whose content is stored again: what is `copied`, and what was `changed` in all but its content. */
  readonly copied: number;
  readonly addedBytes: number;
  readonly removedBytes: number;
  readonly copiedBytes: number;
}

export function summarizeChanges(changes: Iterable<TreeChange>): ChangeSummary {
  const sum = { added: 0, changed: 0, deleted: 0, copied: 0, addedBytes: 0, removedBytes: 0, copiedBytes: 0 };
  for (const change of changes) {
    if (change.kind !== "copied") sum[change.kind]++;
    if (isStoredAgain(change)) sum.copied++;
    sum.addedBytes += change.addedBytes;
    sum.removedBytes += change.removedBytes;
    sum.copiedBytes += change.copiedBytes;
  }
  return sum;
}

/** Whether a file has the content that it had, in a place of its own. */
export function isStoredAgain({ kind, before, after, differs }: TreeChange): boolean {
  if (before?.type !== "file" || after?.type !== "file" || before.inode === after.inode) return false;
  return kind === "copied" || !differs.includes("content");
}
