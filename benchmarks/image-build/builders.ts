import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Daemon } from "../layer-reuse/tools.ts";
import { versionOf } from "../report.ts";

/** Commands of a builder in one turn, each as its arguments. */
interface BuildCommands {
  /** Take the base image in. */
  readonly load: (archive: string, name: string) => readonly (readonly string[])[];
  readonly build: (context: string) => readonly string[];
}

export interface Builder {
  readonly name: string;
  /** Programs that must be there. */
  readonly programs: readonly string[];
  /** @param directory  empty: for all that the builder keeps */
  readonly commands: (directory: string) => BuildCommands;
  readonly daemon?: (directory: string) => Daemon;
  /** A command that fails where the builder cannot be used at all. */
  readonly probe?: readonly string[];
}

export const missingPrograms = ({ programs }: Builder): string[] =>
  programs.filter((program) => versionOf(program) === undefined);

const cli = new URL("../../packages/cli/", import.meta.url);

/** `ctr` as it is bundled now, copied: others may bundle it anew while it is measured. */
export function ctr(scratch: string): Builder {
  if (!existsSync(new URL("dist/bundle/ctr.js", cli))) throw new Error("ctr is not bundled: npm run build");
  const copy = join(scratch, "ctr-copy");
  for (const path of ["bin", "package.json", "dist/bundle", "dist/build"])
    cpSync(fileURLToPath(new URL(path, cli)), join(copy, path), { recursive: true });
  return {
    name: "ctr",
    programs: [process.execPath],
    commands: (directory) => {
      const command = [process.execPath, join(copy, "bin/ctr.js"), "--root", directory];
      return {
        load: (archive) => [[...command, "load", "-q", "-i", archive]],
        build: (context) => [...command, "build", "-q", "--network", "none", "-t", "bench", context],
      };
    },
  };
}

// Not what stands first in PATH under its name: that may be another build.
const docker = "/usr/bin/docker";

const dockerDaemon = (directory: string): Daemon => {
  const socket = `unix://${join(directory, "docker.sock")}`;
  return {
    command: [
      ...["dockerd", "-H", socket, "--pidfile", join(directory, "docker.pid")],
      ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "overlay2"],
    ],
    ping: [docker, "-H", socket, "version"],
  };
};

function dockerBuilder(o: {
  readonly name: string;
  readonly how: readonly string[];
  readonly probe?: readonly string[];
}): Builder {
  return {
    name: o.name,
    programs: [docker, "dockerd"],
    daemon: dockerDaemon,
    ...(o.probe === undefined ? {} : { probe: o.probe }),
    commands: (directory) => {
      const command = [docker, "-H", `unix://${join(directory, "docker.sock")}`];
      return {
        load: (archive) => [[...command, "load", "-q", "-i", archive]],
        build: (context) => ["env", ...o.how, ...command, "build", "-q", "--network", "none", "-t", "bench", context],
      };
    },
  };
}

// crun before 1.9 runs nothing on a hybrid cgroup machine: a chroot, which is less, is what they get.
const isolated = ["--isolation", "chroot", "--pull=never", "--layers"];

export const peers: readonly Builder[] = [
  dockerBuilder({ name: "docker, classic builder", how: ["DOCKER_BUILDKIT=0"] }),
  dockerBuilder({ name: "docker, BuildKit", how: ["DOCKER_BUILDKIT=1"], probe: [docker, "buildx", "version"] }),
  {
    name: "buildah, chroot isolation",
    programs: ["buildah"],
    commands: (directory) => {
      const places = ["--root", join(directory, "root"), "--runroot", join(directory, "run")];
      const command = ["buildah", ...places, "--storage-driver", "overlay"];
      return {
        load: (archive, name) => [
          [...command, "pull", "-q", `docker-archive:${archive}`],
          [...command, "tag", name, "bench-base"],
        ],
        build: (context) => [...command, "build", "-q", ...isolated, "-t", "bench", context],
      };
    },
  },
  {
    name: "podman, chroot isolation",
    programs: ["podman"],
    commands: (directory) => {
      const places = ["--root", join(directory, "root"), "--runroot", join(directory, "run")];
      const command = [
        "podman",
        ...places,
        "--storage-driver",
        "overlay",
        "--events-backend",
        "none",
        "--cgroup-manager",
        "cgroupfs",
      ];
      return {
        load: (archive) => [[...command, "load", "-q", "-i", archive]],
        build: (context) => [...command, "build", "-q", ...isolated, "-t", "bench", context],
      };
    },
  },
];
