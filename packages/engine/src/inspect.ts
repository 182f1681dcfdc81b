import { join } from "node:path";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";
import { defaultPath, hostnameOf } from "./oci-config.ts";
import { imageConfigOf, rootOf } from "./start.ts";

/** A JSON document in Docker's shape and with Docker's names. */
export type Document = { readonly [name: string]: unknown };

const never = "0001-01-01T00:00:00Z";

/** Docker's word for a state. */
export function statusOf(record: ContainerRecord): "created" | "running" | "exited" | "removing" {
  if (record.state === "creating" || record.state === "starting") return "created";
  if (record.state === "finishing") return "running";
  return record.state;
}

/** What `docker inspect` shows of a container, as far as this engine has it. */
export async function inspectContainer(context: Context, record: ContainerRecord): Promise<Document> {
  const { options } = record;
  const image = await imageConfigOf(context, record);
  const directory = containerDirectory(context.root, record.id);
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: record.args[0],
    Args: record.args.slice(1),
    State: stateOf(record),
    Image: record.imageId ?? "",
    ResolvConfPath: join(directory, "resolv.conf"),
    HostnamePath: join(directory, "hostname"),
    HostsPath: join(directory, "hosts"),
    LogPath: join(directory, "log.json"),
    Name: `/${record.name}`,
    RestartCount: 0,
    Driver: record.chainId === undefined ? "rootfs" : "overlay2",
    Platform: "linux",
    HostConfig: hostConfigOf(record),
    GraphDriver: graphDriverOf(context, record),
    Mounts: (options.mounts ?? []).map((mount) => ({
      Type: mount.type,
      Source: mount.source,
      Destination: mount.destination,
      Mode: "",
      RW: !mount.options?.some((option) => option === "ro" || option === "rro"),
      Propagation: "rprivate",
    })),
    Config: {
      Hostname: hostnameOf(record.id, options),
      Domainname: options.domainname ?? "",
      User: options.user ?? image?.User ?? "",
      Tty: options.tty ?? false,
      OpenStdin: options.interactive ?? false,
      Env: [...(options.env ?? []), ...(image?.Env ?? [defaultPath])],
      Cmd: options.command?.length ? options.command : (image?.Cmd ?? null),
      Image: record.image ?? "",
      WorkingDir: options.workdir ?? image?.WorkingDir ?? "",
      Entrypoint: options.entrypoint ?? image?.Entrypoint ?? null,
      Labels: { ...image?.Labels, ...options.labels },
      ExposedPorts: image?.ExposedPorts ?? {},
      StopSignal: record.stopSignal,
    },
    NetworkSettings: networkSettingsOf(context, record),
  };
}

function stateOf(record: ContainerRecord): Document {
  return {
    Status: statusOf(record),
    Running: record.state === "running",
    Paused: false,
    Restarting: false,
    OOMKilled: record.oomKilled ?? false,
    Dead: false,
    Pid: record.state === "running" ? (record.process?.pid ?? 0) : 0,
    ExitCode: record.exitCode ?? 0,
    Error: record.error ?? "",
    StartedAt: record.startedAt ?? never,
    FinishedAt: record.finishedAt ?? never,
  };
}

function hostConfigOf(record: ContainerRecord): Document {
  const { options } = record;
  const { memory, cpu, pids } = options.resources ?? {};
  const network = options.network ?? "bridge";
  return {
    Binds: (options.mounts ?? [])
      .filter((mount) => mount.type === "bind")
      .map((mount) => `${mount.source}:${mount.destination}`),
    NetworkMode: typeof network === "string" ? network : `container:${network.container}`,
    PortBindings: portsOf(record, (port) => ({
      HostIp: port.hostIp === "0.0.0.0" ? "" : port.hostIp,
      HostPort: String(port.hostPort),
    })),
    AutoRemove: options.autoRemove ?? false,
    Privileged: options.privileged ?? false,
    ReadonlyRootfs: options.readOnly ?? false,
    CapAdd: options.capAdd ?? null,
    CapDrop: options.capDrop ?? null,
    SecurityOpt: [
      ...(options.noNewPrivileges ? ["no-new-privileges"] : []),
      ...(options.seccomp === undefined || options.seccomp === "default"
        ? []
        : [`seccomp=${options.seccomp === "unconfined" ? "unconfined" : "custom"}`]),
    ],
    Init: options.init ?? false,
    Memory: Number(memory?.limit ?? 0),
    MemoryReservation: Number(memory?.reservation ?? 0),
    MemorySwap: Number(memory?.swap ?? 0),
    NanoCpus: cpu?.quota === undefined ? 0 : Math.round((Number(cpu.quota) / Number(cpu.period ?? 100_000)) * 1e9),
    CpuShares: Number(cpu?.shares ?? 0),
    CpusetCpus: cpu?.cpus ?? "",
    PidsLimit: pids?.limit === undefined ? null : Number(pids.limit),
    CgroupParent: "/ctr",
  };
}

function graphDriverOf(context: Context, record: ContainerRecord): Document {
  if (record.chainId === undefined) return { Name: "rootfs", Data: null };
  const { source, rootfs } = rootOf(context, record);
  if ("directory" in source) return { Name: "rootfs", Data: null };
  return {
    Name: "overlay2",
    Data: {
      LowerDir: context.store
        .overlayParents(record.chainId)
        .map((id) => join(overlayRoot(context), id, "diff"))
        .join(":"),
      UpperDir: source.upper,
      WorkDir: source.work,
      MergedDir: rootfs,
    },
  };
}

type Port = NonNullable<ContainerRecord["ports"]>[number];

function portsOf(record: ContainerRecord, show: (port: Port) => Document): Record<string, Document[]> {
  const found: Record<string, Document[]> = {};
  const asked = record.state === "running" ? (record.ports ?? []) : (record.options.ports ?? []);
  for (const port of asked) {
    const name = `${port.containerPort}/${port.protocol}`;
    found[name] = [...(found[name] ?? []), show(port)];
  }
  return found;
}

function networkSettingsOf(context: Context, record: ContainerRecord): Document {
  const live = record.state === "running" ? record : undefined;
  return {
    Ports:
      live === undefined ? {} : portsOf(record, (port) => ({ HostIp: port.hostIp, HostPort: String(port.hostPort) })),
    Bridge: live?.address === undefined ? "" : context.network.bridge,
    IPAddress: live?.address ?? "",
    Gateway: live?.gateway ?? "",
    MacAddress: live?.mac ?? "",
  };
}
