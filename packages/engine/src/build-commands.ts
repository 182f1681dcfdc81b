import type { LinuxResources, Rlimit } from "@ctr/oci";
import type { CreateOptions } from "./create-options.ts";

/** What holds for every RUN of a build. */
export interface CommandSettings {
  /** `name:address`, as `--add-host` has it. */
  readonly addHosts?: readonly string[];
  readonly shmBytes?: number;
  readonly rlimits?: readonly Rlimit[];
  /** How much a command may use. It changes how long it takes, not what it does, and so is no reason to run it again. */
  readonly resources?: LinuxResources;
}

/** The part of it that a command can notice: a change runs it again. */
export function noticeableSettings(o: CommandSettings): Readonly<Record<string, string>> {
  const { addHosts = [], shmBytes, rlimits = [] } = o;
  return {
    ...(addHosts.length === 0 ? {} : { "--add-host": JSON.stringify(addHosts) }),
    ...(shmBytes === undefined ? {} : { "--shm-size": String(shmBytes) }),
    ...(rlimits.length === 0 ? {} : { "--ulimit": JSON.stringify(rlimits) }),
  };
}

/** The same for the container that a command is. */
export function containerSettings(o: CommandSettings): Partial<CreateOptions> {
  const { addHosts, shmBytes, rlimits, resources } = o;
  return {
    ...(addHosts === undefined ? {} : { addHosts }),
    ...(shmBytes === undefined ? {} : { shmBytes }),
    ...(rlimits === undefined ? {} : { rlimits }),
    ...(resources === undefined ? {} : { resources }),
  };
}
