import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { program, type Result } from "../ctr.ts";

/** A state directory on a file system of its own, in a mount namespace that goes with its last process. */
export class SmallDisk implements AsyncDisposable {
  readonly #keeper: ChildProcess;
  readonly #root: string;

  private constructor(keeper: ChildProcess, root: string) {
    this.#keeper = keeper;
    this.#root = root;
  }

  static async make(root: string, size: string): Promise<SmallDisk> {
    mkdirSync(root);
    const script = 'mount -t tmpfs -o "size=$2,mode=710" ctr-test "$1" && echo ready && exec cat';
    const keeper = spawn("unshare", ["--mount", "sh", "-c", script, "sh", root, size], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(keeper.stdout!, "data");
    return new SmallDisk(keeper, root);
  }

  /** `ctr --root ROOT args` */
  async call(...args: readonly string[]): Promise<Result> {
    const done = await execa(
      "nsenter",
      [`--mount=/proc/${this.#keeper.pid}/ns/mnt`, process.execPath, "--", program, "--root", this.#root, ...args],
      { reject: false, stripFinalNewline: false, stdin: "ignore" },
    );
    return { status: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
  }

  /** The same directory from outside. */
  get #seen(): string {
    return `/proc/${this.#keeper.pid}/root${this.#root}`;
  }

  /** Bytes. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.#seen);
    return bavail * bsize;
  }

  /** Take all that is free. */
  fill(): void {
    const path = join(this.#seen, "filler");
    const bytes = Buffer.alloc(1 << 20, 1);
    try {
      for (;;) writeFileSync(path, bytes, { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }

  /** Give it back. */
  empty(): void {
    const path = join(this.#seen, "filler");
    if (existsSync(path)) truncateSync(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#keeper, "exit");
    this.#keeper.stdin!.end();
    await ended;
  }
}
