import { CgroupError } from "./cgroups-error.ts";

/** What a cgroup can control, by the v2 name; `io` is v1's `blkio`. */
export type Controller =
  | "cpu"
  | "cpuacct"
  | "cpuset"
  | "memory"
  | "pids"
  | "io"
  | "hugetlb"
  | "rdma"
  | "devices"
  | "freezer"
  | "net_cls"
  | "net_prio";

/** A mounted tree of cgroups. Two controllers may share one (`cpu,cpuacct`); on v2 all do. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Where it is mounted: `/sys/fs/cgroup/memory`. */
  readonly mount: string;
  /** Which of its directories is mounted there: `/` unless a part of it was bound. */
  readonly root: string;
  /** False when it is mounted read-only, as inside an ordinary container. */
  readonly writable: boolean;
}

export interface Layout {
  /** `v1`: controllers in trees of their own. `v2`: one tree. `hybrid`: v1 trees beside a v2 tree. */
  readonly kind: "v1" | "hybrid" | "v2";
  /** Where each controller is to be found; one that is missing cannot be used here. */
  readonly controllers: Readonly<Partial<Record<Controller, Hierarchy>>>;
  /** The v2 tree, also where it has no controllers. */
  readonly unified: Hierarchy | undefined;
  /** Who weighs block I/O: the BFQ scheduler's files or the kernel's generic ones. */
  readonly ioWeight: "bfq" | "generic";
  /** This process's own cgroup in each tree, by the tree's mount; container cgroups are not made below it. */
  readonly own: ReadonlyMap<string, string>;
}

const v1Names: ReadonlyMap<string, Controller> = new Map([
  ["cpu", "cpu"],
  ["cpuacct", "cpuacct"],
  ["cpuset", "cpuset"],
  ["memory", "memory"],
  ["pids", "pids"],
  ["blkio", "io"],
  ["hugetlb", "hugetlb"],
  ["rdma", "rdma"],
  ["devices", "devices"],
  ["freezer", "freezer"],
  ["net_cls", "net_cls"],
  ["net_prio", "net_prio"],
]);

const v2Names: ReadonlyMap<string, Controller> = new Map([
  ["cpu", "cpu"],
  ["cpuset", "cpuset"],
  ["memory", "memory"],
  ["pids", "pids"],
  ["io", "io"],
  ["hugetlb", "hugetlb"],
  ["rdma", "rdma"],
]);

// v2 does these in every cgroup, without a controller to enable: cgroup.freeze, device programs, cpu.stat.
const v2Always = ["freezer", "devices", "cpuacct"] as const;

interface Mounted {
  readonly hierarchy: Hierarchy;
  readonly controllers: readonly string[];
}

/**
 * Read which cgroup trees there are.
 * @param text.mountinfo  /proc/self/mountinfo
 * @param text.cgroup  /proc/self/cgroup
 * @param text.unifiedControllers  the v2 tree's `cgroup.controllers`, empty without a v2 tree
 * @throws {CgroupError} `ERR_CGROUPS_LAYOUT` when no tree with controllers is mounted
 * @see cgroups(7); proc_pid_mountinfo(5); Linux Documentation/admin-guide/cgroup-v2.rst, "Mounting"
 */
export function parseLayout(text: {
  readonly mountinfo: string;
  readonly cgroup: string;
  readonly unifiedControllers: string;
  readonly ioWeight?: "bfq" | "generic";
}): Layout {
  const mounted = text.mountinfo.split("\n").flatMap(parseMount);
  const unified = best(mounted.filter((it) => it.hierarchy.version === 2))?.hierarchy;
  const controllers: Partial<Record<Controller, Hierarchy>> = {};
  for (const [name, controller] of v1Names) {
    const found = best(mounted.filter((it) => it.hierarchy.version === 1 && it.controllers.includes(name)));
    if (found !== undefined) controllers[controller] = found.hierarchy;
  }
  const hasV1 = Object.keys(controllers).length > 0;
  if (unified !== undefined) addUnified(controllers, unified, text.unifiedControllers);
  else if (!hasV1)
    throw new CgroupError("no cgroup file system is mounted", {
      code: "ERR_CGROUPS_LAYOUT",
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
  return {
    kind: unified === undefined ? "v1" : hasV1 ? "hybrid" : "v2",
    controllers,
    unified,
    ioWeight: text.ioWeight ?? (controllers.io?.version === 1 ? "bfq" : "generic"),
    own: parseOwn(text.cgroup, controllers, unified),
  };
}

/** A controller belongs to one tree only; one that v1 does not hold is in the v2 tree. */
function addUnified(controllers: Partial<Record<Controller, Hierarchy>>, unified: Hierarchy, names: string): void {
  for (const name of names.split(/\s+/)) {
    const controller = v2Names.get(name);
    if (controller !== undefined) controllers[controller] ??= unified;
  }
  for (const controller of v2Always) controllers[controller] ??= unified;
}

/** The mount that everybody means: whole trees before parts, /sys/fs/cgroup before other places. */
function best(mounted: readonly Mounted[]): Mounted | undefined {
  const rank = ({ hierarchy }: Mounted): number =>
    (hierarchy.root === "/" ? 0 : 2) + (hierarchy.mount.startsWith("/sys/fs/cgroup") ? 0 : 1);
  return mounted.toSorted((a, b) => rank(a) - rank(b))[0];
}

// 36 35 0:28 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
function parseMount(line: string): Mounted[] {
  const [left, right] = line.split(" - ");
  if (left === undefined || right === undefined) return [];
  const [, , , root, mount, options] = left.split(" ");
  const [type, , superOptions] = right.split(" ");
  if (type !== "cgroup" && type !== "cgroup2") return [];
  if (root === undefined || mount === undefined || options === undefined || superOptions === undefined) return [];
  const readOnly = [...options.split(","), ...superOptions.split(",")].includes("ro");
  const hierarchy: Hierarchy = {
    version: type === "cgroup" ? 1 : 2,
    mount: unescapePath(mount),
    root: unescapePath(root),
    writable: !readOnly,
  };
  return [{ hierarchy, controllers: type === "cgroup" ? superOptions.split(",") : [] }];
}

// mountinfo writes space, tab, newline and backslash as three octal digits.
const unescapePath = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

// "4:memory:/a" for v1, "1:cpu,cpuacct:/a" when shared, "0::/a" for v2
function parseOwn(
  text: string,
  controllers: Layout["controllers"],
  unified: Hierarchy | undefined,
): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, names, ...path] = line.split(":");
    if (names === undefined || path.length === 0) continue;
    const hierarchy = names === "" ? unified : holder(names, controllers);
    if (hierarchy !== undefined) own.set(hierarchy.mount, path.join(":"));
  }
  return own;
}

function holder(names: string, controllers: Layout["controllers"]): Hierarchy | undefined {
  for (const name of names.split(",")) {
    const controller = v1Names.get(name);
    const found = controller === undefined ? undefined : controllers[controller];
    if (found?.version === 1) return found;
  }
  return undefined;
}
