import type { Namespace } from "@ctr/oci";
import type { NamespaceType, Step } from "@ctr/plan";
import { NamespacesError } from "./namespaces-error.ts";

export interface NamespacePlan {
  /** The child is born in new ones of these. */
  readonly clone: readonly NamespaceType[];
  /** First of all, before anything is mounted: enter the ones that others have. */
  readonly join: readonly Step[];
  /** Enters a joined PID namespace: only a child of whoever joins is in it. */
  readonly fork: boolean;
  /** New namespaces that must come later: the cgroup namespace roots itself at where the process is by then. */
  readonly unshare: readonly Step[];
}

const why: Readonly<Record<NamespaceType, string>> = {
  mount: "mounts are the container's own",
  pid: "the container sees only its own processes, the first as PID 1",
  network: "interfaces, addresses and ports of its own",
  ipc: "shared memory and queues of its own",
  uts: "a hostname of its own",
  user: "root inside is somebody else outside",
  cgroup: "the container's cgroup looks like the root",
  time: "clocks that count from elsewhere",
};

// A user namespace is joined first: the rights over the others come with it.
const joinOrder: readonly NamespaceType[] = ["user", "ipc", "uts", "network", "pid", "cgroup", "time", "mount"];

/**
 * Which namespaces to make, join and when.
 *
 * @param namespaces  `linux.namespaces`: without a path a new one, with a path that one, absent the caller's
 * @throws {NamespacesError} `ERR_NAMESPACES_DUPLICATE`
 * @see runtime-spec config-linux.md#namespaces; namespaces(7)
 */
export function namespacePlan(namespaces: readonly Namespace[]): NamespacePlan {
  const seen = new Set<string>();
  for (const { type } of namespaces) {
    if (seen.has(type)) throw new NamespacesError("ERR_NAMESPACES_DUPLICATE", `linux.namespaces names ${type} twice`);
    seen.add(type);
  }
  const late: readonly NamespaceType[] = ["cgroup", "time"];
  const made = namespaces.filter((one) => one.path === undefined).map((one) => one.type);
  const joined = namespaces.filter((one) => one.path !== undefined);
  joined.sort((a, b) => joinOrder.indexOf(a.type) - joinOrder.indexOf(b.type));
  return {
    clone: made.filter((type) => !late.includes(type)),
    join: joined.map((one) => ({
      do: "joinNamespace",
      type: one.type,
      path: one.path!,
      because: { option: `linux.namespaces.${one.type}.path`, why: `shares the ${one.type} namespace` },
    })),
    fork: joined.some((one) => one.type === "pid"),
    unshare: made
      .filter((type) => late.includes(type))
      .map((type) => ({
        do: "unshare",
        types: [type],
        because: { option: `linux.namespaces.${type}`, why: why[type] },
      })),
  };
}
