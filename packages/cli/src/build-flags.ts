import type { BuildOptions, CommandSettings } from "@ctr/engine";
import { type Command, Option } from "commander";
import { parseCacheFrom, parseCacheTo } from "./cache-flag.ts";
import { Failure } from "./failure.ts";
import { type BuildOutput, parseOutput } from "./output-flag.ts";
import { readPlatform } from "./platform-flag.ts";
import { limitsOf, rlimit } from "./run-flags.ts";
import { parseSize } from "./size.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

/** Flags of `build` that are about what surrounds it: images, caches, limits, results, and how it is shown. */
export interface BuildFlags {
  readonly platform?: string[];
  readonly pull?: boolean;
  readonly noCacheFilter?: string[];
  readonly addHost?: string[];
  readonly shmSize?: string;
  readonly ulimit?: string[];
  readonly output?: string[];
  readonly push?: boolean;
  readonly load?: boolean;
  readonly cacheFrom?: string[];
  readonly cacheTo?: string[];
  readonly reproducible?: boolean;
  readonly verify?: boolean;
  readonly provenance?: string;
  readonly sbom?: string;
}

export function addBuildFlags(command: Command): Command {
  return command
    .option("--platform <os/arch>", "the image for another platform; several, with commas, make an index", collect)
    .option("--pull", "look for newer images also where one is here")
    .addOption(noCacheFilter())
    .option("--add-host <name:address>", "one more line of /etc/hosts", collect)
    .option("--shm-size <bytes>", "size of /dev/shm")
    .option("--ulimit <type=soft[:hard]>", "resource limit of each process", collect)
    .option("-m, --memory <bytes>", "memory limit of each RUN")
    .option("--memory-swap <bytes>", "memory and swap together; -1 for no limit of swap")
    .option("-c, --cpu-shares <number>", "relative weight of each RUN, 1024 is usual")
    .option("--cpu-period <microseconds>", "accounting window")
    .option("--cpu-quota <microseconds>", "time in each window")
    .option("--cpuset-cpus <list>", "CPUs it may use: 0-2,4")
    .option("--cpuset-mems <list>", "memory nodes it may use")
    .option(
      "-o, --output <where>",
      "type=image|docker|oci|local|tar|registry|cacheonly[,dest=…], or a directory",
      collect,
    )
    .option("--push", "push all names when it is built: --output type=registry")
    .option("--load", "list it in the store, which is what happens anyway: --output type=docker")
    .option("--cache-from <where>", "type=local,src=… or type=registry,ref=…: steps of other machines", collect)
    .option("--cache-to <where>", "type=local,dest=…, type=registry,ref=… or type=inline", collect)
    .option("--reproducible", "leave nothing of when and where it was built in the image")
    .option("--verify", "build a second time under other conditions, and compare")
    .option("--provenance <value>", "for compatibility: false")
    .option("--sbom <value>", "for compatibility: false");
}

/** Commander takes a flag that begins with "no" for the end of another one. */
function noCacheFilter(): Option {
  const option = new Option("--no-cache-filter <stage>", "run every step of this stage").argParser(collect);
  option.negate = false;
  option.attributeName = () => "noCacheFilter";
  return option;
}

/** What the flags ask for. @throws {Failure} {OciError} */
export function surroundingsOf(
  flags: BuildFlags,
): Partial<BuildOptions> & { readonly outputs: readonly BuildOutput[] } {
  for (const name of ["provenance", "sbom"] as const)
    if (flags[name] !== undefined && flags[name] !== "false")
      throw new Failure(`--${name} ${flags[name]}: attestations are not there yet, only false is`, 1);
  const outputs = outputsOf(flags);
  const cacheTo = (flags.cacheTo ?? []).map(parseCacheTo);
  const isReproducible =
    flags.reproducible === true || flags.verify === true || outputs.some(({ reproducible }) => reproducible);
  return {
    outputs,
    platforms: list(flags.platform).map(readPlatform),
    pullAlways: flags.pull ?? false,
    noCacheStages: list(flags.noCacheFilter),
    commands: commandSettings(flags),
    cacheFrom: (flags.cacheFrom ?? []).map(parseCacheFrom),
    cacheTo: cacheTo.flatMap((place) => (place.type === "inline" ? [] : [place])),
    inlineCache: cacheTo.some(({ type }) => type === "inline"),
    reproducible: isReproducible,
    keep: outputs.length === 0 || outputs.some(isStored) ? "image" : "documents",
  };
}

/** Whether an output is the store itself. */
export const isStored = ({ type, dest }: BuildOutput): boolean =>
  type === "image" || (type === "docker" && dest === undefined);

function outputsOf({ output = [], push, load }: BuildFlags): BuildOutput[] {
  const outputs = [...output, ...(load === true ? ["type=docker"] : [])].map(parseOutput);
  if (push !== true) return outputs;
  if (outputs.some((one) => !isStored(one))) throw new Failure("--push cannot be used with this --output", 1);
  return outputs.length === 0 ? [parseOutput("type=registry")] : outputs.map((one) => ({ ...one, push: true }));
}

const list = (values: readonly string[] | undefined): string[] =>
  (values ?? []).flatMap((value) => value.split(",")).filter((value) => value !== "");

function commandSettings(flags: BuildFlags): CommandSettings {
  const { addHost = [], shmSize, ulimit = [] } = flags;
  const resources = limitsOf(flags as Record<string, unknown>);
  return {
    ...(addHost.length === 0 ? {} : { addHosts: addHost.map(hostEntry) }),
    ...(shmSize === undefined ? {} : { shmBytes: parseSize(shmSize, "--shm-size") }),
    ...(ulimit.length === 0 ? {} : { rlimits: ulimit.map(rlimit) }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
  };
}

/** `name:address`, or with an equals sign, as newer versions of Docker write it. */
function hostEntry(text: string): string {
  const match = /^([^:=\s]+)[:=]\[?([0-9A-Fa-f:.]+|host-gateway)\]?$/.exec(text);
  if (match === null)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for "--add-host" flag: bad format for add-host`, 125);
  return `${match[1]}:${match[2]}`;
}
