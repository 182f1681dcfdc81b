import { type Cgroup, createCgroup } from "@ctr/cgroups";
import { type Child, type Ending, isKernelError, KernelError, type StepTime, start } from "@ctr/kernel";
import { writeIdMaps } from "@ctr/namespaces";
import type { RuntimeConfig } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { type ContainerPlan, containerPlan, networkBarrier, userNamespaceBarrier } from "./container-plan.ts";
import { type HostFacts, hostFacts } from "./host-facts.ts";
import { RuntimeError } from "./runtime-error.ts";

/** The part of a start that every way of starting shares. */
export interface ContainerOptions {
  readonly config: RuntimeConfig;
  /** Absolute path of the rootfs. */
  readonly rootfs: string;
  /** Steps that mount the rootfs, from @ctr/overlayfs; a plain directory needs none. */
  readonly mountRoot?: readonly Step[];
  /** Steps from @ctr/network for inside, and what the parent does for them once the first process exists. */
  readonly network?: { readonly steps: readonly Step[]; readonly connect: (pid: number) => void | Promise<void> };
  readonly init?: boolean;
  /** Make the working directory when it is missing, as Docker does. */
  readonly createCwd?: boolean;
}

/** A plan and the cgroup that was made for it. Nothing runs yet; `discard` takes the cgroup away again. */
export interface PreparedContainer {
  readonly plan: ContainerPlan;
  readonly cgroup: Cgroup;
  readonly facts: HostFacts;
  readonly barriers: Readonly<Record<string, (pid: number) => void | Promise<void>>>;
  discard(): Promise<void>;
}

let unnamed = 0; // containers without a cgroupsPath, several of which may start in one millisecond

/**
 * Make a container's cgroup and the plan of its start.
 *
 * @throws {CgroupError} {@link RuntimeError} what cannot be done, in the option's words
 */
export async function prepareContainer(
  o: ContainerOptions & { readonly consoleFd?: number; readonly barrier?: string },
): Promise<PreparedContainer> {
  const facts = hostFacts();
  const cgroup = await createCgroup({
    layout: facts.layout,
    path: o.config.linux?.cgroupsPath ?? `/ctr/${process.pid}-${Date.now().toString(36)}-${++unnamed}`,
    resources: o.config.linux?.resources ?? {},
    intoCgroup: true,
  });
  try {
    const plan = planOf(o, facts, cgroup.joinSteps);
    return { plan, cgroup, facts, barriers: barriersOf(o), discard: () => cgroup.remove() };
  } catch (error) {
    await cgroup.remove();
    throw error;
  }
}

/** The plan alone, for `--explain` and `--dry-run`: nothing is made. */
export function planOf(
  o: ContainerOptions & { readonly consoleFd?: number; readonly barrier?: string },
  facts: HostFacts,
  joinCgroup: readonly Step[],
): ContainerPlan {
  return containerPlan({
    config: o.config,
    rootfs: o.rootfs,
    ...(o.mountRoot === undefined ? {} : { mountRoot: o.mountRoot }),
    joinCgroup,
    cgroupTrees: facts.cgroupTrees,
    ...(o.network === undefined ? {} : { network: o.network.steps }),
    isFile: facts.isFile,
    machine: facts.machine,
    available: facts.available,
    init: o.init ?? false,
    ...(o.consoleFd === undefined ? {} : { consoleFd: o.consoleFd }),
    ...(o.barrier === undefined ? {} : { barrier: o.barrier }),
    createCwd: o.createCwd ?? false,
  });
}

function barriersOf(o: ContainerOptions): PreparedContainer["barriers"] {
  const linux = o.config.linux ?? {};
  return {
    [userNamespaceBarrier]: (pid) => writeIdMaps(pid, { uid: linux.uidMappings ?? [], gid: linux.gidMappings ?? [] }),
    [networkBarrier]: (pid) => o.network?.connect(pid),
  };
}

export interface RunOptions extends ContainerOptions {
  /** fds that become the program's; this process's own by default. */
  readonly stdio?: readonly [number, number, number];
  readonly timing?: boolean;
}

/** A container whose first process is a child of this process. */
export interface RunningContainer extends AsyncDisposable {
  readonly pid: number;
  readonly cgroup: Cgroup;
  /** Master of its terminal, owned by the caller, when `process.terminal` is set. */
  readonly terminal: number | undefined;
  kill(signal: NodeJS.Signals | number): void;
  /** How it ended. Its cgroup is gone then. */
  ended(): Promise<Ending>;
  timing(): StepTime[];
}

/**
 * Run a container as a child of this process. Resolves once its program runs.
 *
 * @throws {RuntimeError} `ERR_RUNTIME_PROGRAM_MISSING` (exit code 127), `ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE` (126)
 * @throws {KernelError} another step that failed. Nothing is left then.
 */
export async function run(o: RunOptions): Promise<RunningContainer> {
  const prepared = await prepareContainer(o);
  const { cgroup } = prepared;
  let child: Child;
  try {
    child = await start({
      steps: prepared.plan.steps,
      namespaces: prepared.plan.namespaces,
      ...(cgroup.directoryFd >= 0 ? { cgroup: cgroup.directoryFd } : {}),
      ...(o.stdio === undefined ? {} : { stdio: o.stdio }),
      barriers: prepared.barriers,
      timing: o.timing ?? false,
    });
    await child.running;
  } catch (error) {
    await cgroup.remove();
    throw programError(error);
  }
  let ending: Promise<Ending> | undefined;
  const waitForEnd = async (): Promise<Ending> => {
    const how = await child.ended();
    await cgroup.remove();
    return how;
  };
  const ended = (): Promise<Ending> => {
    ending ??= waitForEnd();
    return ending;
  };
  return {
    pid: child.pid,
    cgroup,
    terminal: child.terminal,
    kill: (signal) => child.kill(signal),
    ended,
    timing: () => child.timing(),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!isKernelError(error)) throw error; // it had ended
      }
      await ended();
    },
  };
}

/** What a failed exec step means to people: the program is missing, or cannot be executed. Other errors stay. */
export function programError(error: unknown): unknown {
  if (!(error instanceof KernelError) || error.step?.do !== "exec") return error;
  const name = JSON.stringify(error.step.argv[0]);
  const failed = `exec: ${name}:`;
  switch (error.symbol) {
    case "ENOENT":
    case "ENOTDIR": {
      const why = error.step.argv[0]!.includes("/")
        ? "no such file or directory in the container (or the interpreter that it names is missing)"
        : "executable file not found in $PATH";
      return new RuntimeError("ERR_RUNTIME_PROGRAM_MISSING", `${failed} ${why}`, { cause: error, exitCode: 127 });
    }
    case "EACCES":
    case "ENOEXEC":
    case "EISDIR": {
      const why =
        error.symbol === "ENOEXEC"
          ? "exec format error: no program for this machine, and no #! line"
          : "permission denied: it is not executable";
      return new RuntimeError("ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE", `${failed} ${why}`, {
        cause: error,
        exitCode: 126,
      });
    }
    default:
      return error;
  }
}
