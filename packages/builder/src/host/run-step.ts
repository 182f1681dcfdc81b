import { BuilderError, type Place } from "../builder-error.ts";
import type { FailedRun } from "../failed-run.ts";
import { type RunCommand, scriptDirectory } from "../run-command.ts";
import type { RunMount } from "../run-mount.ts";
import type { RunRequest, RunWorker } from "../run-worker.ts";
import type { StepMounts } from "./step-mounts.ts";
import type { LayerDraft, Workspace } from "./workspace.ts";

const tailLines = 20;
const tailBytes = 16 << 10;

/**
 * Run a command on a draft.
 *
 * @throws {BuilderError} `ERR_BUILDER_RUN_FAILED` with exit code and the last lines of output
 */
export async function runCommandOn(o: {
  readonly worker: RunWorker;
  readonly workspace: Workspace;
  readonly draft: LayerDraft;
  readonly command: RunCommand;
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly mounts: StepMounts;
  readonly hostname: string | undefined;
  readonly output: (stream: "stdout" | "stderr", chunk: Uint8Array) => void;
  readonly onFailure: ((failed: FailedRun) => Promise<void>) | undefined;
  readonly place: Place;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { command, workspace, draft } = o;
  const { script } = command;
  const tail = new Tail();
  const scripts: readonly RunMount[] =
    script === undefined
      ? []
      : [
          {
            type: "path",
            source: workspace.scriptDirectory(script.name, script.text),
            target: scriptDirectory,
            readOnly: true,
          },
        ];
  const ready = await o.mounts.prepare({ env: o.env, isInsecure: o.security === "insecure" });
  const request: RunRequest = {
    ...draft,
    args: command.args,
    env: [...o.env, ...ready.env],
    cwd: o.cwd,
    user: o.user,
    network: o.network,
    security: o.security,
    mounts: [...scripts, ...ready.mounts],
    ...(o.hostname === undefined ? {} : { hostname: o.hostname }),
    output: (stream, chunk) => {
      tail.add(chunk);
      o.output(stream, chunk);
    },
    ...(o.signal && { signal: o.signal }),
  };
  let exitCode: number;
  try {
    ({ exitCode } = await o.worker.run(request));
    o.signal?.throwIfAborted();
    if (exitCode === 0) return;
    await o.onFailure?.({ request, exitCode, place: o.place });
  } finally {
    ready.release();
  }
  const message = `process ${JSON.stringify(command.args.join(" "))} did not complete successfully: exit code: ${exitCode}`;
  throw new BuilderError({ code: "ERR_BUILDER_RUN_FAILED", message, place: o.place, exitCode, output: tail.text() });
}

/** The end of what was written. */
class Tail {
  #bytes: Buffer = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > 2 * tailBytes) this.#bytes = Buffer.from(this.#bytes.subarray(-tailBytes));
  }

  text(): string {
    const lines = this.#bytes.subarray(-tailBytes).toString("utf8").trimEnd().split("\n");
    return lines.slice(-tailLines).join("\n");
  }
}
