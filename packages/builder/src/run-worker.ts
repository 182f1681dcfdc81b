/** A directory or file of the host that a command sees for as long as it runs. */
export interface RunMount {
  readonly source: string;
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly: boolean;
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
  readonly mounts: readonly RunMount[];
  readonly hostname?: string;
  readonly output: (stream: "stdout" | "stderr", chunk: Uint8Array) => void;
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
}
