import { documentOf } from "./parse-image.ts";
import type * as spec from "./runtime-spec.ts";
import {
  absolutePath,
  array,
  boolean,
  id,
  int32,
  int64,
  integer,
  invalid,
  line,
  matching,
  nonEmpty,
  object,
  oneOf,
  optional,
  type Reader,
  record,
  required,
  stringMap,
  text,
  texts,
  uint16,
  uint32,
  uint64,
} from "./schema.ts";

/** Bytes of a config.json; thousands of id mappings and a megabyte of environment still fit. */
export const maxRuntimeConfigBytes: number = 16 * 1024 * 1024;

/** SemVer with major 1: every 1.x reader understands every 1.x document. @see runtime-spec config.md#specification-version */
const ociVersion = matching(
  /^1\.[0-9]{1,9}\.[0-9]{1,9}(?:[-+][0-9A-Za-z.+-]{1,100})?$/,
  "a version 1.x.y of the runtime specification",
);

const mapping = object<spec.IdMapping>({
  containerID: required(id),
  hostID: required(id),
  size: required(integer(1, 0xffff_ffff)),
});

/** Refuses a second entry with the same key, which the specification calls an error. */
function unique<T>(read: Reader<readonly T[]>, keyOf: (item: T) => string): Reader<readonly T[]> {
  return (value, place) => {
    const items = read(value, place);
    const seen = new Set<string>();
    for (const [key, item] of items.entries()) {
      const name = keyOf(item);
      if (seen.has(name)) throw invalid({ parent: place, key }, `${JSON.stringify(name)} appears twice`);
      seen.add(name);
    }
    return items;
  };
}

const user = object<spec.User>({
  uid: required(id),
  gid: required(id),
  umask: optional(integer(0, 0o7777)),
  additionalGids: optional(array(id)),
  username: optional(text),
});

const capabilities = object<spec.Capabilities>({
  bounding: optional(texts),
  effective: optional(texts),
  inheritable: optional(texts),
  permitted: optional(texts),
  ambient: optional(texts),
});

const rlimit = object<spec.Rlimit>({
  type: required(matching(/^RLIMIT_[A-Z]{1,20}$/, "a resource like RLIMIT_NOFILE")),
  soft: required(uint64),
  hard: required(uint64),
});

const process = object<spec.Process>({
  terminal: optional(boolean),
  consoleSize: optional(object<spec.ConsoleSize>({ height: required(uint16), width: required(uint16) })),
  user: required(user),
  args: optional(texts),
  env: optional(texts),
  cwd: required(absolutePath),
  capabilities: optional(capabilities),
  rlimits: optional(unique(array(rlimit), (limit) => limit.type)),
  noNewPrivileges: optional(boolean),
  apparmorProfile: optional(line),
  selinuxLabel: optional(line),
  oomScoreAdj: optional(integer(-1000, 1000)),
  scheduler: optional(
    object<spec.Scheduler>({
      policy: required(
        oneOf("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"),
      ),
      nice: optional(integer(-20, 19)),
      priority: optional(int32),
      flags: optional(texts),
      runtime: optional(uint64),
      deadline: optional(uint64),
      period: optional(uint64),
    }),
  ),
  ioPriority: optional(
    object<spec.IoPriority>({
      class: required(oneOf("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")),
      priority: optional(integer(0, 7)),
    }),
  ),
  execCPUAffinity: optional(object<spec.ExecCpuAffinity>({ initial: optional(line), final: optional(line) })),
});

const mount = object<spec.Mount>({
  destination: required(nonEmpty),
  type: optional(text),
  source: optional(text),
  options: optional(texts),
  uidMappings: optional(array(mapping)),
  gidMappings: optional(array(mapping)),
});

const hook = object<spec.Hook>({
  path: required(absolutePath),
  args: optional(texts),
  env: optional(texts),
  timeout: optional(integer(1, 2 ** 31 - 1)),
});

const hooks = object<spec.Hooks>({
  prestart: optional(array(hook)),
  createRuntime: optional(array(hook)),
  createContainer: optional(array(hook)),
  startContainer: optional(array(hook)),
  poststart: optional(array(hook)),
  poststop: optional(array(hook)),
});

// Linux: 12 bits of major and 20 of minor. @see <linux/kdev_t.h>
const major = integer(0, 0xfff);
const minor = integer(0, 0xf_ffff);

const deviceFields = object<spec.Device>({
  type: required(oneOf("c", "b", "u", "p")),
  path: required(nonEmpty),
  major: optional(major),
  minor: optional(minor),
  // Some engines write the whole st_mode, type bits included.
  fileMode: optional(integer(0, 0o177777)),
  uid: optional(id),
  gid: optional(id),
});

const device: Reader<spec.Device> = (value, place) => {
  const result = deviceFields(value, place);
  if (result.type !== "p" && (result.major === undefined || result.minor === undefined))
    throw invalid(place, "a device needs its major and minor number");
  return result;
};

const deviceRule = object<spec.DeviceRule>({
  allow: required(boolean),
  type: optional(oneOf("a", "c", "b")),
  major: optional(integer(-1, 0xfff)),
  minor: optional(integer(-1, 0xf_ffff)),
  access: optional(matching(/^[rwm]{0,3}$/, "some of the letters r, w and m")),
});

const throttle = array(
  object<spec.ThrottleDevice>({ major: required(major), minor: required(minor), rate: required(uint64) }),
);

const blockIO = object<spec.BlockIoResources>({
  weight: optional(uint16),
  leafWeight: optional(uint16),
  weightDevice: optional(
    array(
      object<spec.WeightDevice>({
        major: required(major),
        minor: required(minor),
        weight: optional(uint16),
        leafWeight: optional(uint16),
      }),
    ),
  ),
  throttleReadBpsDevice: optional(throttle),
  throttleWriteBpsDevice: optional(throttle),
  throttleReadIOPSDevice: optional(throttle),
  throttleWriteIOPSDevice: optional(throttle),
});

const resources = object<spec.LinuxResources>({
  devices: optional(array(deviceRule)),
  memory: optional(
    object<spec.MemoryResources>({
      limit: optional(int64),
      reservation: optional(int64),
      swap: optional(int64),
      kernel: optional(int64),
      kernelTCP: optional(int64),
      swappiness: optional(integer(0, 100)),
      disableOOMKiller: optional(boolean),
      useHierarchy: optional(boolean),
      checkBeforeUpdate: optional(boolean),
    }),
  ),
  cpu: optional(
    object<spec.CpuResources>({
      shares: optional(uint64),
      quota: optional(int64),
      burst: optional(uint64),
      period: optional(uint64),
      realtimeRuntime: optional(int64),
      realtimePeriod: optional(uint64),
      cpus: optional(line),
      mems: optional(line),
      idle: optional(int64),
    }),
  ),
  pids: optional(object<spec.PidsResources>({ limit: optional(int64) })),
  blockIO: optional(blockIO),
  hugepageLimits: optional(
    array(
      object<spec.HugepageLimit>({
        pageSize: required(matching(/^[1-9][0-9]{0,9}[KMG]B$/, "a page size like 2MB")),
        limit: required(uint64),
      }),
    ),
  ),
  network: optional(
    object<spec.NetworkResources>({
      classID: optional(uint32),
      priorities: optional(
        array(object<{ name: string; priority: number }>({ name: required(line), priority: required(uint32) })),
      ),
    }),
  ),
  rdma: optional(record(object<spec.RdmaLimit>({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) }), line)),
  unified: optional(record(text, matching(/^[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+$/, "a cgroup file like memory.high"))),
});

const seccompAction: Reader<spec.SeccompAction> = oneOf(
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
);

const seccompRule = object<spec.SeccompRule>({
  names: required(array(nonEmpty)),
  action: required(seccompAction),
  errnoRet: optional(uint32),
  args: optional(
    array(
      object<spec.SeccompArgument>({
        index: required(integer(0, 5)),
        value: required(uint64),
        valueTwo: optional(uint64),
        op: required(
          oneOf(
            "SCMP_CMP_NE",
            "SCMP_CMP_LT",
            "SCMP_CMP_LE",
            "SCMP_CMP_EQ",
            "SCMP_CMP_GE",
            "SCMP_CMP_GT",
            "SCMP_CMP_MASKED_EQ",
          ),
        ),
      }),
    ),
  ),
});

const seccomp = object<spec.Seccomp>({
  defaultAction: required(seccompAction),
  defaultErrnoRet: optional(uint32),
  architectures: optional(texts),
  flags: optional(texts),
  listenerPath: optional(text),
  listenerMetadata: optional(text),
  syscalls: optional(array(seccompRule)),
});

const timeOffset = object<spec.TimeOffset>({ secs: optional(int64), nanosecs: optional(integer(0, 999_999_999)) });

const linux = object<spec.Linux>({
  namespaces: optional(
    unique(
      array(
        object<spec.Namespace>({
          type: required(oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")),
          path: optional(absolutePath),
        }),
      ),
      (namespace) => namespace.type,
    ),
  ),
  uidMappings: optional(array(mapping)),
  gidMappings: optional(array(mapping)),
  timeOffsets: optional(object<spec.TimeOffsets>({ monotonic: optional(timeOffset), boottime: optional(timeOffset) })),
  devices: optional(array(device)),
  netDevices: optional(record(object<spec.NetDevice>({ name: optional(line) }), line)),
  cgroupsPath: optional(line),
  resources: optional(resources),
  // A newline in a value would be a second setting for readers that split (CVE-2022-0811).
  sysctl: optional(record(line, line)),
  seccomp: optional(seccomp),
  rootfsPropagation: optional(
    oneOf("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"),
  ),
  maskedPaths: optional(array(absolutePath)),
  readonlyPaths: optional(array(absolutePath)),
  mountLabel: optional(line),
  intelRdt: optional(
    object<spec.IntelRdt>({
      closID: optional(line),
      schemata: optional(array(line)),
      l3CacheSchema: optional(text),
      memBwSchema: optional(text),
      enableMonitoring: optional(boolean),
    }),
  ),
  memoryPolicy: optional(
    object<spec.MemoryPolicy>({ mode: required(nonEmpty), nodes: optional(line), flags: optional(texts) }),
  ),
  personality: optional(
    object<spec.Personality>({ domain: required(oneOf("LINUX", "LINUX32")), flags: optional(texts) }),
  ),
});

const runtimeConfig = object<spec.RuntimeConfig>({
  ociVersion: required(ociVersion),
  process: optional(process),
  root: optional(object<spec.Root>({ path: required(nonEmpty), readonly: optional(boolean) })),
  hostname: optional(line),
  domainname: optional(line),
  mounts: optional(array(mount)),
  hooks: optional(hooks),
  annotations: optional(stringMap),
  linux: optional(linux),
});

const state = object<spec.ContainerState>({
  ociVersion: required(ociVersion),
  id: required(nonEmpty),
  status: required(oneOf("creating", "created", "running", "stopped")),
  pid: optional(integer(0, 2 ** 31 - 1)),
  bundle: required(absolutePath),
  annotations: optional(stringMap),
});

/**
 * Read a bundle's config.json: JSON text or bytes, or a value that somebody parsed already. The result
 * is a copy without unknown fields. Checked is what the document alone can tell; whether a capability,
 * an option or a syscall exists is for the package that acts on it.
 *
 * @throws {OciError} `ERR_OCI_INVALID` with a path like `linux.resources.memory.limit`; `ERR_OCI_JSON`, `ERR_OCI_LIMIT`
 * @see runtime-spec config.md, config-linux.md
 */
export function parseRuntimeConfig(input: unknown): spec.RuntimeConfig {
  return runtimeConfig(documentOf(input, maxRuntimeConfigBytes), undefined);
}

/** Read the `process` of a config.json alone, as `exec --process` takes it. @throws {OciError} */
export function parseProcess(input: unknown): spec.Process {
  return process(documentOf(input, maxRuntimeConfigBytes), undefined);
}

/** Read resources alone, as `update --resources` takes them. @throws {OciError} */
export function parseResources(input: unknown): spec.LinuxResources {
  return resources(documentOf(input, maxRuntimeConfigBytes), undefined);
}

/** Read a state document. @throws {OciError} @see runtime-spec runtime.md#state */
export function parseContainerState(input: unknown): spec.ContainerState {
  return state(documentOf(input, maxRuntimeConfigBytes), undefined);
}
