import { readdirSync, readFileSync, statSync } from "node:fs";
import {
  adjustCapabilities,
  defaultCapabilities,
  parseCapability,
  privilegedCapabilities,
  processCapabilities,
} from "@ctr/capabilities";
import { namespacePath } from "@ctr/namespaces";
import {
  type Device,
  encodeJson,
  type ImageConfig,
  type Mount,
  type Namespace,
  parseRuntimeConfig,
  type ResolvedUser,
  type RuntimeConfig,
  type Seccomp,
} from "@ctr/oci";
import { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths } from "@ctr/rootfs";
import type { HostFacts } from "@ctr/runtime";
import { defaultProfile } from "@ctr/seccomp";
import type { CreateOptions } from "./create-options.ts";
import { EngineError } from "./engine-error.ts";

export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const defaultShmBytes = 64 << 20;

/** Everything that decides about a container's configuration, resolved. */
export interface ConfigInput {
  readonly id: string;
  readonly options: CreateOptions;
  readonly image: ImageConfig["config"];
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  readonly rootfs: string;
  readonly facts: HostFacts;
  /** Directory with the generated hosts, hostname and resolv.conf. */
  readonly files: string;
  /** First process of a container whose namespaces are shared. */
  readonly pidOf: (container: string) => number;
}

/** The OCI configuration of a container: Docker's defaults, with every wall up. */
export function ociConfig(o: ConfigInput): RuntimeConfig {
  const { options } = o;
  const privileged = options.privileged ?? false;
  const capabilities = capabilityMaskOf(options, o.facts.available);
  return {
    ociVersion: "1.2.1",
    process: {
      terminal: options.tty ?? false,
      ...(options.terminalSize === undefined
        ? {}
        : { consoleSize: { height: options.terminalSize.rows, width: options.terminalSize.columns } }),
      user: { uid: o.user.uid, gid: o.user.gid, additionalGids: o.user.additionalGids },
      args: o.args,
      env: environment(o),
      cwd: options.workdir ?? (o.image?.WorkingDir || "/"),
      // A user who is not root has no capability but the ones in the ambient set, and Docker gives none there.
      capabilities:
        o.user.uid === 0
          ? processCapabilities(capabilities)
          : { ...processCapabilities(capabilities), effective: [], permitted: [] },
      noNewPrivileges: options.noNewPrivileges ?? false,
      ...(options.oomScoreAdj === undefined ? {} : { oomScoreAdj: options.oomScoreAdj }),
      rlimits: options.rlimits ?? [],
    },
    root: { path: o.rootfs, readonly: options.readOnly ?? false },
    ...(options.share?.uts === undefined ? { hostname: hostnameOf(o.id, options) } : {}),
    ...(options.domainname === undefined ? {} : { domainname: options.domainname }),
    mounts: [...allMounts(o, privileged)],
    linux: {
      namespaces: namespaces(o),
      ...(options.userNamespace === undefined ? {} : idMaps(options.userNamespace)),
      ...(options.timeOffsets === undefined ? {} : { timeOffsets: options.timeOffsets }),
      devices: privileged ? hostDevices("/dev") : [],
      cgroupsPath: `/ctr/${o.id}`,
      resources: { ...options.resources, ...(privileged ? { devices: [{ allow: true, access: "rwm" }] } : {}) },
      sysctl: options.sysctl ?? {},
      ...seccompOf(options, capabilities, o.facts),
      maskedPaths: privileged ? [] : defaultMaskedPaths,
      readonlyPaths: privileged ? [] : defaultReadonlyPaths,
    },
  };
}

/** Docker names a container that was given no hostname after its id. */
export function hostnameOf(id: string, options: CreateOptions): string {
  return options.hostname ?? id.slice(0, 12);
}

function capabilityMaskOf(options: CreateOptions, available: bigint): bigint {
  if (options.privileged) return privilegedCapabilities(available);
  const parse = (names: readonly string[] | undefined, option: string): string[] =>
    (names ?? []).map((name) => (name.toUpperCase() === "ALL" ? "ALL" : parseCapability(name, option)));
  return adjustCapabilities({
    base: defaultCapabilities & available,
    add: parse(options.capAdd, "--cap-add"),
    drop: parse(options.capDrop, "--cap-drop"),
    available,
  });
}

function environment(o: ConfigInput): string[] {
  const values = new Map<string, string>();
  const put = (text: string): void => {
    const equals = text.indexOf("=");
    if (equals > 0) values.set(text.slice(0, equals), text); // an image's entry without "=" is never the host's value (CVE-2020-14370)
  };
  put(defaultPath);
  put(`HOSTNAME=${hostnameOf(o.id, o.options)}`);
  if (o.options.tty) put("TERM=xterm");
  put(`HOME=${o.user.home}`);
  for (const text of o.image?.Env ?? []) put(text);
  for (const text of o.options.env ?? []) put(text);
  return [...values.values()];
}

function* allMounts(o: ConfigInput, privileged: boolean): Generator<Mount> {
  const { options } = o;
  for (const mount of defaultMounts({ shmBytes: options.shmBytes ?? defaultShmBytes, privileged })) {
    const shared =
      mount.destination === "/dev/shm" || mount.destination === "/dev/mqueue" ? options.share?.ipc : undefined;
    if (shared === undefined) yield mount;
    else
      yield {
        destination: mount.destination,
        type: "bind",
        source: shmOf(o, shared, mount.destination),
        options: ["rbind", "rprivate"],
      };
  }
  if (options.rootfs === undefined)
    for (const name of ["resolv.conf", "hostname", "hosts"])
      yield { destination: `/etc/${name}`, type: "bind", source: `${o.files}/${name}`, options: ["rbind", "rprivate"] };
  yield* options.mounts ?? [];
}

function shmOf(o: ConfigInput, shared: "host" | { readonly container: string }, path: string): string {
  return shared === "host" ? path : `/proc/${o.pidOf(shared.container)}/root${path}`;
}

function namespaces(o: ConfigInput): Namespace[] {
  const { options } = o;
  const own: Namespace[] = [{ type: "mount" }];
  for (const type of ["pid", "ipc", "uts", "cgroup"] as const) {
    const shared = options.share?.[type];
    if (shared === undefined) own.push({ type });
    else if (shared !== "host") own.push({ type, path: namespacePath(o.pidOf(shared.container), type) });
  }
  const network = options.network ?? "bridge";
  if (typeof network === "object")
    own.push({ type: "network", path: namespacePath(o.pidOf(network.container), "network") });
  else if (network !== "host") own.push({ type: "network" });
  if (options.userNamespace !== undefined) own.push({ type: "user" });
  if (options.timeOffsets !== undefined) own.push({ type: "time" });
  return own;
}

function idMaps(range: {
  readonly hostID: number;
  readonly size: number;
}): Pick<NonNullable<RuntimeConfig["linux"]>, "uidMappings" | "gidMappings"> {
  const map = [{ containerID: 0, hostID: range.hostID, size: range.size }];
  return { uidMappings: map, gidMappings: map };
}

function seccompOf(options: CreateOptions, capabilities: bigint, facts: HostFacts): { seccomp?: Seccomp } {
  const wanted = options.seccomp ?? (options.privileged ? "unconfined" : "default");
  if (wanted === "unconfined") return {};
  if (wanted === "default") return { seccomp: defaultProfile({ capabilities, architecture: facts.machine }) };
  return { seccomp: parseProfile(wanted) };
}

/** A profile in Docker's file format, whose core is OCI's `linux.seccomp`. */
function parseProfile(text: string): Seccomp {
  let profile: unknown;
  try {
    profile = JSON.parse(text);
  } catch (cause) {
    throw new EngineError("ERR_ENGINE_OPTION", `the seccomp profile is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const config = parseRuntimeConfig(encodeJson({ ociVersion: "1.2.1", linux: { seccomp: profile } } as never));
  return config.linux!.seccomp!;
}

/** Every device node of the host: what `--privileged` opens. Terminals stay the container's own. */
function hostDevices(directory: string): Device[] {
  const skip = new Set(["pts", "shm", "mqueue", "fd", "console", "ptmx", "tty", "core"]);
  const found: Device[] = [];
  for (const name of readdirSync(directory)) {
    if (directory === "/dev" && skip.has(name)) continue;
    const path = `${directory}/${name}`;
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) continue;
    if (status.isDirectory() && directory.split("/").length < 5) found.push(...hostDevices(path));
    else if (status.isCharacterDevice() || status.isBlockDevice())
      found.push({
        type: status.isBlockDevice() ? "b" : "c",
        path,
        major: (status.rdev >> 8) & 0xfff,
        minor: (status.rdev & 0xff) | ((status.rdev >> 12) & 0xfff00),
        fileMode: status.mode & 0o7777,
        uid: status.uid,
        gid: status.gid,
      });
  }
  return found;
}

/** `--security-opt seccomp=FILE`. @throws {EngineError} `ERR_ENGINE_OPTION` */
export function readSeccompFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new EngineError(
      "ERR_ENGINE_OPTION",
      `opening seccomp profile (${path}) failed: ${(cause as NodeJS.ErrnoException).code}`,
      { cause },
    );
  }
}
