import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupSteps } from "@ctr/cgroups";
import { Attachment, monitorConsoleFd, type StepTime, startBarrier, startMonitored, startTimeOf } from "@ctr/kernel";
import { type Lease, loopbackSteps } from "@ctr/network";
import { encodeJson, type ImageConfig, parseImageConfig, type RuntimeConfig } from "@ctr/oci";
import { lowerDirectories, overlaySteps, takesLowersOneByOne } from "@ctr/overlayfs";
import type { Step } from "@ctr/plan";
import { type HostFacts, hostFacts, planOf, prepareContainer, programError } from "@ctr/runtime";
import { containerDirectory, writeNameFiles } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { containerUser, type RootSource } from "./container-user.ts";
import { type Context, isAlive, thisProcess } from "./context.ts";
import { overlayRoot } from "./create.ts";
import { EngineError } from "./engine-error.ts";
import { cgroupPath, finishStart, usesBridge } from "./give-back.ts";
import { ociConfig } from "./oci-config.ts";
import { untilUnused } from "./tree-user.ts";

const defaultLogLimit = 16 << 20;

export interface StartOptions {
  /** Called when the container can be attached to and has not run yet. */
  readonly beforeStart?: (attachment: Attachment) => void;
  readonly timing?: boolean;
  /** Tidy up by itself at its end: nobody is going to wait for it. */
  readonly detached?: boolean;
}

export interface Started {
  readonly record: ContainerRecord;
  /** Attached before it ran. The caller closes it. */
  readonly attachment: Attachment;
  readonly timing: () => StepTime[];
}

interface Prepared {
  readonly config: RuntimeConfig;
  readonly rootfs: string;
  readonly mountRoot?: readonly Step[];
}

/**
 * Start a container that was created or has ended. Resolves once its program runs.
 *
 * @throws {RuntimeError} with `exitCode` 127 or 126 when the program is missing or not executable
 * @throws {EngineError} `ERR_ENGINE_RUNNING`, `ERR_ENGINE_NOT_RUNNING` for a container whose namespaces are shared
 * @throws {KernelError} | {CgroupError} | {NetworkError} what cannot be done; the container is as it was
 */
export async function startContainer(
  context: Context,
  record: ContainerRecord,
  o: StartOptions = {},
): Promise<Started> {
  const before = record.state;
  await untilUnused(context, record.id);
  const ours = context.table.update(
    record.id,
    ["created", "exited"],
    { state: "starting", owner: thisProcess() },
    (now) => !isAlive(now.treeUser),
  );
  if (ours === undefined)
    throw new EngineError("ERR_ENGINE_RUNNING", `container ${record.name} is ${record.state} already`);
  const directory = containerDirectory(context.root, record.id);
  let attachment: Attachment | undefined;
  try {
    rmSync(join(directory, "exit"), { force: true });
    const facts = hostFacts();
    const lease = usesBridge(ours) ? takeLease(context, ours) : undefined;
    writeNameFiles(directory, ours.id, ours.options, lease);
    const prepared = await prepare(context, ours, facts);
    writeFileSync(join(directory, "config.json"), encodeJson(prepared.config as never), { mode: 0o600 });
    const container = await prepareContainer({
      ...prepared,
      ...networkOf(context, ours, lease),
      init: ours.options.init ?? false,
      consoleFd: monitorConsoleFd,
      barrier: startBarrier,
      createCwd: true,
    });
    const started = await startMonitored({
      steps: container.plan.steps,
      namespaces: container.plan.namespaces,
      ...(container.cgroup.directoryFd >= 0 ? { cgroup: container.cgroup.directoryFd } : {}),
      directory,
      terminal: ours.options.tty ?? false,
      input: ours.options.interactive ?? false,
      logLimit: ours.options.logLimit ?? defaultLogLimit,
      ...(o.detached && context.cleanup !== undefined ? { after: context.cleanup(ours.id) } : {}),
      barriers: container.barriers,
      timing: o.timing ?? false,
      beforeStart: (pid) => {
        attachment = new Attachment(directory);
        o.beforeStart?.(attachment);
        // From here on housekeeping finds it, whatever happens to this process.
        context.table.update(ours.id, ["starting"], {
          process: { pid, startTime: startTimeOf(pid)! },
          startedAt: new Date().toISOString(),
        });
      },
    });
    container.cgroup.close();
    return { record: markRunning(context, ours, lease), attachment: attachment!, timing: started.timing };
  } catch (error) {
    attachment?.close();
    await finishStart(context, ours);
    const failure = programError(error);
    context.table.update(ours.id, ["starting"], { state: before, error: (failure as Error).message });
    throw failure;
  }
}

function markRunning(context: Context, record: ContainerRecord, lease: Lease | undefined): ContainerRecord {
  const network =
    lease === undefined
      ? {}
      : {
          address: lease.address,
          gateway: lease.gateway,
          mac: lease.mac,
          ports: lease.ports.map((port) => ({ ...port })),
        };
  return (
    context.table.update(record.id, ["starting"], { state: "running", ...network }) ?? context.table.get(record.id)!
  );
}

function takeLease(context: Context, record: ContainerRecord): Lease {
  return context.network.lease({
    containerId: record.id,
    hostname: record.options.hostname ?? record.id.slice(0, 12),
    ports: record.options.ports ?? [],
  });
}

interface NetworkPart {
  network?: { steps: readonly Step[]; connect: (pid: number) => void | Promise<void> };
}

function networkOf(context: Context, record: ContainerRecord, lease: Lease | undefined): NetworkPart {
  if (lease !== undefined)
    return { network: { steps: lease.steps, connect: (pid) => context.network.connect(lease, { pid }) } };
  if (record.options.network !== "none") return {};
  const because = { option: "--network none", why: "the container can talk to itself" };
  return { network: { steps: loopbackSteps(because), connect: () => undefined } };
}

/**
 * The plan of a container's start, for `--explain` and `--dry-run`: the limits that this process writes, then
 * what the child does. Nothing is made. An address on the bridge is leased at the start, so its steps are not
 * known yet.
 */
export async function explainStart(context: Context, record: ContainerRecord): Promise<readonly Step[]> {
  const facts = hostFacts();
  const prepared = await prepare(context, record, facts);
  const network = networkOf(context, record, undefined);
  const { limits, join: joinCgroup } = cgroupSteps({
    layout: facts.layout,
    path: cgroupPath(record.id),
    resources: prepared.config.linux?.resources ?? {},
    because: { option: "default", why: "its processes are counted and limited together" },
    intoCgroup: true,
  });
  const init = record.options.init ?? false;
  return [...limits, ...planOf({ ...prepared, ...network, init, createCwd: true }, facts, joinCgroup).steps];
}

async function prepare(context: Context, record: ContainerRecord, facts: HostFacts): Promise<Prepared> {
  const image = await imageConfigOf(context, record);
  const { source, rootfs, mountRoot } = rootOf(context, record);
  const user = containerUser({
    user: record.options.user ?? image?.User ?? "",
    groupAdd: record.options.groupAdd ?? [],
    root: source,
  });
  const config = ociConfig({
    id: record.id,
    options: record.options,
    image,
    args: record.args,
    user,
    rootfs,
    facts,
    files: containerDirectory(context.root, record.id),
    pidOf: (name) => pidOf(context, name),
  });
  return { config, rootfs, ...(mountRoot === undefined ? {} : { mountRoot }) };
}

/** The image's own settings, by the id it had when the container was made. */
export async function imageConfigOf(context: Context, record: ContainerRecord): Promise<ImageConfig["config"]> {
  if (record.imageId === undefined) return undefined;
  return parseImageConfig(await context.store.readBlob(record.imageId)).config;
}

export function rootOf(
  context: Context,
  record: ContainerRecord,
): { source: RootSource; rootfs: string; mountRoot?: readonly Step[] } {
  if (record.options.rootfs !== undefined)
    return { source: { directory: record.options.rootfs }, rootfs: record.options.rootfs };
  const overlay = overlayRoot(context);
  const directory = join(overlay, record.id);
  const source = {
    lowers: lowerDirectories(overlay, context.store.overlayParents(record.chainId!)),
    upper: join(directory, "diff"),
    work: join(directory, "work"),
  };
  const target = join(directory, "merged");
  const because = { option: record.image ?? "image", why: "the image's layers and the container's own, seen as one" };
  return {
    source,
    rootfs: target,
    mountRoot: overlaySteps({ ...source, oneByOne: takesLowersOneByOne(), target, because }),
  };
}

/** @throws {EngineError} `ERR_ENGINE_NOT_RUNNING` */
function pidOf(context: Context, reference: string): number {
  const record = context.table.byName(reference) ?? context.table.byPrefix(reference)[0];
  if (record?.state === "running" && isAlive(record.process)) return record.process!.pid;
  throw new EngineError(
    "ERR_ENGINE_NOT_RUNNING",
    `cannot share namespaces with container ${reference}: it is not running`,
  );
}
