import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeJson, isOciError, parseContainerState, parseRuntimeConfig, type RuntimeConfig } from "../src/index.ts";

const full: RuntimeConfig = {
  ociVersion: "1.3.0",
  process: {
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    user: { uid: 0, gid: 0, umask: 0o22, additionalGids: [5, 6] },
    args: ["sh"],
    env: ["PATH=/bin"],
    cwd: "/",
    capabilities: { bounding: ["CAP_KILL"], ambient: [] },
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 2n ** 64n - 1n }],
    noNewPrivileges: true,
    oomScoreAdj: -500,
    scheduler: { policy: "SCHED_DEADLINE", runtime: 1, deadline: 2, period: 3 },
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 7 },
    execCPUAffinity: { initial: "0-1", final: "2" },
  },
  root: { path: "rootfs", readonly: true },
  hostname: "box",
  domainname: "example",
  mounts: [{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid"] }],
  hooks: { createRuntime: [{ path: "/bin/hook", args: ["hook"], timeout: 5 }] },
  annotations: { "a.b": "c" },
  linux: {
    namespaces: [{ type: "pid" }, { type: "network", path: "/proc/7/ns/net" }],
    uidMappings: [{ containerID: 0, hostID: 1000, size: 65536 }],
    timeOffsets: { monotonic: { secs: -5, nanosecs: 1 } },
    devices: [
      { type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666 },
      { type: "p", path: "/dev/pipe" },
    ],
    netDevices: { eth1: { name: "inner0" } },
    cgroupsPath: "/a/b",
    resources: {
      devices: [{ allow: false, access: "rwm" }],
      memory: { limit: -1, swap: 9223372036854771712n, swappiness: 60 },
      cpu: { shares: 1024, quota: -1, period: 100000, cpus: "0-3", idle: 1 },
      pids: { limit: 100 },
      blockIO: { weight: 10, throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 5 }] },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      network: { classID: 1, priorities: [{ name: "eth0", priority: 1 }] },
      rdma: { mlx5: { hcaHandles: 1 } },
      unified: { "memory.high": "max" },
    },
    sysctl: { "net.ipv4.ip_forward": "1" },
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [
        {
          names: ["personality"],
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: 2n ** 64n - 1n, op: "SCMP_CMP_EQ" }],
        },
      ],
    },
    rootfsPropagation: "rslave",
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
    intelRdt: { closID: "a", schemata: ["L3:0=f"], enableMonitoring: true },
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0" },
    personality: { domain: "LINUX" },
  },
};

test("every field survives writing and reading", () => expect(parseRuntimeConfig(encodeJson(full))).toEqual(full));

test("unknown fields are dropped, at every level", () =>
  expect(
    parseRuntimeConfig({ ociVersion: "1.0.2-dev", windows: {}, linux: { timeOffset: {}, resources: { x: 1 } } }),
  ).toEqual({
    ociVersion: "1.0.2-dev",
    linux: { resources: {} },
  }));

const at = (path: string, value: unknown): unknown => {
  const config = structuredClone(full) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop() as string;
  let inner = config;
  for (const key of keys) inner = inner[key] as Record<string, unknown>;
  inner[last] = value;
  return config;
};

const wrong = [
  { path: "ociVersion", value: "0.5.0", why: "before 1.0 nothing was promised" },
  { path: "ociVersion", value: "2.0.0", why: "another language" },
  { path: "process.cwd", value: "tmp", why: "relative" },
  { path: "process.user.uid", value: 2 ** 32, why: "would wrap to 0 (CVE-2024-40635)" },
  { path: "process.user.uid", value: 2 ** 32 - 1, why: "(uid_t) -1 means no change" },
  { path: "process.user.uid", value: -1, why: "negative" },
  { path: "process.user.uid", value: "0", why: "a text" },
  { path: "process.env.0", at: "process.env[0]", value: "A=\0", why: "NUL" },
  { path: "process.oomScoreAdj", value: 1001, why: "out of range" },
  { path: "process.rlimits.0.soft", at: "process.rlimits[0].soft", value: -1, why: "unsigned" },
  {
    path: "process.rlimits",
    at: "process.rlimits[1]",
    value: Array(2).fill({ type: "RLIMIT_CPU", soft: 1, hard: 1 }),
    why: "the same twice",
  },
  { path: "hostname", value: "a\nb", why: "a second line of /etc/hosts" },
  { path: "mounts.0.destination", at: "mounts[0].destination", value: "", why: "nowhere" },
  { path: "hooks.createRuntime.0.path", at: "hooks.createRuntime[0].path", value: "hook", why: "relative" },
  { path: "hooks.createRuntime.0.timeout", at: "hooks.createRuntime[0].timeout", value: 0, why: "must be more than 0" },
  {
    path: "linux.namespaces",
    at: "linux.namespaces[1]",
    value: [{ type: "pid" }, { type: "pid" }],
    why: "the same twice",
  },
  { path: "linux.namespaces.0.type", at: "linux.namespaces[0].type", value: "pids", why: "unknown" },
  { path: "linux.resources.memory.limit", value: 1.5, why: "half a byte" },
  { path: "linux.resources.memory.limit", value: 2n ** 63n, why: "beyond 64 bits" },
  { path: "linux.resources.memory.limit", value: "64m", why: "a text" },
  { path: "linux.resources.memory.Limit", value: 1, why: "Go would read this one" },
  {
    path: "linux.resources.hugepageLimits.0.pageSize",
    at: "linux.resources.hugepageLimits[0].pageSize",
    value: "../x",
    why: "becomes a file name",
  },
  {
    path: "linux.resources.unified",
    at: 'linux.resources.unified["../cgroup.procs"]',
    value: { "../cgroup.procs": "1" },
    why: "leaves the cgroup",
  },
  { path: "linux.devices.0", at: "linux.devices[0]", value: { type: "c", path: "/dev/x" }, why: "no number" },
  {
    path: "linux.sysctl",
    at: 'linux.sysctl["kernel.shm_rmid_forced"]',
    value: { "kernel.shm_rmid_forced": "1\nkernel.core_pattern=x" },
    why: "CVE-2022-0811",
  },
  { path: "linux.maskedPaths", at: "linux.maskedPaths[0]", value: ["proc"], why: "relative" },
  { path: "linux.seccomp.defaultAction", value: "ALLOW", why: "unknown" },
  {
    path: "linux.seccomp.syscalls.0.args.0.index",
    at: "linux.seccomp.syscalls[0].args[0].index",
    value: 6,
    why: "a syscall has six",
  },
  { path: "linux.personality.domain", value: "BSD", why: "unknown" },
];
for (const row of wrong)
  test(`${row.path} = ${encodeJson(row.value).slice(0, 40)}: ${row.why}`, () =>
    expect(() => parseRuntimeConfig(at(row.path, row.value))).toThrow(
      expect.objectContaining({ code: "ERR_OCI_INVALID", path: row.at ?? row.path }),
    ));

test("a state document", () => {
  const state = { ociVersion: "1.3.0", id: "a", status: "running", pid: 7, bundle: "/b" };
  expect(parseContainerState(encodeJson(state))).toEqual(state);
  expect(() => parseContainerState({ ...state, status: "paused" })).toThrow(/status/);
});

test("throws nothing but OciError, whatever a field holds", () =>
  fc.assert(
    fc.property(
      fc.constantFrom("process", "linux", "mounts", "linux.seccomp", "linux.resources.cpu"),
      fc.anything(),
      (path, value) => {
        try {
          parseRuntimeConfig(at(path, value));
        } catch (error) {
          expect(isOciError(error)).toBe(true);
        }
      },
    ),
  ));
