import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type CreateOptions, type NetworkMode, readSeccompFile } from "@ctr/engine";
import { parseTmpfs, parseVolume, volumeMount } from "@ctr/mounts";
import { parseTimeOffset } from "@ctr/namespaces";
import { parsePortMapping } from "@ctr/network";
import type { LinuxResources, Mount, Rlimit, ThrottleDevice } from "@ctr/oci";
import type { Command } from "commander";
import { Failure } from "./failure.ts";
import { parseSize } from "./size.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

/** What `run` and `create` take, with Docker's names and letters. */
export function addRunFlags(command: Command): Command {
  return command
    .option("-i, --interactive", "keep standard input open")
    .option("-t, --tty", "give the program a terminal")
    .option("--name <name>", "name of the container")
    .option("--rm", "remove the container when it ends")
    .option("--init", "run an init as PID 1 that reaps orphans and forwards signals")
    .option("-e, --env <name=value>", "set an environment variable; a bare NAME takes its value from here", collect)
    .option("--env-file <file>", "read environment variables from a file", collect)
    .option("-v, --volume <source:target[:ro]>", "show a directory or file of the host", collect)
    .option("--tmpfs <target[:options]>", "mount a tmpfs", collect)
    .option("-w, --workdir <directory>", "working directory inside")
    .option("-u, --user <user[:group]>", "name or id to run as")
    .option("--group-add <group>", "one more group", collect)
    .option("-h, --hostname <name>", "hostname inside")
    .option("--domainname <name>", "domain name inside")
    .option("--entrypoint <program>", "replaces the image's ENTRYPOINT")
    .option("-l, --label <name=value>", "set a label", collect)
    .option("--read-only", "make the root read-only")
    .option("--privileged", "take most walls down")
    .option("--cap-add <name>", "add a capability", collect)
    .option("--cap-drop <name>", "take a capability away", collect)
    .option("--security-opt <option>", "seccomp=unconfined|FILE, no-new-privileges", collect)
    .option("--rootfs", "the first argument is a directory that is the root, not an image")
    .option("-m, --memory <bytes>", "memory limit")
    .option("--memory-reservation <bytes>", "soft memory limit")
    .option("--memory-swap <bytes>", "memory and swap together; -1 for no limit of swap")
    .option("--cpus <number>", "CPUs' worth of time")
    .option("-c, --cpu-shares <number>", "relative weight, 1024 is usual")
    .option("--cpu-period <microseconds>", "accounting window")
    .option("--cpu-quota <microseconds>", "time in each window")
    .option("--cpuset-cpus <list>", "CPUs it may use: 0-2,4")
    .option("--cpuset-mems <list>", "memory nodes it may use")
    .option("--pids-limit <number>", "most processes and threads; -1 for no limit")
    .option("--blkio-weight <number>", "relative weight of block I/O, 10 to 1000")
    .option("--device-read-bps <device:rate>", "most bytes read per second", collect)
    .option("--device-write-bps <device:rate>", "most bytes written per second", collect)
    .option("--device-read-iops <device:rate>", "most reads per second", collect)
    .option("--device-write-iops <device:rate>", "most writes per second", collect)
    .option("--oom-score-adj <number>", "-1000 to 1000: who goes first when memory runs out")
    .option("--ulimit <type=soft[:hard]>", "resource limit of each process", collect)
    .option("--sysctl <name=value>", "kernel parameter of its namespaces", collect)
    .option("--shm-size <bytes>", "size of /dev/shm")
    .option("-p, --publish <[ip:]host:container[/protocol]>", "publish a port", collect)
    .option("--network <mode>", "bridge, none, host or container:NAME", "bridge")
    .option("--net <mode>", "same as --network")
    .option("--dns <address>", "DNS server", collect)
    .option("--add-host <name:address>", "one more line of /etc/hosts", collect)
    .option("--pid <mode>", "host or container:NAME")
    .option("--ipc <mode>", "host, private or container:NAME")
    .option("--uts <mode>", "host")
    .option("--cgroupns <mode>", "host or private")
    .option("--userns-range <first:size>", "root inside is this user outside; the host's ids from FIRST on")
    .option("--time-offset <offset>", "shift the clocks that count from boot: +1d, boottime=-30s")
    .option("--stop-signal <signal>", "signal that stops it")
    .option("--stop-timeout <seconds>", "seconds until SIGKILL");
}

/** The values of {@link addRunFlags}. */
interface RunFlags {
  readonly [name: string]: unknown;
}

/** What the flags and arguments ask for. @throws {Failure} with exit code 125 for what cannot be meant */
export function createOptions(flags: RunFlags, target: string, command: readonly string[]): CreateOptions {
  const text = (name: string): string | undefined => flags[name] as string | undefined;
  const list = (name: string): readonly string[] => (flags[name] as string[] | undefined) ?? [];
  const entrypoint = text("entrypoint");
  const security = securityOf(list("securityOpt"));
  const optional = <T>(key: string, value: T | undefined): object => (value === undefined ? {} : { [key]: value });
  return {
    ...(flags.rootfs ? { rootfs: resolve(target) } : { image: target }),
    ...optional("name", text("name")),
    command,
    ...optional("entrypoint", entrypoint === undefined ? undefined : entrypoint === "" ? [] : [entrypoint]),
    env: [...list("envFile").flatMap(readEnvFile), ...list("env").flatMap(fromHere)],
    ...optional("workdir", text("workdir")),
    ...optional("user", text("user")),
    groupAdd: list("groupAdd"),
    ...optional("hostname", text("hostname")),
    ...optional("domainname", text("domainname")),
    labels: Object.fromEntries(list("label").map((label) => splitPair(label))),
    tty: flags.tty === true,
    interactive: flags.interactive === true,
    init: flags.init === true,
    autoRemove: flags.rm === true,
    readOnly: flags.readOnly === true,
    privileged: flags.privileged === true,
    capAdd: list("capAdd"),
    capDrop: list("capDrop"),
    ...security,
    mounts: [...list("volume").map(bind), ...list("tmpfs").map(parseTmpfs)],
    resources: limitsOf(flags),
    ...optional("oomScoreAdj", integer(flags, "oomScoreAdj", -1000, 1000)),
    rlimits: list("ulimit").map(rlimit),
    sysctl: Object.fromEntries(list("sysctl").map((one) => splitPair(one))),
    ...optional("shmBytes", text("shmSize") === undefined ? undefined : parseSize(text("shmSize")!, "--shm-size")),
    network: networkMode(text("net") ?? text("network") ?? "bridge"),
    ports: list("publish").flatMap(parsePortMapping),
    ...(list("dns").length > 0 ? { dns: list("dns") } : {}),
    addHosts: list("addHost"),
    share: shares(flags),
    ...optional("userNamespace", userRange(text("usernsRange"))),
    ...optional("timeOffsets", text("timeOffset") === undefined ? undefined : parseTimeOffset(text("timeOffset")!)),
    ...optional("stopSignal", text("stopSignal")),
    ...optional("stopTimeout", integer(flags, "stopTimeout", -1, 1e6)),
  };
}

function splitPair(text: string): [string, string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `-e NAME` passes on what NAME is here; one that is not set here is not set there. */
function fromHere(text: string): string[] {
  if (text.startsWith("=") || text === "")
    throw new Failure(`invalid environment variable: ${JSON.stringify(text)}`, 125);
  if (text.includes("=")) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

function readEnvFile(path: string): string[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure(`open ${path}: ${(error as NodeJS.ErrnoException).code}: the --env-file cannot be read`, 125);
  }
  return content
    .split("\n")
    .map((line) => line.replace(/\r$/, "").trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap(fromHere);
}

function securityOf(options: readonly string[]): { seccomp?: string; noNewPrivileges?: boolean } {
  const found: { seccomp?: string; noNewPrivileges?: boolean } = {};
  for (const option of options) {
    const [name, value] = splitPair(option.replace(/^(seccomp|no-new-privileges):/, "$1="));
    if (name === "no-new-privileges" && ["", "true", "false"].includes(value))
      found.noNewPrivileges = value !== "false";
    else if (name === "seccomp" && value !== "")
      found.seccomp = ["unconfined", "default", "builtin"].includes(value)
        ? value.replace("builtin", "default")
        : readSeccompFile(value);
    else
      throw new Failure(
        `invalid --security-opt ${JSON.stringify(option)}: seccomp=unconfined|FILE and no-new-privileges are known`,
        125,
      );
  }
  return found;
}

function bind(text: string): Mount {
  const volume = parseVolume(text);
  if (volume.source === undefined || !/^[./~]/.test(volume.source))
    throw new Failure(
      `-v ${text}: named and anonymous volumes are not there yet; write a path: ./${volume.source ?? "directory"}:${volume.target}`,
      125,
    );
  const source = resolve(volume.source);
  if (statSync(source, { throwIfNoEntry: false }) === undefined)
    throw new Failure(`-v ${text}: there is no ${source} on this machine; make it first`, 125);
  return volumeMount(volume, source);
}

function integer(flags: RunFlags, name: string, least: number, most: number): number | undefined {
  const text = flags[name] as string | undefined;
  if (text === undefined) return undefined;
  const number = Number(text);
  const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (text.trim() === "" || !Number.isInteger(number) || number < least || number > most)
    throw new Failure(
      `invalid argument ${JSON.stringify(text)} for ${option}: write a whole number from ${least} to ${most}`,
      125,
    );
  return number;
}

/** What the flags of memory, CPUs, processes and block I/O limit. */
export function limitsOf(flags: RunFlags): LinuxResources {
  const size = (name: string, option: string): number | undefined => {
    const text = flags[name] as string | undefined;
    return text === undefined ? undefined : text === "-1" ? -1 : parseSize(text, option);
  };
  const put = (fields: Record<string, unknown>): Record<string, unknown> | undefined => {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    return given.length === 0 ? undefined : Object.fromEntries(given);
  };
  const limit = size("memory", "--memory");
  const swap = size("memorySwap", "--memory-swap") ?? (limit === undefined ? undefined : limit * 2);
  const pids = integer(flags, "pidsLimit", -1, 2 ** 31);
  const throttle = (name: string, bytes: boolean): ThrottleDevice[] | undefined =>
    (flags[name] as string[] | undefined)?.map((text) => throttled(text, bytes));
  return {
    ...put({
      memory: put({ limit, swap, reservation: size("memoryReservation", "--memory-reservation") }),
      cpu: put({
        ...quota(flags),
        shares: integer(flags, "cpuShares", 0, 2 ** 18),
        cpus: flags.cpusetCpus,
        mems: flags.cpusetMems,
      }),
      pids: pids === undefined ? undefined : { limit: pids === 0 ? -1 : pids },
      blockIO: put({
        weight: integer(flags, "blkioWeight", 0, 1000),
        throttleReadBpsDevice: throttle("deviceReadBps", true),
        throttleWriteBpsDevice: throttle("deviceWriteBps", true),
        throttleReadIOPSDevice: throttle("deviceReadIops", false),
        throttleWriteIOPSDevice: throttle("deviceWriteIops", false),
      }),
    }),
  };
}

function quota(flags: RunFlags): { quota?: number; period?: number } {
  const text = flags.cpus as string | undefined;
  const given = { quota: integer(flags, "cpuQuota", -1, 1e12), period: integer(flags, "cpuPeriod", 1000, 1e6) };
  if (text === undefined) return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const cpus = Number(text);
  if (given.quota !== undefined || given.period !== undefined)
    throw new Failure("Conflicting options: --cpus and --cpu-quota or --cpu-period cannot both be set", 125);
  if (!(cpus > 0 && cpus <= 8192))
    throw new Failure(`invalid argument ${JSON.stringify(text)} for --cpus: write a number of CPUs such as 0.5`, 125);
  return { quota: Math.round(cpus * 100_000), period: 100_000 };
}

function throttled(text: string, bytes: boolean): ThrottleDevice {
  const colon = text.lastIndexOf(":");
  const path = text.slice(0, colon);
  const status = colon > 0 ? statSync(path, { throwIfNoEntry: false }) : undefined;
  if (status === undefined || !status.isBlockDevice())
    throw new Failure(`${JSON.stringify(text)}: write the path of a block device and a rate, as in /dev/sda:1mb`, 125);
  const rate = bytes ? parseSize(text.slice(colon + 1), "a device rate") : Number(text.slice(colon + 1));
  if (!Number.isSafeInteger(rate) || rate < 0)
    throw new Failure(`${JSON.stringify(text)}: the rate is no whole number`, 125);
  return { major: (status.rdev >> 8) & 0xfff, minor: (status.rdev & 0xff) | ((status.rdev >> 12) & 0xfff00), rate };
}

export function rlimit(text: string): Rlimit {
  const match = /^([a-z]+)=(-?\d{1,18})(?::(-?\d{1,18}))?$/.exec(text);
  if (match === null) throw new Failure(`invalid --ulimit ${JSON.stringify(text)}: write nofile=1024:2048`, 125);
  const soft = Number(match[2]);
  return { type: `RLIMIT_${match[1]!.toUpperCase()}`, soft, hard: match[3] === undefined ? soft : Number(match[3]) };
}

function networkMode(text: string): NetworkMode {
  if (text === "bridge" || text === "none" || text === "host") return text;
  if (text === "default") return "bridge";
  if (text.startsWith("container:")) return { container: text.slice("container:".length) };
  throw new Failure(`network ${text} not found: bridge, none, host and container:NAME are there`, 125);
}

function shares(flags: RunFlags): NonNullable<CreateOptions["share"]> {
  const found: Record<string, "host" | { container: string }> = {};
  for (const [flag, type] of [
    ["pid", "pid"],
    ["ipc", "ipc"],
    ["uts", "uts"],
    ["cgroupns", "cgroup"],
  ] as const) {
    const mode = flags[flag] as string | undefined;
    if (mode === undefined || mode === "private" || mode === "shareable") continue;
    if (mode === "host") found[type] = "host";
    else if (mode.startsWith("container:") && type !== "cgroup" && type !== "uts")
      found[type] = { container: mode.slice("container:".length) };
    else throw new Failure(`--${flag}: invalid mode: ${mode}`, 125);
  }
  return found;
}

function userRange(text: string | undefined): { hostID: number; size: number } | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (match === null || Number(match[2]) < 1)
    throw new Failure(`invalid --userns-range ${JSON.stringify(text)}: write 100000:65536`, 125);
  return { hostID: Number(match[1]), size: Number(match[2]) };
}
