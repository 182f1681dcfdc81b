import { capabilitySteps } from "@ctr/capabilities/steps";
import type { Process, Rlimit, Seccomp } from "@ctr/oci";
import { limitNumbers, type Reason, type ResourceLimit, type Step } from "@ctr/plan";
import { type Machine, seccompSteps } from "@ctr/seccomp/steps";
import { RuntimeError } from "./runtime-error.ts";

export interface ProcessOptions {
  readonly process: Process;
  readonly seccomp: Seccomp | undefined;
  readonly machine: Machine;
  /** Bounding set of whoever performs the plan. */
  readonly available: bigint;
  /** fds that the program keeps above 2. */
  readonly preserveFds: number;
  /** Stay as PID 1 and run the program as a child. */
  readonly init: boolean;
  /** Inherited socket that gets the master of the terminal. */
  readonly consoleFd: number;
  /** Where the process waits until it is started; none for one that runs at once. */
  readonly barrier: string | undefined;
  /** Make the working directory when it is missing, as Docker does. */
  readonly createCwd: boolean;
}

/**
 * The steps from inside a finished root to the running program: terminal, limits, directory, and then every
 * privilege is given up before the program is executed.
 *
 * @throws {RuntimeError} `ERR_RUNTIME_CONFIG`
 */
export function processSteps(o: ProcessOptions): Step[] {
  const { process } = o;
  if (process.args === undefined || process.args.length === 0)
    throw new RuntimeError("ERR_RUNTIME_CONFIG", "process.args is empty: there is nothing to run");
  const capabilities = capabilitySteps({
    capabilities: process.capabilities,
    available: o.available,
    because: { option: "process.capabilities", why: "root's power in pieces; the container has these" },
  });
  const seccomp = seccompStep(o);
  // Loading a filter needs CAP_SYS_ADMIN unless new privileges are given up first (seccomp(2)).
  const early = process.noNewPrivileges ? [] : seccomp;
  const late = process.noNewPrivileges ? seccomp : [];
  return [
    ...terminal(o),
    ...(process.rlimits ?? []).map(limit),
    umask(process),
    {
      do: "changeDirectory",
      path: process.cwd,
      create: o.createCwd,
      because: { option: "process.cwd", why: "the program starts here" },
    },
    ...(o.barrier === undefined
      ? []
      : [
          {
            do: "barrier",
            name: o.barrier,
            because: { option: "default", why: "created; start lets it go on" },
          } as const,
        ]),
    ...capabilities.beforeUser,
    ...noNewPrivileges(process),
    ...early,
    user(process),
    ...capabilities.afterUser,
    ...late,
    // PID 1 has given everything up too: a program that may trace it must not find more there than it has itself.
    ...(o.init ? [initStep] : []),
    {
      do: "closeOthers",
      from: 3 + o.preserveFds,
      because: { option: "default", why: "the program inherits nothing of ours" },
    },
    {
      do: "exec",
      argv: process.args,
      env: process.env ?? [],
      because: { option: "process.args", why: "the container's program" },
    },
  ];
}

const initStep: Step = {
  do: "becomeInit",
  because: { option: "--init", why: "orphans are reaped and signals are handed on" },
};

// Containers of one process usually share a profile, and compiling one takes as long as all system calls of a start.
const filters = new WeakMap<Seccomp, { readonly machine: Machine; readonly steps: Step[] }>();

function seccompStep(o: ProcessOptions): Step[] {
  if (o.seccomp === undefined) return [];
  const known = filters.get(o.seccomp);
  if (known?.machine === o.machine) return known.steps;
  const because: Reason = { option: "linux.seccomp", why: "system calls that it does not need are refused" };
  const steps = seccompSteps({ profile: o.seccomp, architecture: o.machine, because });
  filters.set(o.seccomp, { machine: o.machine, steps });
  return steps;
}

function terminal(o: ProcessOptions): Step[] {
  if (!o.process.terminal) return [];
  return [
    {
      do: "openTerminal",
      send: o.consoleFd,
      rows: o.process.consoleSize?.height ?? 0,
      columns: o.process.consoleSize?.width ?? 0,
      uid: o.process.user.uid,
      because: { option: "process.terminal", why: "the program talks to a terminal" },
    },
  ];
}

function limit(rlimit: Rlimit): Step {
  const type = rlimit.type.replace(/^RLIMIT_/, "").toLowerCase();
  if (!Object.hasOwn(limitNumbers, type))
    throw new RuntimeError("ERR_RUNTIME_CONFIG", `process.rlimits: there is no limit ${JSON.stringify(rlimit.type)}`);
  return {
    do: "setLimit",
    type: type as ResourceLimit,
    soft: BigInt(rlimit.soft),
    hard: BigInt(rlimit.hard),
    because: { option: "process.rlimits", why: `how much ${type} one process may use` },
  };
}

function umask(process: Process): Step {
  const given = process.user.umask;
  const because: Reason =
    given === undefined
      ? { option: "default", why: "new files are not writable by others" }
      : { option: "process.user.umask", why: "as asked" };
  return { do: "setUmask", mask: given ?? 0o022, because };
}

function noNewPrivileges(process: Process): Step[] {
  if (!process.noNewPrivileges) return [];
  return [
    {
      do: "setNoNewPrivileges",
      because: { option: "process.noNewPrivileges", why: "set-user-ID programs give nothing" },
    },
  ];
}

function user(process: Process): Step {
  const { uid, gid, additionalGids = [] } = process.user;
  return {
    do: "setUser",
    uid,
    gid,
    groups: additionalGids,
    because: { option: "process.user", why: "who the program runs as" },
  };
}
