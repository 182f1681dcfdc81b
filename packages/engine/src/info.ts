import { readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";
import { hostFacts } from "@ctr/runtime";
import type { Context } from "./context.ts";
import type { Document } from "./inspect.ts";

/** All packages are released together: this one's version is everybody's. */
export const version: string = "0.0.0";

/** What `ctr info` tells about this machine and state directory, with Docker's names. */
export function info(context: Context): Document {
  const { layout } = hostFacts();
  const records = context.table.all();
  const count = (state: string): number => records.filter((record) => record.state === state).length;
  return {
    ServerVersion: version,
    Containers: records.length,
    ContainersRunning: count("running"),
    ContainersPaused: 0,
    ContainersStopped: records.length - count("running"),
    Images: context.store.list().length,
    Driver: "overlay2",
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    CgroupVersion: layout.kind === "v2" ? "2" : "1",
    CgroupLayout: layout.kind,
    CgroupControllers: Object.keys(layout.controllers).sort(),
    KernelVersion: release(),
    OperatingSystem: operatingSystem(),
    OSType: "linux",
    Architecture: arch() === "x64" ? "x86_64" : arch() === "arm64" ? "aarch64" : arch(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Name: hostname(),
    DockerRootDir: context.root,
    DefaultRuntime: "ctr",
    SecurityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"],
    LiveRestoreEnabled: true,
  };
}

function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
