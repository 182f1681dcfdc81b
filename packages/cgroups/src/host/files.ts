import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import type { Step } from "@ctr/plan";
import { CgroupError } from "../cgroups-error.ts";
import { hintFor } from "./hint.ts";

// Never O_CREAT: a file that is missing must be told as such, not as the refusal to make one.
const mode = constants.O_WRONLY;

/** Perform a `write` step on a cgroup that nobody is in yet: it takes microseconds, less than a thread pool does. */
export function performWrite(step: Step): void {
  const { path, text } = writeOf(step);
  let fd = -1;
  try {
    fd = openSync(path, mode);
    writeSync(fd, text);
  } catch (cause) {
    throw writeError(step, cause);
  } finally {
    if (fd !== -1) closeSync(fd);
  }
}

/** Perform a `write` step that may wait: a memory limit under the present use makes the kernel look for pages first. */
export async function performSlowWrite(step: Step): Promise<void> {
  const { path, text } = writeOf(step);
  try {
    await using file = await open(path, mode);
    await file.write(text);
  } catch (cause) {
    throw writeError(step, cause);
  }
}

function writeOf(step: Step): { path: string; text: string } {
  if (step.do === "write") return step;
  throw new TypeError(`a cgroup is made of write steps only, not of ${step.do}`);
}

function writeError(step: Step, cause: unknown): CgroupError {
  const { path, text } = writeOf(step);
  const { symbol, errno } = errnoOf(cause);
  return new CgroupError(`${step.because.option}: cannot write ${JSON.stringify(text)} to ${path}: ${symbol}`, {
    code: "ERR_CGROUPS_KERNEL",
    option: step.because.option,
    file: path,
    text,
    symbol,
    errno,
    hint: hintFor(path, symbol),
    cause,
  });
}

/** The failure of `what` on `file`, as this package's error. */
export function kernelError(what: string, file: string, cause: unknown, hint?: string): CgroupError {
  const { symbol, errno } = errnoOf(cause);
  return new CgroupError(`cannot ${what} ${file}: ${symbol}`, {
    code: "ERR_CGROUPS_KERNEL",
    file,
    symbol,
    errno,
    hint,
    cause,
  });
}

export function errnoOf(cause: unknown): { readonly symbol: string; readonly errno: number | undefined } {
  // Node's errors have the name in `code`, this project's in `symbol`.
  const { code, symbol, errno } = (cause ?? {}) as { code?: unknown; symbol?: unknown; errno?: unknown };
  return {
    symbol: typeof symbol === "string" ? symbol : typeof code === "string" ? code : String(cause),
    errno: typeof errno === "number" ? Math.abs(errno) : undefined,
  };
}

// The cgroup went away, or the file belongs to a controller that is not used: ENODEV is a file that
// was opened before its cgroup was removed.
const isGone = (cause: unknown): boolean => ["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoOf(cause).symbol);

/** A file's text, or `undefined` when the file or the whole cgroup does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw kernelError("read", path, cause);
  }
}

/** As {@link readIfThere}, at once. */
export function readNowIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isGone(cause)) return undefined;
    throw kernelError("read", path, cause);
  }
}
