import type { PortMapping } from "@ctr/network";
import type { LinuxResources, Mount, Rlimit, TimeOffsets } from "@ctr/oci";

/** A container as its user asks for it. What is left out comes from the image, then from Docker's defaults. */
export interface CreateOptions {
  /** A reference or an id; or `rootfs`. */
  readonly image?: string;
  /** A directory that is the root as it is: writes go into it. */
  readonly rootfs?: string;
  readonly name?: string;
  readonly command?: readonly string[];
  /** Replaces ENTRYPOINT; the image's CMD is dropped then. An empty list runs the command alone. */
  readonly entrypoint?: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly groupAdd?: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  /** Keep standard input open. */
  readonly interactive?: boolean;
  /** Size of the terminal at the start. */
  readonly terminalSize?: { readonly rows: number; readonly columns: number };
  readonly init?: boolean;
  readonly autoRemove?: boolean;
  /** With `autoRemove`: it is started at once, so housekeeping removes it when the process that made it died before it could. */
  readonly startsAtOnce?: boolean;
  readonly readOnly?: boolean;
  readonly privileged?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  /** `default`, `unconfined`, or the text of a profile. */
  readonly seccomp?: string;
  /** Binds, already resolved to OCI mounts. */
  readonly mounts?: readonly Mount[];
  readonly resources?: LinuxResources;
  readonly oomScoreAdj?: number;
  readonly rlimits?: readonly Rlimit[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly shmBytes?: number;
  readonly network?: NetworkMode;
  readonly ports?: readonly PortMapping[];
  readonly dns?: readonly string[];
  readonly addHosts?: readonly string[];
  /** Namespaces that stay the host's, or are another container's. */
  readonly share?: Readonly<Partial<Record<"pid" | "ipc" | "uts" | "cgroup", "host" | { readonly container: string }>>>;
  readonly userNamespace?: { readonly hostID: number; readonly size: number };
  readonly timeOffsets?: TimeOffsets;
  readonly stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopTimeout?: number;
  /** Bytes of log that are kept, twice. */
  readonly logLimit?: number;
}

export type NetworkMode = "bridge" | "none" | "host" | { readonly container: string };
