import { closeSync, constants, lchownSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { AgentMount, LayersMount, RunMount, SecretFileMount } from "@ctr/builder";
import type { Mount } from "@ctr/oci";
import { overlaySteps, takesLowersOneByOne } from "@ctr/overlayfs";
import type { Reason, Step } from "@ctr/plan";
import { type AgentForward, forwardAgent } from "./agent-forward.ts";

//  <directory>/mount-<n>     empty; in the container's own mount namespace, what its nth mount shows
//              layers-<n>    where layers are put together, to look for a path in them
//              secrets       a tmpfs, there only in that namespace
//              agent-<n>     a socket that leads to the caller's agent

/** The mounts of a build's command. */
export interface BuildMounts extends AsyncDisposable {
  /** Done on the host's tree, in the container's mount namespace, before its root is entered. */
  readonly steps: readonly Step[];
  /** For the container's configuration. */
  readonly mounts: readonly Mount[];
}

/**
 * Where a RUN has something mounted, and how.
 *
 * @param directory  The command's own, which nobody else enters.
 */
export async function buildMounts(requested: readonly RunMount[], directory: string): Promise<BuildMounts> {
  const forwards: AgentForward[] = [];
  const close = async (): Promise<void> => {
    for (const forward of forwards.splice(0)) await forward.close();
  };
  const steps: Step[] = [];
  const mounts: Mount[] = [];
  try {
    for (const [index, mount] of requested.entries()) {
      if (mount.type === "agent") forwards.push(await agent(mount, directory, index));
      steps.push(...stepsOf(mount, directory, index, requested));
      mounts.push(entryOf(mount, directory, index));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { steps, mounts, [Symbol.asyncDispose]: close };
}

const placeOf = (directory: string, index: number): string => join(directory, `mount-${index}`);

function entryOf(mount: RunMount, directory: string, index: number): Mount {
  const { target: destination, readOnly } = mount;
  const access = readOnly ? "ro" : "rw";
  if (mount.type === "tmpfs") {
    const size = mount.size === undefined || mount.size === 0 ? [] : [`size=${mount.size}`];
    return { destination, type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", access, ...size] };
  }
  const source =
    mount.type === "path"
      ? mount.source
      : mount.type === "agent"
        ? join(directory, `agent-${index}`)
        : placeOf(directory, index);
  const walls = mount.type === "secret" || mount.type === "agent" ? ["nosuid", "nodev", "noexec"] : ["nodev"];
  return { destination, type: "bind", source, options: ["bind", access, "private", ...walls] };
}

function stepsOf(mount: RunMount, directory: string, index: number, all: readonly RunMount[]): Step[] {
  if (mount.type === "layers") return layersSteps(mount, directory, index);
  if (mount.type !== "secret") return [];
  const first = all.findIndex(({ type }) => type === "secret") === index;
  return [...(first ? secretFileSystem(directory) : []), ...secretSteps(mount, directory, index)];
}

// The path is opened below an fd of the layers' top, and that very file is what is shown (CVE-2024-1753).
function layersSteps(mount: LayersMount & RunMount, directory: string, index: number): Step[] {
  const because: Reason = { option: "--mount=type=bind", why: `${mount.target} shows ${mount.path} of other layers` };
  const top = join(directory, `layers-${index}`);
  const place = placeOf(directory, index);
  mkdirSync(top, { mode: 0o700 });
  if (mount.isDirectory) mkdirSync(place, { mode: 0o700 });
  else writeFileSync(place, "", { flag: "wx" });
  const { lowers, scratch } = mount;
  return [
    ...overlaySteps({ lowers, ...scratch, oneByOne: takesLowersOneByOne(), target: top, because }),
    { do: "enterRootfs", path: top, because },
    {
      do: "bind",
      from: "rootfs",
      source: mount.path,
      recursive: false,
      set: [],
      clear: [],
      propagation: "private",
      idmap: -1,
      in: "host",
      target: place,
      missing: "refuse",
      because,
    },
  ];
}

const secret: Reason = { option: "--mount=type=secret", why: "it is in memory, and only this command sees it" };

function secretFileSystem(directory: string): Step[] {
  const target = join(directory, "secrets");
  mkdirSync(target, { mode: 0o700 });
  return [
    {
      do: "mount",
      type: "tmpfs",
      source: "tmpfs",
      options: ["mode=0700"],
      attributes: ["noSuid", "noDev", "noExec"],
      in: "host",
      target,
      missing: "refuse",
      because: secret,
    },
  ];
}

function secretSteps(mount: SecretFileMount, directory: string, index: number): Step[] {
  const path = join(directory, "secrets", String(index));
  const place = placeOf(directory, index);
  writeFileSync(place, "", { flag: "wx" });
  const { mode, uid, gid, value: bytes } = mount;
  return [
    { do: "makeFile", in: "host", path, mode, uid, gid, bytes, because: secret },
    {
      do: "bind",
      from: "host",
      source: path,
      recursive: false,
      set: [],
      clear: [],
      propagation: "private",
      idmap: -1,
      in: "host",
      target: place,
      missing: "refuse",
      because: secret,
    },
  ];
}

async function agent(mount: AgentMount, directory: string, index: number): Promise<AgentForward> {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // By its fd: the name of a socket has room for 107 bytes (unix(7)).
    const forward = await forwardAgent({ at: `/proc/self/fd/${fd}/agent-${index}`, agent: mount.agent });
    const path = join(directory, `agent-${index}`);
    await chmod(path, mount.mode);
    lchownSync(path, mount.uid, mount.gid);
    return {
      close: async () => {
        await forward.close();
        closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
