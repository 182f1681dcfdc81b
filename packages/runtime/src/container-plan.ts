import { namespacePlan, timeOffsetSteps } from "@ctr/namespaces/steps";
import type { RuntimeConfig } from "@ctr/oci";
import type { NamespaceType, Step } from "@ctr/plan";
import { type CgroupTree, rootfsSteps } from "@ctr/rootfs/steps";
import type { Machine } from "@ctr/seccomp/steps";
import { processSteps } from "./process-steps.ts";
import { RuntimeError } from "./runtime-error.ts";
import { sysctlSteps } from "./sysctl-steps.ts";

/** What the plan of a container's start is made from. */
export interface ContainerPlanOptions {
  readonly config: RuntimeConfig;
  /** Absolute path of the rootfs: `root.path` resolved, or where `mountRoot` mounts. */
  readonly rootfs: string;
  readonly mountRoot?: readonly Step[];
  /** From @ctr/cgroups: the child enters its cgroups itself. */
  readonly joinCgroup: readonly Step[];
  readonly cgroupTrees: readonly CgroupTree[];
  /** From @ctr/network: addresses and routes, done inside once the parent has made the interface. */
  readonly network?: readonly Step[];
  readonly isFile: (source: string) => boolean;
  readonly machine: Machine;
  readonly available: bigint;
  readonly init?: boolean;
  readonly consoleFd?: number;
  readonly preserveFds?: number;
  readonly barrier?: string;
  readonly createCwd?: boolean;
}

export interface ContainerPlan {
  /** The first process is born in new ones of these. */
  readonly namespaces: readonly NamespaceType[];
  readonly steps: readonly Step[];
}

/** Barriers where the parent has something to do. */
export const userNamespaceBarrier = "id maps";
export const networkBarrier = "network";

/**
 * Join what every mechanism contributes into one plan. Pure: the same configuration gives the same plan.
 *
 * @throws {RuntimeError} `ERR_RUNTIME_CONFIG`, `ERR_RUNTIME_UNSUPPORTED`; and the errors of the mechanisms
 */
export function containerPlan(o: ContainerPlanOptions): ContainerPlan {
  const { config } = o;
  const linux = config.linux ?? {};
  if (config.process === undefined) throw new RuntimeError("ERR_RUNTIME_CONFIG", "the configuration has no process");
  refuseUnsupported(config);
  const namespaces = namespacePlan(linux.namespaces ?? []);
  if (!namespaces.clone.includes("mount"))
    throw new RuntimeError(
      "ERR_RUNTIME_UNSUPPORTED",
      "a container without a mount namespace of its own would pivot the host's root",
    );
  const userNamespace =
    namespaces.clone.includes("user") ||
    namespaces.join.some((step) => step.do === "joinNamespace" && step.type === "user");
  const rootfs = rootfsSteps({
    config,
    path: o.rootfs,
    ...(o.mountRoot === undefined ? {} : { mountRoot: o.mountRoot }),
    cgroupTrees: o.cgroupTrees,
    isFile: o.isFile,
    userNamespace,
  });
  return {
    namespaces: namespaces.clone,
    steps: [
      ...o.joinCgroup,
      ...oomScore(config),
      ...namespaces.join,
      ...(namespaces.fork ? [forkStep] : []),
      ...(namespaces.clone.includes("user") ? becomeRoot : []),
      ...namespaces.unshare,
      ...(linux.timeOffsets === undefined ? [] : timeOffsetSteps(linux.timeOffsets)),
      { do: "newSession", because: { option: "default", why: "the caller's terminal is out of reach" } },
      { do: "newKeyring", name: "ctr", because: { option: "default", why: "the caller's keys are out of reach" } },
      ...names(config),
      ...rootfs.fill,
      ...sysctlSteps(linux.sysctl ?? {}, linux.namespaces ?? []),
      ...networkSteps(o.network),
      ...rootfs.protect,
      ...rootfs.pivot,
      ...processSteps({
        process: config.process,
        seccomp: linux.seccomp,
        machine: o.machine,
        available: o.available,
        preserveFds: o.preserveFds ?? 0,
        init: o.init ?? false,
        consoleFd: o.consoleFd ?? -1,
        barrier: o.barrier,
        createCwd: o.createCwd ?? false,
      }),
    ],
  };
}

const forkStep: Step = {
  do: "fork",
  because: { option: "linux.namespaces.pid.path", why: "only children are in a joined PID namespace" },
};

const becomeRoot: readonly Step[] = [
  {
    do: "barrier",
    name: userNamespaceBarrier,
    because: { option: "linux.uidMappings", why: "only the parent may fill the id maps" },
  },
  {
    do: "setUser",
    uid: 0,
    gid: 0,
    groups: [],
    because: { option: "linux.uidMappings", why: "root of its user namespace sets the container up" },
  },
];

function networkSteps(steps: readonly Step[] | undefined): Step[] {
  if (steps === undefined) return [];
  const because = { option: "--network", why: "the parent makes the interface meanwhile" };
  return [{ do: "barrier", name: networkBarrier, because }, ...steps];
}

function oomScore(config: RuntimeConfig): Step[] {
  const score = config.process?.oomScoreAdj;
  if (score === undefined) return [];
  const because = { option: "process.oomScoreAdj", why: "who goes first when memory runs out" };
  return [{ do: "write", path: "/proc/self/oom_score_adj", text: String(score), because }];
}

function names(config: RuntimeConfig): Step[] {
  const steps: Step[] = [];
  if (config.hostname)
    steps.push({ do: "setHostname", name: config.hostname, because: { option: "hostname", why: "its name" } });
  if (config.domainname)
    steps.push({ do: "setDomainname", name: config.domainname, because: { option: "domainname", why: "its domain" } });
  return steps;
}

/** What is not done yet is an error, never ignored. */
function refuseUnsupported(config: RuntimeConfig): void {
  const { process, linux, hooks } = config;
  const asked: readonly (readonly [string, unknown])[] = [
    ["process.apparmorProfile", process?.apparmorProfile],
    ["process.selinuxLabel", process?.selinuxLabel],
    ["process.scheduler", process?.scheduler],
    ["process.ioPriority", process?.ioPriority],
    ["linux.mountLabel", linux?.mountLabel],
    ["linux.intelRdt", linux?.intelRdt],
    ["linux.memoryPolicy", linux?.memoryPolicy],
    ["linux.personality", linux?.personality],
    ["linux.netDevices", linux?.netDevices],
    ["hooks", Object.values(hooks ?? {}).some((list) => (list?.length ?? 0) > 0) || undefined],
  ];
  const found = asked.filter(([, value]) => value !== undefined && value !== "").map(([name]) => name);
  if (found.length > 0)
    throw new RuntimeError(
      "ERR_RUNTIME_UNSUPPORTED",
      `the configuration asks for ${found.join(", ")}, which this runtime does not do yet`,
    );
}
