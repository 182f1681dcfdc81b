import type { Process, Seccomp } from "@ctr/oci";
import type { NamespaceType, Step } from "@ctr/plan";
import type { Machine } from "@ctr/seccomp/steps";
import { processSteps } from "./process-steps.ts";

/**
 * The plan of one more process in a running container. It begins outside: its first steps take it into the
 * container's cgroups and namespaces.
 *
 * @param o.pidfd  number under which the child inherits a pidfd of the container's first process
 * @param o.types  the namespaces that the container does not share with the host
 */
export function execPlan(o: {
  readonly process: Process;
  readonly seccomp: Seccomp | undefined;
  readonly joinCgroup: readonly Step[];
  readonly pidfd: number;
  readonly types: readonly NamespaceType[];
  readonly machine: Machine;
  readonly available: bigint;
  readonly consoleFd?: number;
}): Step[] {
  const because = { option: "exec", why: "a process beside the container's first" };
  return [
    ...o.joinCgroup,
    { do: "joinProcess", pidfd: o.pidfd, types: o.types, because },
    { do: "fork", because: { option: "exec", why: "only children are in a joined PID namespace" } },
    { do: "newSession", because: { option: "default", why: "the caller's terminal is out of reach" } },
    { do: "newKeyring", name: "ctr", because: { option: "default", why: "the caller's keys are out of reach" } },
    { do: "enterRootfs", path: "/", because },
    ...processSteps({
      process: o.process,
      seccomp: o.seccomp,
      machine: o.machine,
      available: o.available,
      preserveFds: 0,
      init: false,
      consoleFd: o.consoleFd ?? -1,
      barrier: undefined,
      createCwd: false,
    }),
  ];
}
