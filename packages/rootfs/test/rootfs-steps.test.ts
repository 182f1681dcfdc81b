import type { Mount, RuntimeConfig } from "@ctr/oci";
import { explainStep, type Step } from "@ctr/plan";
import { expect, test } from "vitest";
import {
  defaultMaskedPaths,
  defaultMounts,
  defaultReadonlyPaths,
  type RootfsOptions,
  rootfsSteps,
} from "../src/steps.ts";

const config = (changes: Partial<RuntimeConfig>): RuntimeConfig => ({
  ociVersion: "1.2.1",
  root: { path: "rootfs" },
  ...changes,
});
const make = (changes: Partial<RuntimeConfig>, more: Partial<RootfsOptions> = {}): ReturnType<typeof rootfsSteps> =>
  rootfsSteps({
    config: config(changes),
    path: "/r",
    cgroupTrees: [],
    isFile: () => false,
    userNamespace: false,
    ...more,
  });
const words = (steps: readonly Step[]): string[] => steps.map(explainStep);
const mountsAt = (steps: readonly Step[], target: string): Step[] =>
  steps.filter((step) => step.do === "mount" && step.target === target);

test("first the host is out of reach, then the root is a mount of its own, then all paths are inside of it", () => {
  expect(words(make({}).fill).slice(0, 3)).toEqual([
    "make / slave, and all below",
    "bind /r at /r (recursive, private)",
    "‹rootfs› is /r",
  ]);
});

test("what mounts the root replaces the bind on itself", () => {
  const because = { option: "image", why: "layers" };
  const mountRoot: Step[] = [{ do: "attach", fd: 7, in: "host", target: "/r", because }];
  expect(words(make({}, { mountRoot }).fill)[1]).toBe("attach the mount behind fd 7 at /r");
});

const propagations = [
  { word: undefined, first: "make / slave, and all below", after: [], why: "what the host mounts later is seen" },
  { word: "private", first: "make / private", after: [], why: "nothing of the host is" },
  { word: "rslave", first: "make / slave, and all below", after: [], why: "asked for" },
  {
    word: "shared",
    first: "make / slave",
    after: ["make ‹rootfs›/ shared"],
    why: "pivot_root(2) refuses a shared root: it becomes one after",
  },
  {
    word: "runbindable",
    first: "make / unbindable, and all below",
    after: ["make ‹rootfs›/ unbindable, and all below"],
    why: "the same",
  },
] as const;
for (const { word, first, after, why } of propagations)
  test(`rootfsPropagation ${word}: ${why}`, () => {
    const { fill, pivot } = make(word === undefined ? {} : { linux: { rootfsPropagation: word } });
    expect(words(fill)[0]).toBe(first);
    expect(words(pivot).slice(1)).toEqual(after);
  });

test("the order of the mounts is the configuration's, and each says which it is", () => {
  const mounts = defaultMounts({ shmBytes: 1 << 20, privileged: false }).filter(({ type }) => type !== "cgroup");
  const made = make({ mounts }).fill.filter((step) => step.do === "mount");
  expect(made.map((step) => step.do === "mount" && step.target)).toEqual(mounts.map(({ destination }) => destination));
  expect(made[2]?.because.option).toBe("mounts[2]");
});

const places = [
  { destination: "/proc", type: "proc", missing: "fixed", why: "the kernel's own place" },
  { destination: "/proc/", type: "proc", missing: "fixed", why: "a slash more" },
  { destination: "//proc", type: "proc", missing: "fixed", why: "a slash more before" },
  { destination: "/./proc/.", type: "proc", missing: "fixed", why: "dots that mean nothing" },
  { destination: "/x/../proc", type: "proc", missing: "fixed", why: "a way around" },
  { destination: "/sys", type: "sysfs", missing: "fixed", why: "too" },
  { destination: "/dev", type: "tmpfs", missing: "fixed", why: "too" },
  { destination: "/data", type: "tmpfs", missing: "directory", why: "a place of the image" },
  { destination: "/dev/shm", type: "tmpfs", missing: "directory", why: "in a /dev that is ours by then" },
] as const;
for (const { destination, type, missing, why } of places)
  test(`${destination}: a symlink there is ${missing === "fixed" ? "refused" : "resolved inside"}: ${why} (CVE-2019-19921)`, () => {
    const at = destination.includes("proc") ? "/proc" : destination;
    expect(mountsAt(make({ mounts: [{ destination, type }] }).fill, at)).toMatchObject([{ missing }]);
  });

test("a bind mount over /proc is a wish, not the kernel's place", () => {
  const mount: Mount = { destination: "/proc", source: "/proc", options: ["rbind"] };
  expect(make({ mounts: [mount] }).fill.find((step) => step.do === "bind" && step.target === "/proc")).toMatchObject({
    missing: "directory",
  });
});

test("devices and links come after the mounts; over a /dev of the host nothing is made", () => {
  const own = make({ mounts: [{ destination: "/dev", type: "tmpfs" }] }).fill;
  expect(words(own)).toContain("character node ‹rootfs›/dev/null 1:3, mode 0666");
  expect(words(own)).toContain("symlink ‹rootfs›/dev/ptmx → pts/ptmx");
  const bound = make({ mounts: [{ destination: "/dev", source: "/dev", options: ["rbind"] }] }).fill;
  expect(bound.filter((step) => step.do === "makeNode" || step.do === "makeSymlink")).toEqual([]);
});

test("in a user namespace the host's nodes are shown instead of made", () => {
  const { fill } = make({}, { userNamespace: true });
  expect(fill.filter((step) => step.do === "makeNode")).toEqual([]);
  expect(words(fill)).toContain("bind /dev/null at ‹rootfs›/dev/null");
});

test("a device that was asked for replaces the default of that name", () => {
  const device = { type: "b", path: "/dev/null", major: 7, minor: 0, fileMode: 0o600 } as const;
  const nodes = make({ linux: { devices: [device] } }).fill.filter(
    (step) => step.do === "makeNode" && step.path === "/dev/null",
  );
  expect(words(nodes)).toEqual(["block node ‹rootfs›/dev/null 7:0, mode 0600"]);
  expect(nodes[0]?.because.option).toBe("linux.devices");
});

const cgroup: Mount = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] };
test("cgroups, v2: one mount, made by its own type", () => {
  const { fill } = make({ mounts: [cgroup] }, { cgroupTrees: [{ name: "", type: "cgroup2", options: [] }] });
  expect(words(mountsAt(fill, "/sys/fs/cgroup"))).toEqual([
    "mount cgroup2 at ‹rootfs›/sys/fs/cgroup (readOnly, noSuid)",
  ]);
});

test("cgroups, v1: a tmpfs, the trees in it, and then it is closed", () => {
  const cgroupTrees = [
    { name: "memory", type: "cgroup", options: ["memory"] },
    { name: "systemd", type: "cgroup", options: ["name=systemd"] },
  ] as const;
  const { fill } = make({ mounts: [cgroup] }, { cgroupTrees });
  const from = fill.findIndex((step) => step.do === "mount");
  expect(words(fill.slice(from, from + 4))).toEqual([
    "mount tmpfs at ‹rootfs›/sys/fs/cgroup (mode=755, noSuid)",
    "mount cgroup at ‹rootfs›/sys/fs/cgroup/memory (memory, readOnly, noSuid)",
    "mount cgroup at ‹rootfs›/sys/fs/cgroup/systemd (name=systemd, readOnly, noSuid)",
    "make ‹rootfs›/sys/fs/cgroup readOnly",
  ]);
});

test("protection: read-only places, then hidden ones; a read-only root comes after the pivot", () => {
  const linux = { maskedPaths: defaultMaskedPaths, readonlyPaths: defaultReadonlyPaths };
  const { protect, pivot } = make({ root: { path: "rootfs", readonly: true }, linux });
  expect(protect.map((step) => step.do)).toEqual([
    ...defaultReadonlyPaths.map(() => "makeReadOnly"),
    ...defaultMaskedPaths.map(() => "mask"),
  ]);
  expect(pivot.map((step) => step.do)).toEqual(["pivotRoot", "setMount"]);
  expect(words(pivot)[1]).toBe("make ‹rootfs›/ readOnly");
});

test("the lists are moby's, with what its advisories added", () => {
  for (const path of [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/interrupts",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
  ])
    expect(defaultMaskedPaths).toContain(path);
  for (const path of ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"])
    expect(defaultReadonlyPaths).toContain(path);
});

test("privileged: the kernel's files are writable", () => {
  const closed = defaultMounts({ shmBytes: 5, privileged: false });
  const open = defaultMounts({ shmBytes: 5, privileged: true });
  for (const destination of ["/sys", "/sys/fs/cgroup"]) {
    expect(closed.find((mount) => mount.destination === destination)?.options).toContain("ro");
    expect(open.find((mount) => mount.destination === destination)?.options).toContain("rw");
  }
  expect(closed.find((mount) => mount.destination === "/dev/shm")?.options).toContain("size=5");
});
