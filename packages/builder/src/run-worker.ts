import type { RunMount } from "./run-mount.ts";

/** A terminal for a command. */
export interface RunTerminal {
  readonly size: { readonly rows: number; readonly columns: number };
  /** Called with its other end once the command runs; resolves when that has told its end. The fd is the callee's. */
  readonly opened: (master: number) => Promise<void>;
}

/** One command of a RUN. */
export interface RunRequest {
  /** Read-only directories, newest first; at least one. */
  readonly lowers: readonly string[];
  /** Takes every write: what is in it afterwards is the new layer. */
  readonly upper: string;
  /** Empty, on the file system of `upper`. */
  readonly work: string;
  /** An empty directory where the overlay can be mounted. */
  readonly merged: string;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Absolute. To be made when it is missing. */
  readonly cwd: string;
  /** As USER has it, to be looked up in the image's own files; empty is root. */
  readonly user: string;
  readonly network: "default" | "none" | "host";
  /** `insecure`: without walls, as a privileged container. Whoever asks for the build has allowed it. */
  readonly security: "sandbox" | "insecure";
  /** Put on in this order. */
  readonly mounts: readonly RunMount[];
  readonly hostname?: string;
  readonly output: (stream: "stdout" | "stderr", chunk: Uint8Array) => void;
  /** Give the command a terminal, and nothing to `output`: for people who look at what failed. */
  readonly terminal?: RunTerminal;
  readonly signal?: AbortSignal;
}

/**
 * Runs the commands of a build. The builder knows no containers: whoever uses it brings this.
 *
 * When `run` settles nothing of the command lives any more, nothing is mounted, and `upper` holds what the
 * command changed and nothing that the worker made for it (mount points, /etc/resolv.conf).
 */
export interface RunWorker {
  /** Resolves also for a command that failed; rejects when it could not be run at all. */
  run(request: RunRequest): Promise<{ readonly exitCode: number }>;
  /** End the commands of builds that died: what those had locked is going to be somebody else's. */
  endOrphans?(): Promise<void>;
}
