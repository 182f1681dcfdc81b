import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseRuntimeConfig } from "@ctr/oci";
import { overlaySteps, takesLowersOneByOne } from "@ctr/overlayfs";
import { type RunOptions, run } from "@ctr/runtime";
import { containerConfig, writeBundle } from "./bundle.ts";
import { versionOf } from "./report.ts";
import type { Contestant } from "./rounds.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** Where everything lies that a benchmark makes. */
export interface Place {
  /** A temporary directory. */
  readonly directory: string;
  /** A root with nothing but /true and the directories that mounts need. */
  readonly rootfs: string;
  /** All cgroups are made below it. */
  readonly cgroup: string;
  readonly stopwatch: Stopwatch;
}

/** From the call to the exit, clean-up included. */
async function timeRun(options: RunOptions): Promise<number> {
  const start = performance.now();
  const container = await run(options);
  const { code } = await container.ended();
  const milliseconds = performance.now() - start;
  if (code !== 0) throw new Error(`the container ended with ${code}`);
  return milliseconds;
}

export function library(place: Place): Contestant {
  const config = containerConfig({ cgroupsPath: `${place.cgroup}/library` });
  return { name: "run() of @ctr/runtime", run: () => timeRun({ config, rootfs: place.rootfs }) };
}

/** As a runtime that is called with a bundle has to: config.json is read and checked every time. */
export function libraryWithBundle(place: Place): Contestant {
  const config = containerConfig({ cgroupsPath: `${place.cgroup}/bundle` });
  const bundle = writeBundle(join(place.directory, "bundle"), config, place.rootfs);
  return {
    name: "run(), config.json parsed each time",
    run: async () => {
      const start = performance.now();
      const config = parseRuntimeConfig(readFileSync(join(bundle, "config.json")));
      const before = performance.now() - start;
      return before + (await timeRun({ config, rootfs: place.rootfs }));
    },
  };
}

const overlayLayers = 5;

export function libraryOnOverlay(place: Place): Contestant {
  const config = containerConfig({ cgroupsPath: `${place.cgroup}/overlay` });
  const at = (name: string): string => {
    const directory = join(place.directory, "overlay", name);
    mkdirSync(directory, { recursive: true });
    return directory;
  };
  const lowers = Array.from({ length: overlayLayers }, (_, layer) => at(`layer${layer}`));
  cpSync(place.rootfs, lowers.at(-1)!, { recursive: true });
  const target = at("merged");
  const because = { option: "benchmark", why: "an image's layers" };
  const overlay = { lowers, upper: at("upper"), work: at("work"), oneByOne: takesLowersOneByOne() };
  const mountRoot = overlaySteps({ ...overlay, target, because });
  return {
    name: `run(), overlay of ${overlayLayers} layers`,
    run: () => timeRun({ config, rootfs: target, mountRoot }),
  };
}

/** The command, in a state directory of its own, with an image of one program. None when it is not bundled. */
export function commands(place: Place): Contestant[] {
  const ctr = fileURLToPath(new URL("../packages/cli/bin/ctr.js", import.meta.url));
  if (!existsSync(new URL("../packages/cli/dist/bundle/ctr.js", import.meta.url))) return [];
  const command = [process.execPath, ctr, "--root", join(place.directory, "state")];
  const program = join(place.rootfs, "true");
  execFileSync(command[0]!, [...command.slice(1), "image", "from-host", "--tag", "true", program], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return ["none", "bridge"].map((network) => ({
    name: `ctr run --rm --network ${network}`,
    run: () =>
      place.stopwatch.time([
        ...command,
        "run",
        "--rm",
        "--network",
        network,
        "--memory",
        "256m",
        "--cpus",
        "1.5",
        "--pids-limit",
        "100",
        "true",
        program,
      ]),
  }));
}

/** Another OCI runtime, with the same configuration. */
export function peer(place: Place, program: string, globalOptions: readonly string[] = []): Contestant | undefined {
  if (versionOf(program) === undefined) return undefined;
  const id = `ctr-benchmark-${process.pid}`;
  const bundle = writeBundle(
    join(place.directory, program),
    containerConfig({ cgroupsPath: `${place.cgroup}/${program}` }),
    place.rootfs,
  );
  const state = join(place.directory, `${program}-state`);
  return {
    name: `${program} run`,
    run: () => place.stopwatch.time([program, ...globalOptions, "--root", state, "run", "--bundle", bundle, id]),
  };
}

/** Neither cgroups, nor seccomp, nor capabilities, nor a root: what namespaces alone take. */
export function unshare(place: Place): Contestant | undefined {
  if (versionOf("unshare") === undefined) return undefined;
  const namespaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--mount-proc"];
  return {
    name: "unshare, namespaces only",
    run: () => place.stopwatch.time(["unshare", ...namespaces, join(place.rootfs, "true")]),
  };
}

export function plainProcess(place: Place): Contestant {
  return { name: "fork and exec", run: () => place.stopwatch.time([join(place.rootfs, "true")]) };
}

export function nodeAlone(place: Place): Contestant {
  return { name: "node -e 0", run: () => place.stopwatch.time([process.execPath, "-e", "0"]) };
}
