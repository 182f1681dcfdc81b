import { randomBytes } from "node:crypto";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedImage } from "@ctr/image-store";
import { type ImageConfig, parseImageConfig } from "@ctr/oci";
import { createLayerDirectory } from "@ctr/overlayfs";
import { containerDirectory } from "./container-files.ts";
import { checkName, randomName } from "./container-name.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, thisProcess } from "./context.ts";
import type { CreateOptions } from "./create-options.ts";
import { EngineError } from "./engine-error.ts";
import { signalNumber } from "./stop.ts";
import { takeDown } from "./take-down.ts";

/**
 * Make a container: a record, a name and a writable layer on top of the image's. Nothing runs yet.
 *
 * @throws {EngineError} `ERR_ENGINE_NAME`, `ERR_ENGINE_NAME_TAKEN`, `ERR_ENGINE_NO_COMMAND`
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`
 */
export async function createContainer(context: Context, options: CreateOptions): Promise<ContainerRecord> {
  if (options.name !== undefined) checkName(options.name);
  const resolved = options.image === undefined ? undefined : context.store.resolve(options.image);
  const image =
    resolved === undefined ? undefined : parseImageConfig(await context.store.readBlob(resolved.variant.config));
  const record = insert(context, newRecord(options, resolved, image));
  try {
    await makeLayer(context, record);
    return context.table.update(record.id, ["creating"], { state: "created" })!;
  } catch (error) {
    await takeDown(context, record);
    throw error;
  }
}

/** ENTRYPOINT and CMD, and what replaces them: an entrypoint given here makes the image's CMD meaningless. */
function argsOf(options: Pick<CreateOptions, "entrypoint" | "command">, image: ImageConfig["config"]): string[] {
  const entrypoint = options.entrypoint ?? image?.Entrypoint ?? [];
  const inherited = options.entrypoint === undefined ? (image?.Cmd ?? []) : [];
  const command = options.command !== undefined && options.command.length > 0 ? options.command : inherited;
  return [...entrypoint, ...command];
}

function newRecord(
  options: CreateOptions,
  resolved: ResolvedImage | undefined,
  image: ImageConfig | undefined,
): Omit<ContainerRecord, "name"> {
  if (options.rootfs !== undefined && !statSync(options.rootfs, { throwIfNoEntry: false })?.isDirectory())
    throw new EngineError("ERR_ENGINE_OPTION", `--rootfs ${options.rootfs} is no directory`);
  if (options.workdir !== undefined && !options.workdir.startsWith("/"))
    throw new EngineError(
      "ERR_ENGINE_OPTION",
      `the working directory '${options.workdir}' is invalid, it needs to be an absolute path`,
    );
  if (options.stopSignal !== undefined) signalNumber(options.stopSignal);
  if (options.userNamespace !== undefined && options.rootfs === undefined)
    throw new EngineError(
      "ERR_ENGINE_OPTION",
      "a user namespace on an image is not there yet: the image's files would belong to nobody in it; use --rootfs with a directory whose files belong to the range",
    );
  const args = argsOf(options, image?.config);
  if (args.length === 0)
    throw new EngineError("ERR_ENGINE_NO_COMMAND", "No command specified, and the image names none");
  return {
    id: randomBytes(32).toString("hex"),
    state: "creating",
    options,
    image: options.image,
    imageId: resolved?.variant.config,
    chainId: resolved?.variant.chainId,
    args,
    stopSignal: options.stopSignal ?? imageStopSignal(image?.config) ?? "SIGTERM",
    createdAt: new Date().toISOString(),
    owner: thisProcess(),
  };
}

function insert(context: Context, record: Omit<ContainerRecord, "name">): ContainerRecord {
  const { name } = record.options;
  for (let attempt = 0; attempt < 20; attempt++) {
    const tried = { ...record, name: name ?? randomName() + (attempt > 5 ? attempt : "") };
    if (context.table.insert(tried)) return tried;
    const holder = context.table.byName(tried.name);
    if (name !== undefined && holder !== undefined)
      throw new EngineError(
        "ERR_ENGINE_NAME_TAKEN",
        `Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
  }
  throw new EngineError("ERR_ENGINE_NAME_TAKEN", "no free name was found in twenty attempts");
}

async function makeLayer(context: Context, record: ContainerRecord): Promise<void> {
  mkdirSync(containerDirectory(context.root, record.id), { recursive: true, mode: 0o700 });
  if (record.chainId === undefined) return;
  context.store.hold({ chainId: record.chainId, holder: record.id });
  await createLayerDirectory({
    overlayRoot: overlayRoot(context),
    cacheId: record.id,
    parents: context.store.overlayParents(record.chainId),
    container: true,
  });
}

export function overlayRoot(context: Context): string {
  return join(context.root, "overlay2");
}

/** An image that names no signal there is must not make a container that cannot be stopped. */
function imageStopSignal(config: ImageConfig["config"]): string | undefined {
  try {
    if (config?.StopSignal !== undefined) signalNumber(config.StopSignal);
    return config?.StopSignal;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
