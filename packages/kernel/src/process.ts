import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { closeWatched, readable } from "./channel.ts";
import { check } from "./kernel-error.ts";
import { native } from "./native.ts";

/** A process that need not be our child, held so that its number cannot come to mean another. Owns its pidfd. */
export class HeldProcess implements Disposable {
  readonly pid: number;
  readonly pidfd: number;
  #closed = false;

  private constructor(pid: number, pidfd: number) {
    this.pid = pid;
    this.pidfd = pidfd;
  }

  /**
   * Hold the process that has this number and began at `startTime`; undefined when it has ended.
   *
   * @param startTime  as `startTimeOf` told it; the number alone may have been given to another since.
   */
  static open(pid: number, startTime: number): HeldProcess | undefined {
    const pidfd = native().pidfdOpen(pid);
    if (pidfd < 0) return undefined;
    const held = new HeldProcess(pid, pidfd);
    if (startTimeOf(pid) === startTime) return held;
    held[Symbol.dispose]();
    return undefined;
  }

  /** @returns false when it has ended */
  kill(signal: NodeJS.Signals | number): boolean {
    const number = typeof signal === "number" ? signal : constants.signals[signal];
    const result = native().pidfdSignal(this.pidfd, number);
    if (result === -constants.errno.ESRCH) return false;
    check(result, "pidfd_send_signal");
    return true;
  }

  /** Resolves when it has ended, or is held no longer. */
  ended(): Promise<void> {
    return readable(this.pidfd);
  }

  [Symbol.dispose](): void {
    if (!this.#closed) closeWatched(this.pidfd);
    this.#closed = true;
  }
}

/** When a process began, in clock ticks after the boot; undefined when it has ended or is a zombie. @see proc_pid_stat(5), field 22 */
export function startTimeOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // field 3, the state, is the first here
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return Number(fields[19]);
}

/** Two connected ends of a pipe, both the caller's. */
export function makePipe(): { read: number; write: number } {
  const [read, write] = check(native().pipe(), "pipe2") as [number, number];
  return { read, write };
}
