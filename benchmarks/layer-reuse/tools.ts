import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { versionOf } from "../report.ts";

/** Commands of a tool in one turn, each as its arguments. */
export interface Commands {
  /** Fetch and unpack. */
  pull(reference: string): readonly string[];
  tag(from: string, to: string): readonly string[];
  push(reference: string): readonly string[];
  save(reference: string, file: string): readonly string[];
  /** Take an archive in and unpack it. */
  load(file: string): readonly string[];
}

/** A daemon that a tool needs: it is started for the turn, and ended by its process id. */
export interface Daemon {
  readonly command: readonly string[];
  /** Ends with 0 once the daemon answers. */
  readonly ping: readonly string[];
}

export interface Tool {
  readonly name: string;
  /** Programs that must be there. */
  readonly programs: readonly string[];
  /** @param directory  empty: for all that the tool keeps */
  readonly commands: (directory: string) => Commands;
  readonly daemon?: (directory: string) => Daemon;
}

/** The programs of a tool that are not installed. */
export function missingPrograms({ programs }: Tool): string[] {
  return programs.filter((program) => versionOf(program) === undefined);
}

const cli = new URL("../../packages/cli/", import.meta.url);

/**
 * `ctr` as it is bundled now, copied: others may bundle it anew while it is measured.
 * @throws {Error} when it is not bundled
 */
export function ctr(scratch: string): Tool {
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
        pull: (reference) => [...command, "pull", "-q", reference],
        tag: (from, to) => [...command, "tag", from, to],
        push: (reference) => [...command, "push", "-q", reference],
        save: (reference, file) => [...command, "save", "-o", file, reference],
        load: (file) => [...command, "load", "-q", "-i", file],
      };
    },
  };
}

// Not what stands first in PATH under their names: that may be another build, or our own `ctr`.
const docker = "/usr/bin/docker";
const containerdClient = "/usr/bin/ctr";

export const peers: readonly Tool[] = [
  {
    name: "docker",
    programs: [docker, "dockerd"],
    daemon: (directory) => ({
      command: [
        ...["dockerd", "-H", dockerSocket(directory), "--pidfile", join(directory, "docker.pid")],
        ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
        ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "overlay2"],
      ],
      ping: [docker, "-H", dockerSocket(directory), "version"],
    }),
    commands: (directory) => {
      const command = [docker, "-H", dockerSocket(directory)];
      return {
        pull: (reference) => [...command, "pull", "-q", reference],
        tag: (from, to) => [...command, "tag", from, to],
        push: (reference) => [...command, "push", "-q", reference],
        save: (reference, file) => [...command, "save", "-o", file, reference],
        load: (file) => [...command, "load", "-q", "-i", file],
      };
    },
  },
  {
    name: "podman",
    programs: ["podman"],
    commands: (directory) => {
      const command = [
        ...["podman", "--root", join(directory, "root"), "--runroot", join(directory, "run")],
        ...["--storage-driver", "overlay", "--events-backend", "none", "--cgroup-manager", "cgroupfs"],
      ];
      return {
        pull: (reference) => [...command, "pull", "-q", "--tls-verify=false", reference],
        tag: (from, to) => [...command, "tag", from, to],
        push: (reference) => [...command, "push", "-q", "--tls-verify=false", reference],
        save: (reference, file) => [...command, "save", "-q", "-o", file, reference],
        load: (file) => [...command, "load", "-q", "-i", file],
      };
    },
  },
  {
    name: "containerd",
    programs: [containerdClient, "containerd"],
    daemon: (directory) => {
      const config = join(directory, "config.toml");
      writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
      const socket = containerdSocket(directory);
      return {
        command: [
          ...["containerd", "--config", config, "--address", socket],
          ...["--root", join(directory, "root"), "--state", join(directory, "state")],
        ],
        ping: [containerdClient, "--address", socket, "version"],
      };
    },
    commands: (directory) => {
      const command = [containerdClient, "--address", containerdSocket(directory), "images"];
      return {
        pull: (reference) => [...command, "pull", "--plain-http", reference],
        tag: (from, to) => [...command, "tag", from, to],
        push: (reference) => [...command, "push", "--plain-http", reference],
        save: (reference, file) => [...command, "export", file, reference],
        load: (file) => [...command, "import", file],
      };
    },
  },
  {
    name: "skopeo + umoci",
    programs: ["skopeo", "umoci"],
    commands: (directory) => {
      const tagOf = (reference: string): string => reference.replace(/[^A-Za-z0-9]/g, "-");
      const image = (reference: string): string => `${join(directory, "layout")}:${tagOf(reference)}`;
      const bundle = (reference: string): string => join(directory, tagOf(reference));
      // What is unpacked is not asked for again.
      const unpack = (reference: string): string =>
        `test -e ${bundle(reference)} || umoci unpack --image ${image(reference)} ${bundle(reference)}`;
      const script = (...lines: string[]): string[] => ["sh", "-ec", lines.join("; ")];
      return {
        pull: (reference) =>
          script(
            `skopeo copy -q --src-tls-verify=false docker://${reference} oci:${image(reference)}`,
            unpack(reference),
          ),
        tag: (from, to) => ["umoci", "tag", "--image", image(from), tagOf(to)],
        push: (reference) => [
          ...["skopeo", "copy", "-q", "--dest-tls-verify=false"],
          ...[`oci:${image(reference)}`, `docker://${reference}`],
        ],
        save: (reference, file) => [
          ...["skopeo", "copy", "-q", `oci:${image(reference)}`, `docker-archive:${file}:${reference}`],
        ],
        load: (file) => script(`skopeo copy -q docker-archive:${file} oci:${image("loaded")}`, unpack("loaded")),
      };
    },
  },
];

function dockerSocket(directory: string): string {
  return `unix://${join(directory, "docker.sock")}`;
}

function containerdSocket(directory: string): string {
  return join(directory, "containerd.sock");
}
