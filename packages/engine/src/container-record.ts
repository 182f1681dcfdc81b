import type { Digest } from "@ctr/oci";
import type { CreateOptions } from "./create-options.ts";

/**
 * creating → created → starting → running → finishing → exited → removing
 *
 * `creating`, `starting`, `finishing` and `removing` belong to a process that is doing it; when it is gone, housekeeping
 * takes the container back to something that can be explained.
 */
export type ContainerState = "creating" | "created" | "starting" | "running" | "finishing" | "exited" | "removing";

/** A process by number and birth, so that the number cannot come to mean another. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: number;
}

/** All that is known of a container. Kept as JSON in the state database. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly state: ContainerState;
  readonly options: CreateOptions;
  /** As it was asked for; the id that it meant then is `imageId`. Both absent with `--rootfs`. */
  readonly image: string | undefined;
  readonly imageId: Digest | undefined;
  readonly chainId: Digest | undefined;
  /** What runs: ENTRYPOINT and CMD with what replaced them. */
  readonly args: readonly string[];
  readonly stopSignal: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** Who is creating, starting or removing it. */
  readonly owner?: ProcessId;
  /** Who is giving back what its last start took. */
  readonly finisher?: ProcessId;
  /** Who has stopped its processes for a while. */
  readonly frozenBy?: ProcessId | undefined;
  /** Who is writing into its files while it does not run. */
  readonly treeUser?: ProcessId | undefined;
  /** Its first process. */
  readonly process?: ProcessId;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  /** Why it could not be started. */
  readonly error?: string;
  readonly address?: string;
  readonly gateway?: string;
  readonly mac?: string;
  /** `8080/tcp` on the host's side and the container's. */
  readonly ports?: readonly {
    readonly hostIp: string;
    readonly hostPort: number;
    readonly containerPort: number;
    readonly protocol: string;
  }[];
}
