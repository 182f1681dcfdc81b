import { randomBytes } from "node:crypto";
import { closeSync, createReadStream, mkdirSync, openSync } from "node:fs";
import type { RunRequest, RunWorker } from "@ctr/builder";
import { exitCode, isKernelError, KernelError, makePipe, perform } from "@ctr/kernel";
import type { Lease } from "@ctr/network";
import { overlaySteps, takesLowersOneByOne } from "@ctr/overlayfs";
import type { Step } from "@ctr/plan";
import { hostFacts, programError, type RunningContainer, RuntimeError, run } from "@ctr/runtime";
import { type CommandSettings, containerSettings } from "./build-commands.ts";
import { type BuildMounts, buildMounts } from "./build-mounts.ts";
import { commandDirectory, endOrphans } from "./build-orphans.ts";
import { writeNameFiles } from "./container-files.ts";
import { containerUser } from "./container-user.ts";
import type { Context } from "./context.ts";
import type { CreateOptions, NetworkMode } from "./create-options.ts";
import { mountStubs, removeStubs } from "./mount-stubs.ts";
import { ociConfig } from "./oci-config.ts";

/** Runs the commands of a build: each in a container with every default wall, as a child of this process. */
export function buildWorker(context: Context, settings: CommandSettings = {}): RunWorker {
  return { run: (request) => runStep(context, request, settings), endOrphans: () => endOrphans(context) };
}

async function runStep(
  context: Context,
  request: RunRequest,
  settings: CommandSettings,
): Promise<{ exitCode: number }> {
  const id = `b${randomBytes(31).toString("hex")}`; // no container's: those are 64 digits of hexadecimal
  const files = commandDirectory(context.root, id);
  const options = { ...optionsOf(request), ...containerSettings(settings) };
  const stubs = mountStubs({ ...request, targets: request.mounts.map(({ target }) => target) });
  mkdirSync(files, { recursive: true, mode: 0o700 });
  const lease =
    options.network === "bridge" ? context.network.lease({ containerId: id, hostname: "build", ports: [] }) : undefined;
  try {
    writeNameFiles(files, id, options, lease);
    await using mounted = await buildMounts(request.mounts, files);
    return { exitCode: await runContainer(context, request, { id, files, options, lease, mounted }) };
  } catch (error) {
    if (error instanceof RuntimeError && error.exitCode !== 125) {
      request.output("stderr", Buffer.from(`${error.message}\n`));
      return { exitCode: error.exitCode };
    }
    throw error;
  } finally {
    if (lease !== undefined) await context.network.disconnect(id);
    removeStubs({ ...request, stubs });
    perform([{ do: "remove", in: "host", path: files, because: { option: "build", why: "the step is over" } }]);
  }
}

interface Place {
  readonly id: string;
  readonly files: string;
  readonly options: CreateOptions;
  readonly lease: Lease | undefined;
  readonly mounted: BuildMounts;
}

async function runContainer(context: Context, request: RunRequest, place: Place): Promise<number> {
  const because = { option: "RUN", why: "the layers so far, and one for what the command writes" };
  const overlay = { lowers: request.lowers, upper: request.upper, work: request.work };
  const facts = hostFacts();
  const config = ociConfig({
    id: place.id,
    options: { ...place.options, mounts: place.mounted.mounts },
    image: { Env: request.env },
    args: request.args,
    user: containerUser({ user: request.user, groupAdd: [], root: overlay }),
    rootfs: request.merged,
    facts,
    files: place.files,
    pidOf: () => 0,
  });
  const oneByOne = takesLowersOneByOne();
  const mountRoot: Step[] = [
    ...overlaySteps({ ...overlay, oneByOne, target: request.merged, because }),
    ...place.mounted.steps,
  ];
  const output = [makePipe(), makePipe()] as const;
  const nothing = openSync("/dev/null", "r");
  const { lease } = place;
  try {
    const copied = Promise.all([copy(output[0].read, "stdout", request), copy(output[1].read, "stderr", request)]);
    let container: RunningContainer;
    try {
      container = await run({
        config,
        rootfs: request.merged,
        mountRoot,
        createCwd: true,
        ...(lease === undefined
          ? {}
          : { network: { steps: lease.steps, connect: (pid) => context.network.connect(lease, { pid }) } }),
        stdio:
          request.terminal === undefined ? [nothing, output[0].write, output[1].write] : [nothing, nothing, nothing],
      });
    } finally {
      closeSync(output[0].write);
      closeSync(output[1].write);
    }
    const stop = (): void => container.kill("SIGKILL");
    request.signal?.addEventListener("abort", stop, { once: true });
    const shown = container.terminal === undefined ? undefined : request.terminal?.opened(container.terminal);
    const ending = await container.ended();
    await shown;
    request.signal?.removeEventListener("abort", stop);
    await copied;
    request.signal?.throwIfAborted();
    return exitCode(ending);
  } catch (error) {
    throw withoutSecrets(programError(error));
  } finally {
    closeSync(nothing);
  }
}

/** The same error without its step: there a secret is a file's bytes, or a variable. Whoever logs an error logs all of it. */
function withoutSecrets(error: unknown): unknown {
  if (error instanceof RuntimeError)
    return new RuntimeError(
      error.code,
      error.message,
      error.exitCode === undefined ? {} : { exitCode: error.exitCode },
    );
  if (!isKernelError(error) || (error.step?.do !== "exec" && error.step?.do !== "makeFile")) return error;
  const { syscall, errno, path, hint } = error;
  return new KernelError({ syscall, errno, path, detail: hint });
}

function optionsOf(request: RunRequest): CreateOptions {
  const network: NetworkMode = request.network === "default" ? "bridge" : request.network;
  return {
    hostname: request.hostname ?? "build",
    ...(request.terminal === undefined ? {} : { tty: true, terminalSize: request.terminal.size }),
    workdir: request.cwd,
    network,
    privileged: request.security === "insecure",
  };
}

async function copy(fd: number, stream: "stdout" | "stderr", request: RunRequest): Promise<void> {
  for await (const chunk of createReadStream("", { fd })) request.output(stream, chunk as Uint8Array);
}
