import { existsSync, type FSWatcher, watch } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { CgroupError } from "../cgroups-error.ts";
import { errnoOf, kernelError } from "./files.ts";

export interface Patience {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before giving up with `ERR_CGROUPS_BUSY`. */
  readonly timeout?: number | undefined;
}

const defaultTimeout = 10_000;

/**
 * Wait until `isDone`, which is asked again whenever v2's `cgroup.events` of `directory` changes.
 * @param what  what is waited for, for the error: "the cgroup to be empty"
 * @throws {CgroupError} `ERR_CGROUPS_BUSY` when time is over; the signal's reason when it is aborted
 * @see Linux Documentation/admin-guide/cgroup-v2.rst, "[Un]populated Notification"
 */
export async function untilEvent(
  directory: string,
  what: string,
  isDone: () => Promise<boolean>,
  patience: Patience = {},
): Promise<void> {
  const file = `${directory}/cgroup.events`;
  const ended = deadline(patience);
  const changes = new Changes(file);
  try {
    // The watch is set first: what happens between asking and waiting is not lost.
    for (;;) {
      const change = changes.next();
      if (await isDone()) return;
      if (!existsSync(file)) throw gone(directory, what);
      await raceAbort(change, ended, () => busy(directory, what, patience));
    }
  } finally {
    changes.close();
  }
}

/** v1 tells nobody: ask again after 1, 2, 4 … 16 milliseconds. */
export async function untilAsked(
  directory: string,
  what: string,
  isDone: () => Promise<boolean>,
  patience: Patience = {},
): Promise<void> {
  const ended = deadline(patience);
  for (let pause = 1; !(await isDone()); pause = Math.min(pause * 2, 16)) {
    if (ended.aborted) break;
    await delay(pause, undefined, { signal: ended }).catch(() => undefined);
  }
  if (ended.aborted && !(await isDone())) throw giveUp(ended, () => busy(directory, what, patience));
}

function deadline({ signal, timeout = defaultTimeout }: Patience): AbortSignal {
  const timed = AbortSignal.timeout(timeout);
  return signal === undefined ? timed : AbortSignal.any([signal, timed]);
}

function busy(directory: string, what: string, { timeout = defaultTimeout }: Patience): CgroupError {
  return new CgroupError(`waited ${timeout} ms in vain for ${what}: ${directory}`, {
    code: "ERR_CGROUPS_BUSY",
    file: directory,
    hint: "see who is in its cgroup.procs",
  });
}

function gone(directory: string, what: string): CgroupError {
  return new CgroupError(`waited for ${what}, and the cgroup was removed meanwhile: ${directory}`, {
    code: "ERR_CGROUPS_KERNEL",
    file: directory,
    symbol: "ENOENT",
  });
}

const giveUp = (ended: AbortSignal, busyError: () => CgroupError): unknown =>
  ended.reason instanceof DOMException && ended.reason.name === "TimeoutError" ? busyError() : ended.reason;

async function raceAbort(change: Promise<void>, ended: AbortSignal, busyError: () => CgroupError): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(giveUp(ended, busyError));
  if (ended.aborted) onAbort();
  else ended.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([change, promise]);
  } finally {
    ended.removeEventListener("abort", onAbort);
  }
}

/** Changes of one file, through inotify(7). */
class Changes {
  readonly #watcher: FSWatcher | undefined;
  #wake: () => void = () => undefined;

  constructor(file: string) {
    try {
      this.#watcher = watch(file, () => this.#wake());
      // The cgroup was removed while it was watched: whoever waits asks once more and sees it.
      this.#watcher.on("error", () => this.#wake());
    } catch (cause) {
      // Without the file the cgroup is gone, and nobody waits for it.
      if (errnoOf(cause).symbol !== "ENOENT") throw kernelError("watch", file, cause);
      this.#watcher = undefined;
    }
  }

  next(): Promise<void> {
    if (this.#watcher === undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  close(): void {
    this.#watcher?.close();
  }
}
