import { readFileSync } from "node:fs";
import { join } from "node:path";
import { capabilityMask, parseCapability, privilegedCapabilities, processCapabilities } from "@ctr/capabilities";
import { cgroupSteps } from "@ctr/cgroups";
import { type Child, firstExtraFd, HeldProcess, start } from "@ctr/kernel";
import { readNamespaces } from "@ctr/namespaces";
import { type Process, parseRuntimeConfig, type ResolvedUser } from "@ctr/oci";
import type { NamespaceType, Step } from "@ctr/plan";
import { execPlan, hostFacts, programError } from "@ctr/runtime";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { containerUser } from "./container-user.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { cgroupPath } from "./give-back.ts";
import { running } from "./stop.ts";

export interface ExecOptions {
  readonly command: readonly string[];
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly tty?: boolean;
  readonly terminalSize?: { readonly rows: number; readonly columns: number };
  /** fds that become the program's 0, 1 and 2. */
  readonly stdio: readonly [number, number, number];
}

/**
 * Run one more program in a container, as a child of this process.
 *
 * @throws {EngineError} `ERR_ENGINE_NOT_RUNNING`
 * @throws {RuntimeError} with exit code 127 or 126 when the program is missing or not executable
 */
export async function execInContainer(context: Context, container: ContainerRecord, o: ExecOptions): Promise<Child> {
  const record = await running(context, container);
  using held = HeldProcess.open(record.process!.pid, record.process!.startTime);
  if (held === undefined) throw new EngineError("ERR_ENGINE_NOT_RUNNING", `Container ${record.id} is not running`);
  const config = parseRuntimeConfig(readFileSync(join(containerDirectory(context.root, record.id), "config.json")));
  const facts = hostFacts();
  const steps = execPlan({
    process: processOf(record, config.process!, o, facts.available),
    seccomp: o.privileged ? undefined : config.linux?.seccomp,
    joinCgroup: joinSteps(record),
    pidfd: firstExtraFd,
    types: ownNamespaces(record.process!.pid),
    machine: facts.machine,
    available: facts.available,
  });
  try {
    const child = await start({ steps, stdio: o.stdio, fds: [held.pidfd] });
    await child.running;
    return child;
  } catch (error) {
    throw programError(error);
  }
}

function processOf(record: ContainerRecord, first: Process, o: ExecOptions, available: bigint): Process {
  const who = o.user === undefined ? { ...first.user, home: undefined } : userInside(record, o.user);
  const mask = o.privileged ? privilegedCapabilities(available) : maskOf(first);
  const env = new Map<string, string>();
  for (const text of [
    ...(first.env ?? []),
    ...(who.home === undefined ? [] : [`HOME=${who.home}`]),
    ...(o.tty ? ["TERM=xterm"] : []),
    ...(o.env ?? []),
  ])
    if (text.includes("=")) env.set(text.slice(0, text.indexOf("=")), text);
  const capabilities = processCapabilities(mask);
  return {
    ...first,
    terminal: o.tty ?? false,
    ...(o.terminalSize === undefined
      ? {}
      : { consoleSize: { height: o.terminalSize.rows, width: o.terminalSize.columns } }),
    user: { uid: who.uid, gid: who.gid, additionalGids: who.additionalGids ?? [] },
    args: o.command,
    env: [...env.values()],
    cwd: o.workdir ?? first.cwd,
    capabilities: who.uid === 0 ? capabilities : { ...capabilities, effective: [], permitted: [] },
  };
}

function maskOf(first: Process): bigint {
  return capabilityMask((first.capabilities?.bounding ?? []).map((name) => parseCapability(name)));
}

/** By the passwd and group files that the container has now. */
function userInside(record: ContainerRecord, user: string): ResolvedUser {
  const root = `/proc/${record.process!.pid}/root`;
  return containerUser({ user, groupAdd: record.options.groupAdd ?? [], root: { directory: root } });
}

function joinSteps(record: ContainerRecord): readonly Step[] {
  return cgroupSteps({
    layout: hostFacts().layout,
    path: cgroupPath(record.id),
    resources: record.options.resources ?? {},
    because: { option: "exec", why: "it counts against the container's limits" },
  }).join;
}

/** The namespaces that the container does not share with this process. */
function ownNamespaces(pid: number): NamespaceType[] {
  const theirs = readNamespaces(pid);
  const ours = readNamespaces("self");
  return (Object.keys(theirs) as NamespaceType[]).filter((type) => theirs[type] !== ours[type]);
}
