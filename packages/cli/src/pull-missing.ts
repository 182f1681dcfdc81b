import type { ContainerRecord, CreateOptions, Engine } from "@ctr/engine";
import { familiarReference, parseReference } from "@ctr/oci";
import type { Command } from "commander";
import { Failure } from "./failure.ts";

/** `--pull` and `--quiet` of `run` and `create`. */
export interface PullFlags {
  readonly pull?: string;
  readonly quiet?: boolean;
}

export function addPullFlags(command: Command): Command {
  return command
    .option("--pull <when>", "pull the image first: always, missing or never", "missing")
    .option("-q, --quiet", "show nothing of a pull");
}

/**
 * Make a container, and pull its image before when it is not here or `--pull always` asks for the newest.
 *
 * @throws {Failure} for what is no choice
 */
export async function createPulling(
  engine: Engine,
  options: CreateOptions,
  flags: PullFlags,
): Promise<ContainerRecord> {
  const { pull = "missing" } = flags;
  if (pull !== "always" && pull !== "missing" && pull !== "never")
    throw new Failure(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`, 125);
  if (options.image !== undefined && pull === "always") await pullImage(engine, options.image, flags);
  try {
    return await engine.containers.create(options);
  } catch (error) {
    const { image } = options;
    const name = image === undefined || pull !== "missing" || !isMissing(error) ? undefined : nameOf(image);
    if (name === undefined) throw error;
    process.stderr.write(`Unable to find image '${name}' locally\n`);
    await pullImage(engine, image!, flags);
    return engine.containers.create(options);
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_IMAGE_NOT_FOUND";

/** Undefined for an id: no registry knows those. */
function nameOf(image: string): string | undefined {
  if (image.startsWith("sha256:")) return undefined;
  try {
    return familiarReference(parseReference(image));
  } catch {
    return undefined;
  }
}

/** On standard error: standard output is the container's. */
async function pullImage(engine: Engine, image: string, flags: PullFlags): Promise<void> {
  const { pullForRun } = await import("./transfer.ts");
  const { untilSignal } = await import("./until-signal.ts");
  await untilSignal((signal) => pullForRun(engine, image, { quiet: flags.quiet ?? false, signal }));
}
