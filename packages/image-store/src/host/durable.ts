import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ImageStoreError } from "../image-store-error.ts";

// Temporary name, fsync, rename, fsync of the directory: after a crash a file is there as a whole or
// not at all. These run synchronously because they happen inside a database transaction, which other
// work of this process must not get into; each takes a millisecond or two.

/** Give a finished, synced file its name, for good. @see rename(2), fsync(2) on directories */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncDirectory(dirname(to));
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replace a small file. */
export function replaceFile(o: { readonly path: string; readonly temporary: string; readonly text: string }): void {
  const fd = openSync(o.temporary, "wx", 0o600);
  try {
    writeFileSync(fd, o.text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameDurably(o.temporary, o.path);
}

/** The error to throw for one of the file system's, with what was tried and what to do. */
export function ioError(tried: string, error: unknown): unknown {
  const code = codeOf(error);
  if (isNoSpace(error))
    return new ImageStoreError(
      "ERR_IMAGE_STORE_NO_SPACE",
      `${tried}: no space left on device; remove what is not needed (ctr system prune) or move the store to a larger disk`,
      { cause: error },
    );
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code))
    return new ImageStoreError("ERR_IMAGE_STORE_IO", `${tried}: ${(error as Error).message}`, { cause: error });
  return error;
}

/** Also when somebody on the way said it in other words: the error of a layer has the kernel's as its cause. */
function isNoSpace(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (/^(?:ERR_KERNEL_)?(?:ENOSPC|EDQUOT)$/.test(String(codeOf(cause)))) return true;
  return false;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
